"""scripts/queue as an operator types it, on each kind of queue."""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from scripts.mesh.queue import main
from services.common.catalog.opening import open_catalog
from services.common.drops.topics import DROPS
from services.common.queue import Queue
from services.common.settings import Settings
from services.common.stores.open import open_queue
from services.processor.classify_queue.profile import SHIPPED, load_profile
from services.processor.classify_queue.queues import declare

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture(params=["embedded", "rabbitmq"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "embedded":
        return Settings(data=tmp_path)
    return Settings(data=tmp_path, queue=f"{request.getfixturevalue('amqp_url')}?prefix=command-{uuid.uuid4().hex}")


@pytest.fixture
def command(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("DROPMESH_QUEUE", settings.queue)

    def typed(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scripts/queue", *words, "--data", str(settings.data)])
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


async def _bury(queue: Queue) -> None:
    await queue.publish(DROPS, [b"first", b"second"])
    for claim in await queue.claim(DROPS, limit=2, lease=timedelta(seconds=30), wait=timedelta(seconds=5)):
        await queue.reject(claim, reason="no worker got through")


async def _waiting(queue: Queue) -> list[tuple[bytes, int]]:
    claims = await queue.claim(DROPS, limit=10, lease=timedelta(seconds=30), wait=timedelta(seconds=1))
    return [(claim.body, claim.attempt) for claim in claims]


def on_queue(settings: Settings, act: Callable[[Queue], object]) -> object:
    async def run() -> object:
        catalog = await open_catalog(settings.catalog_url, ())
        queue = await open_queue(settings, catalog)
        try:
            return await act(queue)  # type: ignore[misc]
        finally:
            await queue.close()
            await catalog.close()

    return asyncio.run(run())


def test_an_operator_lists_shows_revives_and_purges(settings: Settings, command: Command) -> None:
    on_queue(settings, _bury)
    code, listed, _ = command("list")
    first, second, count = listed.splitlines()
    assert (code, count) == (0, "2 dead letters")
    assert first.startswith("drops  ")
    assert first.endswith("old  1 attempt  no worker got through")
    first_id, second_id = first.split()[1], second.split()[1]

    code, shown, _ = command("show", "drops", second_id)
    assert code == 0
    assert shown.endswith("reason: no worker got through\nmessage:\nsecond\n")

    assert command("revive", "drops", second_id)[:2] == (0, "1 dead letters published again\n")
    assert on_queue(settings, _waiting) == [(b"second", 1)]
    assert command("purge", "drops", "--all")[:2] == (0, "1 dead letters deleted\n")
    assert command("list", "drops")[:2] == (0, "no dead letters\n")

    code, _, complaint = command("show", "drops", first_id)
    assert (code, complaint) == (1, f"scripts/queue: the topic drops has no dead letter {first_id}\n")
    code, _, complaint = command("purge", "drops", first_id)
    assert (code, complaint) == (1, "scripts/queue: 1 of the ids are not in the topic drops\n")


@pytest.fixture
def classify(
    amqp_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Profile, Command]:
    """A profile with queues of its own, and the command on it; there is no mesh."""
    profile = tmp_path / "mine.toml"
    name = f"command.{uuid.uuid4().hex}"
    profile.write_text((SHIPPED / "dropmesh.toml").read_text().replace('"dropmesh.classify', f'"{name}'))
    monkeypatch.setenv("DROPMESH_CLASSIFY_AMQP", amqp_url)
    monkeypatch.setenv("DROPMESH_CLASSIFY_PROFILE", str(profile))

    def typed(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scripts/queue", *words, "--data", str(tmp_path / "no-mesh")])
        code = main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return load_profile(str(profile)), typed


async def _refuse(url: str, profile: Profile, *messages: aio_pika.Message) -> None:
    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    await declare(channel, profile.dead)
    for message in messages:
        await channel.default_exchange.publish(message, profile.dead.name)
    await connection.close()


async def _requests(url: str, profile: Profile) -> list[AbstractIncomingMessage]:
    connection = await aio_pika.connect(url)
    queue = await declare(await connection.channel(), profile.requests.queue)
    found = []
    while (message := await queue.get(fail=False, no_ack=True)) is not None:
        found.append(message)
    await connection.close()
    return found


def test_the_dead_letters_of_the_classifier_are_listed_shown_revived_and_purged(
    amqp_url: str, classify: tuple[Profile, Command]
) -> None:
    profile, command = classify
    assert command("list", "classify")[:2] == (0, "no dead letters\n")
    body = {"image_id": "a1", "image": "A" * 5000, "file_name": "cats/1.jpg"}
    headers = {"x-reason": "MEDIA_UNREADABLE: broken", "x-attempts": 1, "x-dead-since-ns": time.time_ns()}
    first = aio_pika.Message(
        json.dumps(body).encode(), message_id="one", correlation_id="a1", reply_to="to.me", headers=headers
    )
    # What RabbitMQ itself moves has neither our headers nor, from some senders, an id.
    second = aio_pika.Message(b"no JSON", headers={"x-first-death-reason": "delivery_limit"})
    asyncio.run(_refuse(amqp_url, profile, first, second))

    code, listed, _ = command("list", "classify")
    lines = listed.splitlines()
    assert (code, lines[2]) == (0, "2 dead letters")
    assert lines[0].startswith("classify  one  ")
    assert lines[0].endswith("old  1 attempt  MEDIA_UNREADABLE: broken")
    assert lines[1].endswith("  age unknown  0 attempts  delivery_limit")
    second_id = lines[1].split()[1]

    code, shown, _ = command("show", "classify", "one")
    assert code == 0
    assert "reason: MEDIA_UNREADABLE: broken" in shown
    assert '"file_name": "cats/1.jpg"' in shown
    assert "(5000 characters)" in shown
    assert len(shown) < 500

    assert command("revive", "classify", "one")[:2] == (0, "1 dead letters published again\n")
    [request] = asyncio.run(_requests(amqp_url, profile))
    assert json.loads(request.body) == body
    assert (request.correlation_id, request.reply_to, "x-attempts" in request.headers) == ("a1", "to.me", False)
    assert command("purge", "classify", second_id)[:2] == (0, "1 dead letters deleted\n")
    assert command("list", "classify")[:2] == (0, "no dead letters\n")


def test_the_classifiers_topic_needs_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys) -> None:
    monkeypatch.delenv("DROPMESH_CLASSIFY_AMQP", raising=False)
    monkeypatch.setattr(sys, "argv", ["scripts/queue", "list", "classify", "--data", str(tmp_path)])
    assert main() == 1
    assert "DROPMESH_CLASSIFY_AMQP is not set" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("revive", "drops"), ("purge", "nothing", "--all"), ("purge", "drops")])
def test_what_is_meant_has_to_be_said(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/queue", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
