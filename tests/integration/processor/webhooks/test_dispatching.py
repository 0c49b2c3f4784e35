"""Webhooks over both kinds of stores: from a change in another process to the receiver."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from services.common.catalog import Catalog
from services.common.events.log import Cursor, EventLog
from services.common.events.model import Changed, EventKind
from services.common.webhooks.model import Progress, Webhook
from services.common.webhooks.store import Deliveries, Webhooks
from services.processor.webhooks import dispatching
from services.processor.webhooks.dispatching import WebhookDispatcher
from services.processor.webhooks.sending import NotArrived
from services.processor.webhooks.signing import HEADER, signature
from tests.support.event_stores import EventStores, new_media, process

ORDER = ["MEDIA_NEW", "MEDIA_PROCESSING", "MEDIA_PROCESSED"]


def webhook(name: str) -> Webhook:
    now_ns = time.time_ns()
    return Webhook(name, "ann", f"https://{name}.test/", f"secret of {name}", now_ns, Progress(Cursor.at(now_ns)))


def dispatcher(stores: EventStores, receivers: Receivers) -> WebhookDispatcher:
    return WebhookDispatcher(
        Webhooks(stores.catalog),
        Deliveries(stores.catalog),
        EventLog(stores.catalog),
        stores.queue.bell,
        receivers.send,
        time.time_ns,
    )


class Receivers:
    """One answers, one takes ever so long, and one is dead."""

    def __init__(self) -> None:
        self.arrived: defaultdict[str, list[str]] = defaultdict(list)
        self.ids: list[str] = []
        self.changed = asyncio.Event()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        if "slow" in url:
            await asyncio.sleep(30)
        if "dead" in url:
            raise NotArrived("the connection failed")
        event = json.loads(body)
        seconds = int(headers[HEADER].split(",")[0].removeprefix("t="))
        assert headers[HEADER] == signature("secret of good", seconds, body)
        assert event["token"] == ""
        self.arrived[event["resource"]].append(event["type"])
        self.ids.append(event["id"])
        self.changed.set()


async def test_events_reach_a_good_receiver_beside_a_slow_and_a_dead_one(
    stores: EventStores, others: EventStores
) -> None:
    receivers, webhooks = Receivers(), Webhooks(stores.catalog)
    for name in ("slow", "dead", "good"):
        await webhooks.insert(webhook(name))
    stopping = asyncio.Event()
    # Two processors share the work.
    running = [asyncio.create_task(dispatcher(one, receivers).run(stopping)) for one in (stores, others)]
    names = []
    for _ in range(5):
        media = new_media()
        names.append(f"media/{media.id}")
        await others.media.insert(media)
        await process(others, media.id)
    async with asyncio.timeout(20):
        while len(receivers.ids) < 15:
            receivers.changed.clear()
            await receivers.changed.wait()
    stopping.set()
    await asyncio.gather(*running)
    assert {name: _first_times(receivers.arrived[name]) for name in names} == dict.fromkeys(names, ORDER)
    dead = await webhooks.find("dead")
    assert dead is not None
    assert dead.progress.failures > 0


class CountedLog(EventLog):
    """Counts the readings of each owner's events."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self.readings: Counter[str | None] = Counter()

    async def page(
        self, cursor: Cursor, *, owner: str | None, kinds: Iterable[EventKind], limit: int
    ) -> Sequence[Changed]:
        self.readings[owner] += 1
        return await super().page(cursor, owner=owner, kinds=kinds, limit=limit)


async def test_what_was_not_announced_arrives_and_webhooks_without_events_cost_nothing(
    stores: EventStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatching, "SWEEP_SECONDS", 0.1)
    receivers, webhooks, log = Receivers(), Webhooks(stores.catalog), CountedLog(stores.catalog)
    await webhooks.insert(webhook("good"))
    for number in range(20):
        await webhooks.insert(replace(webhook(f"idle{number}"), owner=f"owner{number}"))
    deaf = SimpleNamespace(listen=lambda _: None)
    dispatched = WebhookDispatcher(webhooks, Deliveries(stores.catalog), log, deaf, receivers.send, time.time_ns)
    stopping = asyncio.Event()
    running = asyncio.create_task(dispatched.run(stopping))
    async with asyncio.timeout(20):
        while log.readings[None] < 3:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.05)
        await stores.media.insert(new_media())
        await receivers.changed.wait()
        swept = log.readings[None]
        while log.readings[None] < swept + 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    stopping.set()
    await running
    assert len(receivers.ids) == 1
    assert {log.readings[f"owner{number}"] for number in range(20)} == {1}


def _first_times(types: list[str]) -> list[str]:
    """An event may arrive again."""
    return list(dict.fromkeys(types))
