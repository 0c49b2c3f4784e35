from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.event_pb2 import Event
from dropmesh.v1.query_service_pb2 import StreamEventsRequest, WatchEventsRequest

from services.common.base.errors import DropmeshError
from services.common.drops.receipt import ReceiptState
from services.common.drops.receipts import Receipts
from services.common.events.announcing import Announcer
from services.common.events.log import Cursor, EventLog
from services.common.events.model import EventKind
from services.common.events.tokens import event_token
from services.common.queue.bell import Bell
from services.query.events.hub import EventHub
from services.query.events.streams import EventStreams
from tests.support.calls import ANN, BOB, call_of
from tests.support.event_stores import EventStores, new_media, process

SOON = 10.0


class Deaf:
    """A bell whose messages are all lost."""

    def ring(self, message: str) -> None:
        """Loses it."""

    def listen(self, heard: object) -> None:
        """Hears nothing."""


@pytest.fixture
async def streams(stores: EventStores) -> AsyncIterator[EventStreams]:
    async for made in running(stores, stores.queue.bell):
        yield made


async def running(stores: EventStores, bell: Bell) -> AsyncIterator[EventStreams]:
    log, stopping = EventLog(stores.catalog), asyncio.Event()
    hub = EventHub(log, bell, time.time_ns)
    task = asyncio.create_task(hub.run(stopping))
    yield EventStreams(log, hub)
    stopping.set()
    await task


async def next_event(watching: AsyncIterator[Event]) -> Event:
    async with asyncio.timeout(SOON):
        while (event := await anext(watching)).type == Event.HEARTBEAT:
            pass
    return event


def told(event: Event) -> tuple[str, str]:
    return Event.Type.Name(event.type), event.resource


async def test_a_stream_ends_when_its_caller_wants(streams: EventStreams) -> None:
    request = WatchEventsRequest()
    request.end_after.FromMilliseconds(50)
    async with asyncio.timeout(SOON):
        sent = [event async for event in streams.WatchEvents(request, call_of())]
    assert {event.type for event in sent} == {Event.HEARTBEAT}
    # The last one has a token with which another call goes on.
    assert all(event.token for event in sent)


async def test_each_state_of_a_media_is_sent_in_order(streams: EventStreams, others: EventStores) -> None:
    async with aclosing(streams.WatchEvents(WatchEventsRequest(), call_of())) as watching:
        assert (await anext(watching)).type == Event.HEARTBEAT
        media = new_media()
        await others.media.insert(media)
        await process(others, media.id)
        name = f"media/{media.id}"
        events = [await next_event(watching) for _ in range(3)]
    assert [told(event) for event in events] == [
        ("MEDIA_NEW", name),
        ("MEDIA_PROCESSING", name),
        ("MEDIA_PROCESSED", name),
    ]
    assert len({event.id for event in events}) == 3


async def test_what_was_there_before_is_not_sent(streams: EventStreams, others: EventStores) -> None:
    before, after = new_media(), new_media()
    await others.media.insert(before)
    async with aclosing(streams.WatchEvents(WatchEventsRequest(), call_of())) as watching:
        await anext(watching)
        await others.media.insert(after)
        assert told(await next_event(watching)) == ("MEDIA_NEW", f"media/{after.id}")


async def test_a_stream_goes_on_after_its_token(streams: EventStreams, others: EventStores) -> None:
    media = new_media()
    async with aclosing(streams.WatchEvents(WatchEventsRequest(), call_of())) as watching:
        await anext(watching)
        await others.media.insert(media)
        first = await next_event(watching)
    await process(others, media.id)
    other = new_media()
    await others.media.insert(other)
    async with aclosing(streams.WatchEvents(WatchEventsRequest(token=first.token), call_of())) as watching:
        events = [await next_event(watching) for _ in range(3)]
        live = new_media()
        await others.media.insert(live)
        last = await next_event(watching)
    assert [told(event)[0] for event in events] == ["MEDIA_PROCESSING", "MEDIA_PROCESSED", "MEDIA_NEW"]
    assert told(last) == ("MEDIA_NEW", f"media/{live.id}")


