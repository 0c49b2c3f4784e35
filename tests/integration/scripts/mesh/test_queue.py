"""scripts/queue as an operator types it, on each kind of queue."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scripts.mesh.queue import main
from services.common.catalog.opening import open_catalog
from services.common.drops.topics import DROPS
from services.common.queue import Queue
from services.common.settings import Settings
from services.common.stores.open import open_queue

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


@pytest.mark.parametrize("words", [("revive", "drops"), ("purge", "nothing", "--all"), ("purge", "drops")])
def test_what_is_meant_has_to_be_said(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/queue", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
