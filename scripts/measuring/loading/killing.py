"""Drops under kill -9: callers go on dropping while ingest and processor die, and then everything is looked for."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import grpc
from dropmesh.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    measurement_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
)

from scripts.measuring.loading.drop_processes import DropProcesses
from services.common.base.timestamps import format_timestamp, parse_timestamp

FIRST_NS = parse_timestamp("2022-01-01T00:00:00Z")
INSTANTS = 40
SETTLED_WITHIN_SECONDS = 180.0


@dataclass
class Verdict:
    """The acknowledged drops, and the faults found in the stored ones."""

    kills: int
    acknowledged: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Acknowledged:
    receipt: str
    sequence: int
    instant: int
    value: int


async def drop_while_killing(processes: DropProcesses, kills: int, callers: int, seed: int) -> Verdict:
    """Kills ingest and processor in turns while callers drop, each retrying with its request id, then checks it all.

    Every acknowledged drop is read back: its receipt once, its measurement from the newest of its instant, its
    lineage entry exactly once.
    """
    chance = random.Random(seed)  # noqa: S311 - nothing secret
    stopping = asyncio.Event()
    found: list[_Acknowledged] = []
    tasks = [asyncio.create_task(_drop(processes, stopping, found, caller)) for caller in range(callers)]
    for turn in range(kills):
        name = ("ingest", "processor")[turn % 2]
        await asyncio.sleep(chance.uniform(0.05, 0.6))
        processes.kill(name)
        await asyncio.to_thread(processes.start, name)
    await asyncio.sleep(0.5)
    stopping.set()
    await asyncio.gather(*tasks)
    verdict = Verdict(kills, len(found))
    await _check(processes, found, verdict)
    return verdict


async def drop_until_a_cut(processes: DropProcesses, cut: Callable[[], None], callers: int, seconds: float) -> Verdict:
    """Callers and a stream drop until `cut` ends all processes at once and starts them again, then checks it all."""
    stopping = asyncio.Event()
    found: list[_Acknowledged] = []
    tasks = [asyncio.create_task(_drop(processes, stopping, found, caller)) for caller in range(callers)]
    tasks.append(asyncio.create_task(_drop_by_the_stream(processes, stopping, found, callers)))
    await asyncio.sleep(seconds)
    stopping.set()
    # On the thread of the loop: no caller hears anything more until all are up again.
    cut()
    await asyncio.gather(*tasks)
    verdict = Verdict(1, len(found))
    await _check(processes, found, verdict)
    return verdict


async def _drop_by_the_stream(
    processes: DropProcesses, stopping: asyncio.Event, found: list[_Acknowledged], caller: int
) -> None:
    value = caller * 1_000_000
    unanswered: deque[ingest_service_pb2.StreamDropsRequest] = deque()

    async def requests() -> AsyncIterator[ingest_service_pb2.StreamDropsRequest]:
        nonlocal value
        for request in tuple(unanswered):
            yield request
        while not stopping.is_set():
            value += 1
            request = ingest_service_pb2.StreamDropsRequest(request_id=str(uuid.uuid4()), drop=_reading(value))
            unanswered.append(request)
            yield request
            await asyncio.sleep(0.001)

    while unanswered or not stopping.is_set():
        async with grpc.aio.insecure_channel(processes.address("ingest")) as channel:
            with suppress(grpc.aio.AioRpcError):
                async for answer in ingest_service_pb2_grpc.IngestServiceStub(channel).StreamDrops(requests()):
                    sent = _value(unanswered.popleft())
                    receipt = answer.receipt
                    found.append(_Acknowledged(receipt.name, receipt.sequence, sent % INSTANTS, sent))


def _reading(value: int) -> bytes:
    text = format_timestamp(FIRST_NS + value % INSTANTS * 1_000_000_000)
    return f'{{"time_stamp": "{text}", "data": [{value}]}}'.encode()


def _value(request: ingest_service_pb2.StreamDropsRequest) -> int:
    return int(json.loads(request.drop)["data"][0])


async def _drop(processes: DropProcesses, stopping: asyncio.Event, found: list[_Acknowledged], caller: int) -> None:
    value = caller * 1_000_000
    while not stopping.is_set():
        value += 1
        instant = value % INSTANTS
        request = ingest_service_pb2.DropMeasurementsRequest(request_id=str(uuid.uuid4()))
        request.body.data = _reading(value)
        receipt = await _until_acknowledged(processes, request)
        found.append(_Acknowledged(receipt.name, receipt.sequence, instant, value))


async def _until_acknowledged(
    processes: DropProcesses, request: ingest_service_pb2.DropMeasurementsRequest
) -> measurement_pb2.Receipt:
    while True:
        async with grpc.aio.insecure_channel(processes.address("ingest")) as channel:
            try:
                answer = await ingest_service_pb2_grpc.IngestServiceStub(channel).DropMeasurements(request, timeout=10)
            except grpc.aio.AioRpcError:
                await asyncio.sleep(0.05)
            else:
                return answer.receipt


async def _check(processes: DropProcesses, found: list[_Acknowledged], verdict: Verdict) -> None:
    if len({one.receipt for one in found}) != len(found):
        verdict.faults.append("two drops share a receipt")
    if len({one.sequence for one in found}) != len(found):
        verdict.faults.append("two drops share a number")
    by_instant: defaultdict[int, list[_Acknowledged]] = defaultdict(list)
    for one in found:
        by_instant[one.instant].append(one)
    async with grpc.aio.insecure_channel(processes.address("query")) as channel:
        query = query_service_pb2_grpc.QueryServiceStub(channel)
        await _all_settled(query)
        for instant, drops in by_instant.items():
            name = f"measurements/{format_timestamp(FIRST_NS + instant * 1_000_000_000)}"
            newest = max(drops, key=lambda one: one.sequence)
            measurement = await query.GetMeasurement(query_service_pb2.GetMeasurementRequest(name=name))
            if (measurement.receipt, measurement.mean) != (newest.receipt, float(newest.value)):
                verdict.faults.append(f"{name} is not from the newest drop")
            entries = await _lineage(query, name)
            # A drop whose answer was lost may be there too, never one twice and never one less.
            if len(set(entries)) != len(entries) or not {one.receipt for one in drops} <= set(entries):
                verdict.faults.append(f"{name} has another lineage than its drops")


async def _all_settled(query: query_service_pb2_grpc.QueryServiceAsyncStub) -> None:
    async with asyncio.timeout(SETTLED_WITHIN_SECONDS):
        request = query_service_pb2.ListReceiptsRequest(state=1, page_size=1)  # type: ignore[arg-type]
        while (await query.ListReceipts(request)).receipts:  # noqa: ASYNC110 - only the service knows
            await asyncio.sleep(0.5)


async def _lineage(query: query_service_pb2_grpc.QueryServiceAsyncStub, parent: str) -> list[str]:
    request = query_service_pb2.ListLineageRequest(parent=parent, page_size=1000)
    entries: list[str] = []
    while True:
        page = await query.ListLineage(request)
        entries += [entry.receipt for entry in page.entries]
        if not page.next_page_token:
            return entries
        request.page_token = page.next_page_token
