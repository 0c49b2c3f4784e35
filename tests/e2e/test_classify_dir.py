"""`dropmesh classify-dir` as a person runs it, with a real RabbitMQ and a classifier that cannot be changed."""

from __future__ import annotations

from collections.abc import Iterator

import pika
import pytest

from tests.e2e.mesh import eventually
from tests.servers.rabbitmq import rabbitmq
from tests.servers.tools import Missing
from tests.support.classify_dir import ROOT, draw_images, plain_classifier, platform

ONE_EACH = "SELECT count(*), count(DISTINCT image), count(error) FROM results"


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """A RabbitMQ of its own: the classifier's queues have fixed names."""
    try:
        with rabbitmq() as url:
            yield url
    except Missing as missing:
        pytest.skip(str(missing))


def waiting(url: str, queue: str) -> int:
    """How many messages a queue holds for the next consumer."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    count: int = connection.channel().queue_declare(queue, passive=True).method.message_count
    connection.close()
    return count


def test_a_classifier_that_cannot_be_changed_labels_five_hundred_images(broker, tmp_path):
    draw_images(tmp_path / "images", 500)
    (tmp_path / "images" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    output = tmp_path / "out"

    with (
        plain_classifier(broker, tmp_path / "classifier"),
        platform(tmp_path / "images", output, "--amqp", broker, "--profile", "modelcls") as run,
    ):
        assert run.wait() == 1, run.terminal

        assert run.rows(ONE_EACH) == [(501, 501, 1)]
        labels = dict(run.rows("SELECT label, count(*) FROM results WHERE error IS NULL GROUP BY 1"))
        assert labels == {"red": 250, "blue": 250}
        [(path, error, attempts)] = run.rows(
            "SELECT path, error, attempts FROM results JOIN images ON images.id = image WHERE error IS NOT NULL"
        )
        assert (path, attempts) == ("broken.jpg", 0)
        assert "cannot be" in error or "can be read" in error

        steps = [line.split()[2] for line in run.log.splitlines()]
        assert {step: steps.count(step) for step in ("sent", "replied", "stored", "failed")} == {
            "sent": 500,
            "replied": 500,
            "stored": 500,
            "failed": 1,
        }
        assert "classified                500" in run.terminal
        assert waiting(broker, "from_ai") == 0
    refusals = (tmp_path / "classifier").read_text()
    assert "PRECONDITION_FAILED" not in refusals
    assert "406" not in refusals


def test_a_second_run_has_nothing_to_do_and_a_new_image_is_all_it_sends(broker, tmp_path):
    draw_images(tmp_path / "images", 3)
    output = tmp_path / "out"
    options = ("--amqp", broker, "--profile", "modelcls")
    with plain_classifier(broker, tmp_path / "classifier"):
        with platform(tmp_path / "images", output, *options) as run:
            assert run.wait() == 0, run.terminal
        before = run.rows("SELECT * FROM results ORDER BY 1")
        with platform(tmp_path / "images", output, *options) as run:
            assert run.wait() == 0, run.terminal
        assert run.rows("SELECT * FROM results ORDER BY 1") == before
        draw_images(tmp_path / "images" / "more", 1)
        with platform(tmp_path / "images", output, *options) as run:
            assert run.wait() == 0, run.terminal
        assert run.rows(ONE_EACH) == [(4, 4, 0)]
    assert run.log.count("  sent  ") == 4


def test_what_stays_unanswered_is_sent_again_after_a_timeout_also_by_a_later_run(broker, tmp_path):
    draw_images(tmp_path / "images", 2)
    output = tmp_path / "out"
    options = ("--amqp", broker, "--profile", "modelcls", "--reply-seconds", "1", "--attempts", "100")
    with platform(tmp_path / "images", output, *options) as run:
        eventually(lambda: run.rows("SELECT count(*) FROM images WHERE state = 'SENT'") == [(2,)])
        run.kill()
    with platform(tmp_path / "images", output, *options) as run:
        eventually(lambda: "  retried  " in run.log)
        with plain_classifier(broker, tmp_path / "classifier"):
            assert run.wait() == 0, run.terminal
        assert run.rows(ONE_EACH) == [(2, 2, 0)]


def test_an_image_without_any_reply_is_given_up_and_the_run_ends(broker, tmp_path):
    draw_images(tmp_path / "images", 1)
    options = ("--amqp", broker, "--profile", "modelcls", "--reply-seconds", "0.3", "--attempts", "2")
    with platform(tmp_path / "images", tmp_path / "out", *options) as run:
        assert run.wait() == 1, run.terminal
    assert run.rows("SELECT error FROM results") == [("no reply to 2 attempts",)]


def test_follow_takes_images_as_they_appear_until_it_is_stopped(broker, tmp_path):
    draw_images(tmp_path / "images", 1)
    options = ("--amqp", broker, "--profile", "modelcls", "--follow", "--scan-seconds", "0.2")
    with (
        plain_classifier(broker, tmp_path / "classifier"),
        platform(tmp_path / "images", tmp_path / "out", *options) as run,
    ):
        eventually(lambda: run.rows(ONE_EACH) == [(1, 1, 0)])
        draw_images(tmp_path / "images" / "more", 2)
        eventually(lambda: run.rows(ONE_EACH) == [(3, 3, 0)])
        run.signal(2)
        assert run.wait() == 0, run.terminal


def test_queues_that_exist_with_other_arguments_are_reported_and_end_the_run(broker, tmp_path):
    draw_images(tmp_path / "images", 1)
    profile = tmp_path / "mine.toml"
    mine = (ROOT / "client/dropmesh/classify_dir/profiles/modelcls.toml").read_text()
    for name in ("to_ai", "from_ai"):
        mine = mine.replace(f'name = "{name}"', f'name = "{name}_mine"')
    profile.write_text(mine)
    with platform(tmp_path / "images", tmp_path / "out", "--amqp", broker, "--profile", str(profile)) as run:
        eventually(lambda: "  sent  " in run.log)
    profile.write_text(mine.replace('name = "to_ai_mine"', 'name = "to_ai_mine"\ndurable = true'))
    with platform(tmp_path / "images", tmp_path / "out", "--amqp", broker, "--profile", str(profile)) as run:
        assert run.wait() == 3
    assert "RabbitMQ refuses the queues of this profile" in run.terminal
    assert "to_ai_mine" in run.terminal
