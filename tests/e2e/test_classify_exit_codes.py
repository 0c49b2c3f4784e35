"""The exit codes of `dropmesh classify-dir`, and what a later run makes of each."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.mesh import eventually
from tests.servers.process import free_port
from tests.servers.rabbitmq import rabbitmq
from tests.servers.tools import Missing
from tests.support.classify_dir import draw_images, plain_classifier, platform

MODELCLS = ("--profile", "modelcls")
UNANSWERED = (*MODELCLS, "--reply-seconds", "0.3", "--attempts", "1")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A RabbitMQ of its own: the classifier's queues have fixed names."""
    try:
        with rabbitmq() as url:
            yield url
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    # A reply to another test's image of the same path and content would be a reply to this one.
    draw_images(tmp_path / "images" / tmp_path.name, 2)
    return tmp_path / "images"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--in-flight", "0"), "in_flight: Input should be greater than or equal to 1 (images that wait"),
        (("--amqp", "http://127.0.0.1"), "amqp: String should match pattern"),
        (("--config", "missing.toml"), "config: missing.toml cannot be read (No such file"),
        (("--profile", "mine"), "profile: no mine; there are dropmesh, modelcls, or give the path"),
        (("--profile", "missing.toml"), "profile: no missing.toml"),
        (("--results", "no-results"), "results: no-results is not a results file"),
        (("--results", "nowhere/results.db"), "results: nowhere/results.db cannot be written (No such file"),
        (("--log", "nowhere/run.log"), "log: nowhere/run.log cannot be written (No such file"),
        (("--log", "/dev/full"), "/dev/full or results.db cannot be written (No space left on device)"),
        (("--unknown",), "unrecognized arguments: --unknown"),
    ],
)
def test_2_what_cannot_be_used_is_named(images: Path, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    output = tmp_path / "out"
    output.mkdir()
    (output / "no-results").write_text("a text, and no database at all: " * 100)
    with platform(images, output, *options) as run:
        assert run.wait() == 2, run.terminal
    assert said in run.terminal
    assert "Traceback" not in run.terminal


def test_2_a_folder_that_does_not_exist_and_results_that_another_run_writes(
    broker: str, images: Path, tmp_path: Path
) -> None:
    with platform(tmp_path / "nowhere", tmp_path / "out") as run:
        assert run.wait() == 2
    assert "dir: " in run.terminal
    assert "is not a folder" in run.terminal
    output = tmp_path / "shared"
    with platform(images, output, "--amqp", broker, *MODELCLS, "--follow") as first:
        eventually(lambda: "  sent  " in first.log)
        with platform(images, output, "--amqp", broker, *MODELCLS) as second:
            assert second.wait() == 2
    assert "results: another run writes to results.db" in second.terminal


def test_3_rabbitmq_is_away_or_refuses_the_user_and_a_later_run_goes_on(
    broker: str, images: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    nowhere = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    with platform(images, output, "--amqp", nowhere, "--connect-seconds", "0.5", *MODELCLS) as run:
        assert run.wait() == 3, run.terminal
    assert "RabbitMQ could not be used for 0.5 s (" in run.terminal
    with platform(images, output, "--amqp", broker.replace("guest:guest", "guest:wrong"), *MODELCLS) as run:
        assert run.wait() == 3, run.terminal
    assert "RabbitMQ refuses the user or the password" in run.terminal
    with (
        plain_classifier(broker, tmp_path / "classifier"),
        platform(images, output, "--amqp", broker, *MODELCLS) as run,
    ):
        assert run.wait() == 0, run.terminal


def test_4_no_classifier_takes_requests_and_a_later_run_goes_on(broker: str, images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with platform(images, output, "--amqp", broker, *MODELCLS, "--classifier-seconds", "1") as run:
        assert run.wait() == 4, run.terminal
    assert "no classifier took requests for 1 s; start one, and run this again to go on" in run.terminal
    assert run.rows("SELECT count(*) FROM images WHERE state = 'SENT'") == [(2,)]
    with (
        plain_classifier(broker, tmp_path / "classifier"),
        platform(images, output, "--amqp", broker, *MODELCLS, "--classifier-seconds", "1") as run,
    ):
        assert run.wait() == 0, run.terminal


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_130_a_run_is_stopped_and_a_later_run_goes_on(
    broker: str, images: Path, tmp_path: Path, number: signal.Signals
) -> None:
    output = tmp_path / "out"
    with platform(images, output, "--amqp", broker, *MODELCLS) as run:
        eventually(lambda: run.rows("SELECT count(*) FROM images WHERE state = 'SENT'") == [(2,)])
        run.signal(number)
        assert run.wait() == 130, run.terminal
    assert "Traceback" not in run.terminal
    assert run.rows("SELECT outcome FROM runs") == [("exit code 130",)]
    with (
        plain_classifier(broker, tmp_path / "classifier"),
        platform(images, output, "--amqp", broker, *MODELCLS) as run,
    ):
        assert run.wait() == 0, run.terminal
    assert run.rows("SELECT count(*), count(error) FROM results") == [(2, 0)]


def test_1_some_failed_until_they_are_tried_again_with_retry_failed(broker: str, images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    with platform(images, output, "--amqp", broker, *UNANSWERED) as run:
        assert run.wait() == 1, run.terminal
    assert run.rows("SELECT count(*) FROM results WHERE error = 'no reply to 1 attempts'") == [(2,)]
    with plain_classifier(broker, tmp_path / "classifier"):
        # A run without the option leaves them as they are.
        with platform(images, output, "--amqp", broker, *MODELCLS) as run:
            assert run.wait() == 1, run.terminal
        assert run.rows("SELECT count(*) FROM results WHERE error IS NOT NULL") == [(2,)]
        with platform(images, output, "--amqp", broker, *MODELCLS, "--retry-failed") as run:
            assert run.wait() == 0, run.terminal
    assert "retrying  2 images that failed before" in run.log
    assert run.rows("SELECT count(*), count(DISTINCT image), count(error) FROM results") == [(2, 2, 0)]


def test_1_a_broken_file_counts_until_it_is_replaced_or_deleted(broker: str, images: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    for name in ("a.jpg", "b.jpg"):
        (images / name).write_bytes(b"\xff\xd8\xff no picture " + name.encode())
    with plain_classifier(broker, tmp_path / "classifier"):
        for expected in (1, 1):
            with platform(images, output, "--amqp", broker, *MODELCLS) as run:
                assert run.wait() == expected, run.terminal
        (images / "a.jpg").unlink()
        [good] = images.rglob("0001.*")
        (images / "b.jpg").write_bytes(good.read_bytes())
        with platform(images, output, "--amqp", broker, *MODELCLS) as run:
            assert run.wait() == 0, run.terminal
    assert run.rows("SELECT count(*) FROM results WHERE error IS NULL") == [(3,)]
