"""Series by gRPC, as messages of a client's stream."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import series_pb2
from dropmesh.v1.ingest_service_pb2 import AppendSeriesRequest, CreateSeriesRequest
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import DropmeshError
from services.common.series.computed.store import ComputedStore
from services.common.stores.open import Stores
from services.ingest.series.formats.refusals import SeriesRefused
from services.ingest.series.outbox import SeriesOutbox
from services.ingest.series.replaced import ReplacedObjects
from services.ingest.series.writes import SeriesWrites
from tests.support.calls import call_of, stream
from tests.support.series_writer import SeriesWriter, values_json

BODY = HttpBody(content_type="application/json", data=values_json([8]))


def points(*values: float) -> series_pb2.SeriesPoints:
    return series_pb2.SeriesPoints(channels=[series_pb2.SeriesValues(values=values)])


@pytest.fixture
def writes(writer: SeriesWriter, series_stores: Stores, tmp_path: Path) -> SeriesWrites:
    return SeriesWrites(
        writer.store,
        writer.objects,
        writer.deletion,
        ReplacedObjects(writer.objects),
        ComputedStore(series_stores.catalog),
        SeriesOutbox(series_stores.queue),
        folder=tmp_path,
        now_ns=writer.now_ns,
    )


async def test_the_options_may_come_before_typed_points(writes: SeriesWrites, writer: SeriesWriter) -> None:
    options = CreateSeriesRequest(channels=["x"], unit=["g"], sample_rate_hz=10)
    created = await writes.CreateSeries(
        stream(options, CreateSeriesRequest(points=points(1, 2)), CreateSeriesRequest(points=points(3))), call_of()
    )
    assert (created.channels[0].name, created.sample_rate_hz, created.point_count) == ("x", 10, 3)
    messages = stream(AppendSeriesRequest(name=created.name), AppendSeriesRequest(points=points(4)))
    await writes.AppendSeries(messages, call_of())
    assert await writer.values(created.name.removeprefix("series/")) == [1, 2, 3, 4]


async def test_the_options_may_come_before_a_body(writes: SeriesWrites) -> None:
    pieces = [CreateSeriesRequest(body=HttpBody(data=data)) for data in (BODY.data[:5], BODY.data[5:])]
    created = await writes.CreateSeries(stream(CreateSeriesRequest(display_name="pump"), *pieces), call_of())
    assert (created.display_name, created.point_count) == ("pump", 1)


@pytest.mark.parametrize(
    "messages",
    [
        [{"body": BODY}, {"points": points(9)}],
        [{"points": points(9)}, {"body": BODY}],
        [{}, {"body": BODY}, {"points": points(9)}],
        [{"points": points(9)}, {"points": points(9), "body": BODY}],
    ],
)
async def test_points_beside_a_body_in_any_message_are_refused(
    writes: SeriesWrites, writer: SeriesWriter, messages: list[dict]
) -> None:
    refusal = "points: must not be set beside a body"
    with pytest.raises(SeriesRefused, match=refusal):
        await writes.CreateSeries(stream(*(CreateSeriesRequest(**fields) for fields in messages)), call_of())
    assert await writer.keys() == []
    await writer.create(values_json([1]), "s")
    keys = await writer.keys()
    first, *rest = messages
    named = [AppendSeriesRequest(name="series/s", **first), *(AppendSeriesRequest(**fields) for fields in rest)]
    with pytest.raises(SeriesRefused, match=refusal):
        await writes.AppendSeries(stream(*named), call_of())
    assert await writer.keys() == keys
    assert await writer.values("s") == [1]


async def test_points_of_a_caller_that_hung_up_are_not_stored(writes: SeriesWrites, writer: SeriesWriter) -> None:
    messages = stream(CreateSeriesRequest(points=points(1, 2)), CreateSeriesRequest(points=points(3)))
    with pytest.raises(DropmeshError) as caught:
        await writes.CreateSeries(messages, replace(call_of(), is_cancelled=lambda: True))
    assert caught.value.reason == reasons.BODY_INTERRUPTED
    assert await writer.keys() == []
