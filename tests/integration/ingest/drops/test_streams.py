"""Streams of drops on every kind of store: each drop is answered in its turn, and what is answered is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest, StreamDropsResponse
from google.rpc import error_details_pb2

from services.common.base.errors import InvalidArgument, StoreUnavailable
from services.common.catalog import Operation, Outcome
from services.common.drops.receipt import Receipt
from services.common.drops.receipts import INLINE_BYTES, Receipts
from services.common.drops.topics import DROPS, receipt_ids
from services.common.queue.outbox import Outbox
from services.common.rpc.identity import Caller
from services.common.stores.open import Stores
from services.ingest.drops.streams import MOST_DROPS, DropStreams
from services.ingest.drops.unqueued import drop_outbox
from tests.support.calls import ANN, BOB, call_of, stream

FIRST = "6b1c2f1e-0d1e-4d59-8a55-0b6a7e1f7f2a"
SECOND = "0d3a7f5c-9a0e-4f0e-8f0e-2d8c5b1a9e77"
MOST_BYTES = 200_000


class Zone:
    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.receipts = Receipts(stores.catalog, stores.objects)
        self.outbox: Outbox[Receipt] = drop_outbox(stores.queue, self.receipts, time.time_ns)
        self.drops = DropStreams(self.receipts, self.outbox, max_drop_bytes=MOST_BYTES, now_ns=time.time_ns)

    def answers(
        self, requests: AsyncIterator[StreamDropsRequest | InvalidArgument], caller: Caller = ANN
    ) -> AsyncIterator[StreamDropsResponse]:
        return self.drops.StreamDrops(requests, call_of(caller))

    async def send(
        self, *requests: StreamDropsRequest | InvalidArgument, caller: Caller = ANN
    ) -> list[StreamDropsResponse]:
        return [answer async for answer in self.answers(stream(*requests), caller)]

    async def stored(self, answer: StreamDropsResponse, caller: Caller = ANN) -> tuple[bytes, str]:
        receipt = await self.receipts.get(caller, answer.receipt.name.removeprefix("receipts/"))
        return b"".join([chunk async for chunk in self.receipts.read_raw(receipt)]), receipt.source


@pytest.fixture
def zone(all_stores: Stores) -> Zone:
    return Zone(all_stores)


def reason(answer: StreamDropsResponse) -> str:
    info = error_details_pb2.ErrorInfo()
    assert answer.error.details[0].Unpack(info)
    return info.reason


async def test_drops_are_answered_in_order_each_with_its_source(zone: Zone) -> None:
    sent = [StreamDropsRequest(drop=b"%d" % number, source=f"pump-{number % 3}") for number in range(1200)]
    answers = await zone.send(*sent)
    assert [answer.number for answer in answers] == list(range(1, 1201))
    sequences = [answer.receipt.sequence for answer in answers]
    assert sequences == sorted(set(sequences))
    for number in (0, 1, 599, 1199):
        assert await zone.stored(answers[number]) == (b"%d" % number, f"pump-{number % 3}")


async def test_a_drop_is_answered_before_the_next_is_sent(zone: Zone) -> None:
    answered = asyncio.Event()

    async def one_after_the_other() -> AsyncIterator[StreamDropsRequest]:
        for number in range(3):
            yield StreamDropsRequest(drop=b"%d" % number)
            await answered.wait()
            answered.clear()

    count = 0
    async for answer in zone.answers(one_after_the_other()):
        assert await zone.stored(answer) == (b"%d" % count, "")
        count += 1
        answered.set()
    assert count == 3


async def test_a_refused_drop_is_an_answer_and_the_stream_goes_on(zone: Zone) -> None:
    wrong = InvalidArgument(reasons.INVALID_FIELD, "source: does not match")
    large = StreamDropsRequest(drop=b"x" * (MOST_BYTES + 1))
    answers = await zone.send(StreamDropsRequest(drop=b"1"), wrong, large, StreamDropsRequest(drop=b"2"))
    assert [reason(answer) for answer in answers[1:3]] == ["INVALID_FIELD", "REQUEST_TOO_LARGE"]
    assert [answer.HasField("receipt") for answer in answers] == [True, False, False, True]
    assert (await zone.stored(answers[3]))[0] == b"2"


async def test_a_stream_that_is_sent_again_with_its_request_ids_stores_nothing_twice(zone: Zone) -> None:
    sent = [StreamDropsRequest(drop=b"1", request_id=FIRST), StreamDropsRequest(drop=b"2", request_id=SECOND)]
    first = await zone.send(*sent)
    again = await zone.send(StreamDropsRequest(drop=b"0"), *sent)
    assert [answer.receipt for answer in again[1:]] == [answer.receipt for answer in first]
    others = await zone.send(*sent, caller=BOB)
    assert {answer.receipt.name for answer in others}.isdisjoint({answer.receipt.name for answer in first})


async def test_a_request_id_for_other_bytes_is_refused_also_within_one_commit(zone: Zone) -> None:
    answers = await zone.send(
        StreamDropsRequest(drop=b"1", request_id=FIRST),
        StreamDropsRequest(drop=b"2", request_id=FIRST),
        StreamDropsRequest(drop=b"1", request_id=FIRST),
        StreamDropsRequest(drop=b"1", request_id=FIRST, source="pump-3"),
    )
    assert [reason(answers[index]) for index in (1, 3)] == ["REQUEST_ID_REUSED", "REQUEST_ID_REUSED"]
    assert answers[2].receipt.name == answers[0].receipt.name


async def test_a_large_drop_is_stored_whole(zone: Zone) -> None:
    large = b"x" * (INLINE_BYTES + 1)
    answers = await zone.send(StreamDropsRequest(drop=b"1"), StreamDropsRequest(drop=large))
    assert (await zone.stored(answers[1]))[0] == large


async def test_what_was_answered_is_published(zone: Zone) -> None:
    answers = await zone.send(*(StreamDropsRequest(drop=b"%d" % number) for number in range(3)))
    await zone.outbox.publish_waiting()
    (claim,) = await zone.stores.queue.claim(DROPS, limit=10, lease=timedelta(seconds=60), wait=timedelta(seconds=20))
    assert [f"receipts/{key}" for key in receipt_ids(claim.body)] == [answer.receipt.name for answer in answers]


async def test_no_more_is_read_than_may_be_unanswered(zone: Zone) -> None:
    read = 0

    async def endless() -> AsyncIterator[StreamDropsRequest]:
        nonlocal read
        while True:
            read += 1
            yield StreamDropsRequest(drop=b"1")

    answers = zone.answers(endless())
    await anext(answers)
    await asyncio.sleep(0.2)
    assert read <= 2 * MOST_DROPS
    await answers.aclose()  # type: ignore[attr-defined]


class Away:
    """A catalog that does not answer."""

    def __init__(self) -> None:
        self.tries = 0

    async def batch(self, operations: Sequence[Operation]) -> list[Outcome]:
        self.tries += 1
        raise StoreUnavailable("catalog", "connection refused")


async def test_while_the_store_is_away_each_drop_is_answered_so() -> None:
    receipts = Receipts(Away(), None)  # type: ignore[arg-type]
    drops = DropStreams(receipts, None, max_drop_bytes=10, now_ns=lambda: 1)  # type: ignore[arg-type]
    requests = stream(StreamDropsRequest(drop=b"1"), StreamDropsRequest(drop=b"2"))
    answers = [answer async for answer in drops.StreamDrops(requests, call_of())]
    assert [reason(answer) for answer in answers] == ["STORE_UNAVAILABLE", "STORE_UNAVAILABLE"]
