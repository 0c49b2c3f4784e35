"""Points of line protocol on both kinds of stores: in any order, again, at once, and by their last value."""

from __future__ import annotations

import asyncio
import gzip

import numpy as np
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import DropmeshError
from services.common.rpc.call import Call
from services.common.series.model import LEAST_CHUNK_POINTS, chunk_points
from services.common.series.store import SeriesFilter, SeriesStore
from services.common.stores.open import Stores
from services.ingest.series.lines.parsing import LineKey
from services.ingest.series.lines.storing import line_series_id
from services.ingest.series.lines.writes import LineWrites
from services.ingest.series.replaced import ReplacedObjects
from tests.support.calls import ANN, BOB, call_of
from tests.support.series_writer import SeriesWriter

TEMPERATURE = line_series_id("ann", "plant", LineKey("pump", (("site", "berlin"),), "temperature"))


@pytest.fixture
def lines(series_stores: Stores) -> LineWrites:
    objects = series_stores.objects
    return LineWrites(SeriesStore(series_stores.catalog), objects, ReplacedObjects(objects), lambda: 5)


async def write(lines: LineWrites, body: str | bytes, call: Call | None = None) -> Call:
    call = call or call_of(ANN)
    request = ingest_service_pb2.WriteLinesRequest(bucket="plant", org="any", precision="s")
    request.body.data = body.encode() if isinstance(body, str) else body
    await lines.WriteLines(request, call)
    return call


def body_of(values: dict[int, float]) -> str:
    return "\n".join(f"pump,site=berlin temperature={value!r} {time}" for time, value in values.items())


async def test_a_field_of_a_measurement_with_its_tags_is_a_series(lines: LineWrites, writer: SeriesWriter) -> None:
    call = await write(lines, "pump,site=berlin temperature=21.5,ok=t 10\npump,site=berlin temperature=22 20")
    assert call.http_status == 204
    series = await writer.store.get(ANN, TEMPERATURE)
    assert series.labels == {
        "_measurement": "pump",
        "_field": "temperature",
        "_bucket": "plant",
        "site": "berlin",
    }
    assert (series.display_name, series.point_count) == ("pump.temperature", 2)
    assert (await writer.read(TEMPERATURE)).times_ns.tolist() == [10 * 10**9, 20 * 10**9]
    assert await writer.values(TEMPERATURE) == [21.5, 22.0]
    assert await writer.store.count(ANN, SeriesFilter({})) == 2
    assert await writer.store.count(BOB, SeriesFilter({})) == 0
    await write(lines, "pump,site=berlin temperature=1 10", call_of(BOB))
    assert await writer.values(TEMPERATURE) == [21.5, 22.0]


async def test_points_in_any_order_and_again_are_stored_once(lines: LineWrites, writer: SeriesWriter) -> None:
    random = np.random.default_rng(3)
    expected = {int(time): float(time) / 7 for time in random.permutation(5000)}
    times = list(expected)
    for start in range(0, 5000, 1000):
        body = body_of({time: expected[time] for time in times[start : start + 1000]})
        await write(lines, body)
        await write(lines, gzip.compress(body.encode()))
    found = await writer.read(TEMPERATURE)
    assert found.times_ns.tolist() == [time * 10**9 for time in range(5000)]
    assert found.columns[0].tolist() == [time / 7 for time in range(5000)]


async def test_a_repeated_write_changes_nothing_and_a_new_value_replaces(
    lines: LineWrites, writer: SeriesWriter
) -> None:
    await write(lines, body_of({1: 1.0, 2: 2.0, 3: 3.0}))
    first = await writer.store.find(TEMPERATURE)
    await write(lines, body_of({2: 2.0}))
    assert await writer.store.find(TEMPERATURE) == first
    await write(lines, body_of({2: 9.0, 4: 4.0}))
    assert await writer.values(TEMPERATURE) == [1.0, 9.0, 3.0, 4.0]
    changed = await writer.store.find(TEMPERATURE)
    assert first is not None
    assert changed is not None
    assert changed.revision > first.revision


async def test_a_late_point_rewrites_one_chunk_of_many(lines: LineWrites, writer: SeriesWriter) -> None:
    count = chunk_points(1) + LEAST_CHUNK_POINTS
    await write(lines, body_of({2 * time: 1.0 for time in range(count)}))
    before = await writer.store.find(TEMPERATURE)
    await write(lines, body_of({2 * count: 2.0}))
    after = await writer.store.find(TEMPERATURE)
    assert before is not None
    assert after is not None
    assert after.chunks[0] == before.chunks[0]
    await write(lines, body_of({11: 3.0}))
    late = await writer.store.find(TEMPERATURE)
    assert late is not None
    assert late.chunks[-1] == after.chunks[-1]
    assert (await writer.read(TEMPERATURE, 0, 14 * 10**9)).columns[0].tolist() == [1, 1, 1, 1, 1, 1, 3, 1]
    assert late.point_count == count + 2


async def test_writers_at_once_lose_no_point(lines: LineWrites, writer: SeriesWriter, series_stores: Stores) -> None:
    other = LineWrites(
        SeriesStore(series_stores.catalog), series_stores.objects, ReplacedObjects(series_stores.objects), lambda: 5
    )
    bodies = [body_of({20 * step + place: float(place) for place in range(20)}) for step in range(12)]
    await asyncio.gather(*(write((lines, other)[step % 2], body) for step, body in enumerate(bodies)))
    assert (await writer.read(TEMPERATURE)).times_ns.tolist() == [time * 10**9 for time in range(240)]


async def test_the_good_lines_of_a_body_are_stored(lines: LineWrites, writer: SeriesWriter) -> None:
    with pytest.raises(DropmeshError) as refusal:
        await write(lines, f'{body_of({1: 1.0})}\npump,site=berlin temperature="hot" 2\n{body_of({3: 3.0})}')
    assert refusal.value.reason == reasons.LINES_REFUSED
    assert refusal.value.metadata == {"line": "2", "refused": "1"}
    assert "partial write: 2 lines are stored, 1 refused" in refusal.value.message
    assert await writer.values(TEMPERATURE) == [1.0, 3.0]


@pytest.mark.parametrize("body", [b"\xff", b"\x1f\x8bnot gzip", gzip.compress(b"m f=1 1", mtime=0)[:-4]])
async def test_bytes_that_are_no_lines_are_refused(lines: LineWrites, body: bytes) -> None:
    with pytest.raises(DropmeshError) as refusal:
        await write(lines, body)
    assert refusal.value.reason == reasons.LINES_REFUSED


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b" " * (64 * 1024 * 1024 + 1), mtime=0), "\n".join(f"m,n={number} f=1 1" for number in range(2001))],
    ids=["bytes", "series"],
)
async def test_a_body_of_too_much_is_refused_and_stores_nothing(
    lines: LineWrites, writer: SeriesWriter, body: str | bytes
) -> None:
    with pytest.raises(DropmeshError) as refusal:
        await write(lines, body)
    assert (refusal.value.reason, refusal.value.http_status) == (reasons.REQUEST_TOO_LARGE, 413)
    assert await writer.store.count(ANN, SeriesFilter({})) == 0


async def test_a_series_of_lines_can_be_deleted_and_written_again(lines: LineWrites, writer: SeriesWriter) -> None:
    await write(lines, body_of({1: 1.0}))
    await writer.deletion.delete(ANN, TEMPERATURE, "")
    assert await writer.keys() == []
    await write(lines, body_of({2: 2.0}))
    assert await writer.values(TEMPERATURE) == [2.0]