async def test_events_are_those_of_the_owner_the_types_and_the_invite(
    streams: EventStreams, others: EventStores
) -> None:
    request = WatchEventsRequest(invite="invites/party", types=[Event.MEDIA_NEW])
    async with aclosing(streams.WatchEvents(request, call_of())) as watching:
        await anext(watching)
        await others.media.insert(new_media("bob", "party"))
        await others.media.insert(new_media("ann"))
        wanted = new_media("ann", "party")
        await others.media.insert(wanted)
        await process(others, wanted.id)
        last = new_media("ann", "party")
        await others.media.insert(last)
        found = [told(await next_event(watching)) for _ in range(2)]
    assert found == [("MEDIA_NEW", f"media/{wanted.id}"), ("MEDIA_NEW", f"media/{last.id}")]


async def test_media_that_are_read_at_once_are_in_the_order_of_their_changes(others: EventStores) -> None:
    first, second = new_media(), new_media()
    for media in (first, second):
        await others.media.insert(media)
    for ids in ([first.id, second.id], [second.id, first.id]):
        found = await EventLog(others.catalog).read(EventKind.MEDIA, ids)
        assert [changed.resource.id for changed in found] == [first.id, second.id]


async def test_another_owner_is_for_administrators(streams: EventStreams) -> None:
    with pytest.raises(DropmeshError) as refused:
        await anext(aiter(streams.WatchEvents(WatchEventsRequest(owner="ann"), call_of(BOB))))
    assert refused.value.reason == reasons.SCOPE_MISSING


async def test_receipts_have_events_once_they_are_settled(streams: EventStreams, others: EventStores) -> None:
    receipts = Receipts(others.catalog, others.objects, Announcer(others.queue.bell).receipts)
    async with aclosing(streams.WatchEvents(WatchEventsRequest(kind=Event.RECEIPT), call_of())) as watching:
        await anext(watching)
        receipt, _ = await receipts.keep(ANN, b"{}", b"0" * 32, now_ns=time.time_ns())
        settled = replace(receipt, state=ReceiptState.QUARANTINED, process_time_ns=time.time_ns(), new_since_ns=None)
        await receipts.settle([settled])
        assert told(await next_event(watching)) == ("RECEIPT_QUARANTINED", f"receipts/{receipt.id}")


async def test_nothing_is_missed_where_no_bell_is_heard(
    stores: EventStores, others: EventStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.query.events.hub.SWEEP_SECONDS", 0.1)
    async for streams in running(stores, Deaf()):
        async with aclosing(streams.WatchEvents(WatchEventsRequest(), call_of())) as watching:
            await anext(watching)
            media = new_media()
            await others.media.insert(media)
            await process(others, media.id)
            types = [told(await next_event(watching))[0] for _ in range(3)]
    assert types == ["MEDIA_NEW", "MEDIA_PROCESSING", "MEDIA_PROCESSED"]


async def test_a_client_that_reads_slowly_misses_nothing(
    streams: EventStreams, others: EventStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.query.events.hub.WAITING_MOST", 5)
    async with aclosing(streams.WatchEvents(WatchEventsRequest(), call_of())) as watching:
        await anext(watching)
        wanted = [new_media() for _ in range(40)]
        for media in wanted:
            await others.media.insert(media)
        await asyncio.sleep(0.3)
        found: set[str] = set()
        while len(found) < len(wanted):
            found.add((await next_event(watching)).resource)
    assert found == {f"media/{media.id}" for media in wanted}


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("nonsense", reasons.EVENT_TOKEN_INVALID),
        (event_token(Cursor.at(10**18), None), reasons.EVENT_TOKEN_TOO_OLD),
    ],
)
async def test_a_token_that_cannot_be_gone_on_from_is_refused(streams: EventStreams, token: str, reason: Any) -> None:
    with pytest.raises(DropmeshError) as refused:
        await anext(aiter(streams.WatchEvents(WatchEventsRequest(token=token), call_of())))
    assert refused.value.reason == reason


async def test_a_browser_comes_back_with_its_last_event_id(streams: EventStreams, others: EventStores) -> None:
    async with aclosing(streams.StreamEvents(StreamEventsRequest(), call_of())) as watching:
        first = await anext(watching)
        assert (first.content_type, first.data.endswith(b"\n: heartbeat\n\n")) == ("text/event-stream", True)
    media = new_media()
    await others.media.insert(media)
    token = first.data.split(b"\n")[0].removeprefix(b"id: ").decode()
    async with aclosing(streams.StreamEvents(StreamEventsRequest(), call_of(last_event_id=token))) as watching:
        await anext(watching)
        async with asyncio.timeout(SOON):
            lines = (await anext(watching)).data.decode().split("\n")
    assert lines[1] == "event: MEDIA_NEW"
    assert json.loads(lines[2].removeprefix("data: "))["resource"] == f"media/{media.id}"
