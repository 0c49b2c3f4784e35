"""The turns of a webhook against receivers that are well, dead, slow or refuse, on a clock of the test."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.base.instants import SECOND_NS
from services.common.catalog import Position
from services.common.events.log import Cursor, EventLog
from services.common.settings import Settings
from services.common.webhooks.model import Delivery, DeliveryState, Progress, Webhook
from services.common.webhooks.store import Deliveries, Webhooks
from services.processor.webhooks.sending import NotArrived
from services.processor.webhooks.turn import TakenOver, Turn
from tests.support.calls import ANN
from tests.support.event_stores import EventStores, new_media, open_event_stores, process
from tests.support.media_mesh import Clock

ORDER = ["MEDIA_NEW", "MEDIA_PROCESSING", "MEDIA_PROCESSED"]
HOUR = 3600


class Receiver:
    """Answers as a test says; keeps what arrived."""

    def __init__(self) -> None:
        self.arrived: defaultdict[str, list[str]] = defaultdict(list)
        self.attempts = 0
        self.refuses: Callable[[str], bool] = lambda _: False

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        event = json.loads(body)
        self.attempts += 1
        await asyncio.sleep(0)
        if self.refuses(event["resource"]):
            raise NotArrived("the receiver answered 500")
        self.arrived[event["resource"]].append(event["type"])


class Hooks:
    """One webhook over stores, and its receiver."""

    def __init__(self, stores: EventStores, clock: Clock, webhook_id: str = "one") -> None:
        self.stores = stores
        self.clock = clock
        self.id = webhook_id
        self.receiver = Receiver()
        self.webhooks, self.deliveries = Webhooks(stores.catalog), Deliveries(stores.catalog)

    async def make(self) -> Hooks:
        now_ns = self.clock()
        await self.webhooks.insert(
            Webhook(self.id, "ann", "https://example.com/", "secret", now_ns, Progress(Cursor.at(now_ns)))
        )
        self.clock.advance(1)
        return self

    async def turn(self, holder: str = "a") -> None:
        webhook = await self.webhooks.find(self.id)
        assert webhook is not None
        log = EventLog(self.stores.catalog)
        await Turn(webhook, holder, self.webhooks, self.deliveries, log, self.receiver.send, self.clock).run()

    async def run(self, seconds: int, step: int = 5) -> None:
        """What the dispatcher does in that time."""
        for _ in range(0, seconds, step):
            self.clock.advance(step)
            await self.turn()

    async def upload(self) -> str:
        media = new_media(now_ns=self.clock())
        await self.stores.media.insert(media)
        self.clock.advance(0.001)
        await process(self.stores, media.id, clock=self.clock)
        return f"media/{media.id}"

    async def listed(self, state: DeliveryState | None = None) -> list[Delivery]:
        found: list[Delivery] = []
        after: Position | None = None
        while True:
            page, after = await self.deliveries.list(self.id, state, after=after, limit=100)
            found += page
            if after is None:
                return found


@pytest.fixture
async def hooks(tmp_path: Path) -> AsyncIterator[Hooks]:
    stores = await open_event_stores(Settings(data=tmp_path))
    yield await Hooks(stores, Clock()).make()
    await stores.close()


async def test_every_event_arrives_once_and_in_order(hooks: Hooks) -> None:
    names = [await hooks.upload() for _ in range(20)]
    await hooks.turn()
    await hooks.run(60)
    assert dict(hooks.receiver.arrived) == dict.fromkeys(names, ORDER)
    assert await hooks.listed() == []


async def test_an_idle_webhook_costs_no_write(hooks: Hooks) -> None:
    await hooks.upload()
    await hooks.run(30)
    before = await hooks.webhooks.find("one")
    await hooks.run(30)
    assert await hooks.webhooks.find("one") == before


async def test_a_receiver_that_was_dead_for_an_hour_gets_everything_in_order(hooks: Hooks) -> None:
    other = await Hooks(hooks.stores, hooks.clock, "two").make()
    hooks.receiver.refuses = lambda _: True
    names = []
    for _ in range(60):
        names.append(await hooks.upload())
        await hooks.run(60, step=20)
        await other.turn()
        assert other.receiver.arrived[names[-1]] == ORDER
    assert hooks.receiver.attempts < 40
    dead = await hooks.webhooks.find("one")
    assert dead is not None
    assert dead.progress.last_error == "the receiver answered 500"
    hooks.receiver.refuses = lambda _: False
    await hooks.run(3 * HOUR, step=60)
    assert dict(hooks.receiver.arrived) == dict.fromkeys(names, ORDER)
    assert await hooks.listed() == []


async def test_an_event_that_is_refused_holds_up_its_own_media_alone(hooks: Hooks) -> None:
    refused = await hooks.upload()
    hooks.receiver.refuses = lambda resource: resource == refused
    others = [await hooks.upload() for _ in range(10)]
    await hooks.run(120)
    assert {name: hooks.receiver.arrived[name] for name in others} == dict.fromkeys(others, ORDER)
    assert [one.attempts > 0 for one in await hooks.listed(DeliveryState.WAITING)] == [True, False, False]
    hooks.receiver.refuses = lambda _: False
    await hooks.run(HOUR, step=60)
    assert hooks.receiver.arrived[refused] == ORDER


async def test_a_delivery_is_given_up_after_hours_listed_and_tried_again(hooks: Hooks) -> None:
    refused = await hooks.upload()
    hooks.receiver.refuses = lambda resource: resource == refused
    for _ in range(24 * 3):
        # A receiver that takes other events is not dead.
        await hooks.upload()
        await hooks.run(HOUR, step=300)
    failed = await hooks.listed(DeliveryState.FAILED)
    assert [one.event_state for one in failed] == ["new", "processing", "processed"]
    assert all(one.last_error == "the receiver answered 500" for one in failed)
    attempts = hooks.receiver.attempts
    await hooks.run(60)
    assert hooks.receiver.attempts == attempts
    hooks.receiver.refuses = lambda _: False
    assert await hooks.deliveries.try_again("one", [failed[0].id], limit=10) == 1
    assert await hooks.deliveries.try_again("one", [], limit=10) == 2
    await hooks.turn()
    assert hooks.receiver.arrived[refused] == ORDER
    assert await hooks.listed() == []


async def test_two_processors_do_not_deliver_at_once(hooks: Hooks) -> None:
    await hooks.upload()
    results = await asyncio.gather(hooks.turn("a"), hooks.turn("b"), return_exceptions=True)
    assert sorted(type(one) for one in results if one is not None) in ([], [TakenOver])
    assert list(hooks.receiver.arrived.values()) == [ORDER]


async def test_a_turn_that_died_is_taken_over_once_its_lease_has_ended(hooks: Hooks) -> None:
    name = await hooks.upload()
    lease_ns = 300 * SECOND_NS
    await hooks.webhooks.hold("one", "dead", lambda one: one, now_ns=hooks.clock(), lease_ns=lease_ns)
    with pytest.raises(TakenOver):
        await hooks.turn()
    hooks.clock.advance(301)
    await hooks.turn()
    assert hooks.receiver.arrived[name] == ORDER


async def test_a_turn_that_died_before_the_clock_was_set_back_is_taken_over_at_once(hooks: Hooks) -> None:
    name = await hooks.upload()
    ahead_ns = hooks.clock() + HOUR * SECOND_NS
    await hooks.webhooks.hold("one", "dead", lambda one: one, now_ns=ahead_ns, lease_ns=300 * SECOND_NS)
    await hooks.turn()
    assert hooks.receiver.arrived[name] == ORDER


@pytest.mark.parametrize("set_back_seconds", [20, 120, HOUR])
async def test_events_arrive_while_the_clock_is_behind_what_was_read_before(
    hooks: Hooks, set_back_seconds: int
) -> None:
    first = await hooks.upload()
    await hooks.run(120)
    hooks.clock.advance(-set_back_seconds)
    second = await hooks.upload()
    await hooks.run(10)
    assert hooks.receiver.arrived[second] == ORDER
    await hooks.run(2 * HOUR, step=60)
    third = await hooks.upload()
    await hooks.turn()
    assert hooks.receiver.arrived[third] == ORDER
    assert set(hooks.receiver.arrived[first]) == set(ORDER)


async def test_a_disabled_webhook_goes_on_where_it_was(hooks: Hooks) -> None:
    await hooks.webhooks.change(ANN, "one", lambda one: replace(one, disabled=True))
    name = await hooks.upload()
    await hooks.run(600, step=60)
    assert not hooks.receiver.arrived
    await hooks.webhooks.change(ANN, "one", lambda one: replace(one, disabled=False))
    await hooks.turn()
    assert hooks.receiver.arrived[name] == ORDER
