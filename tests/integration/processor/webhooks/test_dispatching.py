"""Webhooks over both kinds of stores: from a change in another process to the receiver."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Mapping

from services.common.events.log import Cursor, EventLog
from services.common.webhooks.model import Progress, Webhook
from services.common.webhooks.store import Deliveries, Webhooks
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


def _first_times(types: list[str]) -> list[str]:
    """An event may arrive again."""
    return list(dict.fromkeys(types))
