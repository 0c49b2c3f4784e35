from __future__ import annotations

import asyncio
import hashlib
import uuid

import numpy as np
import pytest

from services.common.base.errors import AlreadyExists, DropmeshError, NotFound
from services.common.catalog import Catalog
from services.common.objects import Objects
from services.common.stores.open import Stores
from services.ingest.series.formats.refusals import SeriesRefused
from tests.support.calls import ANN, BOB
from tests.support.mortal import Killed, Life, MortalCatalog, MortalObjects
from tests.support.series_bodies import npy_body, parquet_body
from tests.support.series_writer import SeriesWriter, values_json


async def test_points_are_kept_to_the_bit_in_chunks_and_the_body_beside_them(writer: SeriesWriter) -> None:
    values = np.random.default_rng(1).normal(size=300_001)
    body = npy_body([values])
    series = await writer.create(body, "s", sample_rate_hz=1000.0, start_ns=10**18)
    assert [chunk.point_count for chunk in series.chunks] == [131072, 131072, 37857]
    points = await writer.read("s")
    assert points.columns[0].tobytes() == values.tobytes()
    assert (points.times_ns - 10**18).tolist() == list(range(0, 300_001 * 10**6, 10**6))
    (kept,) = series.bodies
    assert (kept.sha256, kept.format) == (hashlib.sha256(body).hexdigest(), "npy")
    assert b"".join([piece async for piece in writer.objects.read(kept.object_key)]) == body


async def test_a_range_reads_its_chunks_alone(writer: SeriesWriter) -> None:
    series = await writer.create(npy_body([np.arange(300_000.0)]), "s", sample_rate_hz=1000.0, start_ns=0)
    await writer.objects.delete([series.chunks[0].object_key, series.chunks[2].object_key])
    points = await writer.read("s", 200_000 * 10**6, 200_003 * 10**6)
    assert points.columns[0].tolist() == [200_000, 200_001, 200_002]


async def test_an_append_rewrites_the_last_chunk_alone(writer: SeriesWriter) -> None:
    before = await writer.create(npy_body([np.arange(200_000.0)]), "s")
    after = await writer.append(npy_body([np.arange(200_000.0, 270_000.0)]), "s")
    assert after.chunks[0] == before.chunks[0]
    assert [chunk.point_count for chunk in after.chunks] == [131072, 131072, 7856]
    assert await writer.values("s") == list(range(270_000))
    assert (after.revision, len(after.bodies)) == (2, 2)


async def test_appends_at_once_are_all_there_one_after_the_other(
    writer: SeriesWriter, series_stores: Stores, tmp_path
) -> None:
    await writer.create(values_json([0]), "s")
    other = SeriesWriter(series_stores.catalog, series_stores.objects, tmp_path)
    await asyncio.gather(*((writer, other)[n % 2].append(values_json([n, n + 0.5]), "s") for n in range(1, 9)))
    values = await writer.values("s")
    pairs = list(zip(values[1::2], values[2::2], strict=True))
    assert sorted(pairs) == [(n, n + 0.5) for n in range(1, 9)]


async def test_a_refused_body_adds_nothing_and_leaves_no_bytes(writer: SeriesWriter) -> None:
    await writer.create(values_json([1, 2]), "s")
    keys = await writer.keys()
    bad = np.arange(200_000.0)
    bad[150_000] = np.inf
    with pytest.raises(SeriesRefused, match=r"value\[150000\]"):
        await writer.append(npy_body([bad]), "s")
    with pytest.raises(SeriesRefused, match=r"value\[150000\]"):
        await writer.create(npy_body([bad]), "t")
    with pytest.raises(SeriesRefused, match="channels"):
        await writer.append(npy_body([bad, bad]), "s")
    assert await writer.keys() == keys
    assert await writer.values("s") == [1, 2]


async def test_a_request_id_stores_and_appends_once(writer: SeriesWriter) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    for _ in range(2):
        await writer.create(values_json([1]), "s", request_id=first)
    for _ in range(2):
        await writer.append(values_json([2]), "s", request_id=second)
    assert await writer.values("s") == [1, 2]
    assert len(await writer.keys()) == 4  # Two bodies, the chunk, and the one that it replaced.
    with pytest.raises(AlreadyExists):
        await writer.create(values_json([3]), "s", request_id=first)
    with pytest.raises(AlreadyExists):
        await writer.append(values_json([3]), "s", request_id=second)
    assert await writer.values("s") == [1, 2]


@pytest.mark.parametrize("spaced", [True, False])
async def test_a_retry_is_recognised_after_points_were_deleted(writer: SeriesWriter, spaced: bool) -> None:
    def body(*values: float) -> bytes:
        return values_json(values) if spaced else parquet_body({"value": np.array(values)}, np.array(values, np.int64))

    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    asked = {"sample_rate_hz": 1e9, "start_ns": 0} if spaced else {}
    await writer.create(body(0, 1, 2), "s", request_id=first, **asked)
    await writer.append(body(3, 4), "s", request_id=second)
    for deleted in range(1, 4):
        await writer.point_deletion.delete(ANN, "s", 0, deleted)
        retried = await writer.append(body(3, 4), "s", request_id=second)
        assert retried.point_count == 5 - deleted
        with pytest.raises(AlreadyExists):
            await writer.append(body(5), "s", request_id=second)
    assert await writer.values("s") == [3, 4]
    assert (await writer.append(body(5), "s", request_id=str(uuid.uuid4()))).point_count == 3


async def test_another_create_with_the_id_of_an_emptied_series_is_refused(writer: SeriesWriter) -> None:
    request_id = str(uuid.uuid4())
    await writer.create(values_json([1]), "s", request_id=request_id, start_ns=0)
    for n in range(40):
        await writer.append(values_json([n]), "s", request_id=str(uuid.uuid4()))
    await writer.point_deletion.delete(ANN, "s", 0, 2**62)
    await writer.create(values_json([1]), "s", request_id=request_id, start_ns=0)
    with pytest.raises(AlreadyExists):
        await writer.create(values_json([2]), "s", request_id=request_id, start_ns=0)


async def test_the_last_32_appends_are_recognised_after_deletions_and_no_more_are_kept(writer: SeriesWriter) -> None:
    await writer.create(values_json([0]), "s", request_id=str(uuid.uuid4()), sample_rate_hz=1.0, start_ns=0)
    ids = [str(uuid.uuid4()) for _ in range(40)]
    for n, request_id in enumerate(ids):
        await writer.append(values_json([n]), "s", request_id=request_id)
        if n % 10 == 9:
            await writer.point_deletion.delete(ANN, "s", 0, n * 10**9)
    for n in range(8, 40):
        series = await writer.append(values_json([n]), "s", request_id=ids[n])
    assert (series.point_count, len(series.bodies), len(series.requests)) == (2, 0, 32)


async def test_another_owner_neither_appends_nor_deletes(writer: SeriesWriter) -> None:
    await writer.create(values_json([1]), "s")
    with pytest.raises(NotFound):
        await writer.append(values_json([2]), "s", caller=BOB)
    with pytest.raises(NotFound):
        await writer.point_deletion.delete(BOB, "s", 0, 2**62)
    with pytest.raises(NotFound):
        await writer.deletion.delete(BOB, "s", "")
    assert await writer.values("s") == [1]


async def test_hundreds_of_appends_keep_every_body(writer: SeriesWriter) -> None:
    await writer.create(values_json([0]), "s")
    for n in range(1, 141):
        series = await writer.append(values_json([n]), "s")
    assert await writer.values("s") == list(range(141))
    assert len(series.bodies) <= 64
    older = [body async for body in writer.store.older_bodies(series)]
    assert len(older) + len(series.bodies) == 141
    assert {body.object_key for body in (*older, *series.bodies)} <= set(await writer.keys())
    await writer.sweep.sweep_objects()
    # What the appends replaced is gone, and nothing else.
    assert len(await writer.keys()) == 142


async def test_a_deleted_series_leaves_nothing(writer: SeriesWriter, series_stores: Stores) -> None:
    await writer.create(values_json([0]), "s")
    for n in range(70):
        await writer.append(values_json([n]), "s")
    await writer.deletion.delete(ANN, "s", "")
    assert await writer.keys() == []
    assert await writer.store.find("s") is None
    with pytest.raises(NotFound):
        await writer.deletion.delete(ANN, "s", "")


@pytest.mark.parametrize("spaced", [True, False])
async def test_deleted_points_are_gone_and_the_others_keep_their_instants(writer: SeriesWriter, spaced: bool) -> None:
    values, times = np.arange(280_000.0), np.arange(280_000) * 1000
    body = npy_body([values]) if spaced else parquet_body({"value": values}, times)
    await writer.create(body, "s", **({"sample_rate_hz": 1e6, "start_ns": 0} if spaced else {}))
    series = await writer.point_deletion.delete(ANN, "s", 100_000_000, 270_000_000)
    points = await writer.read("s")
    assert points.times_ns.tolist() == [*range(0, 100_000_000, 1000), *range(270_000_000, 280_000_000, 1000)]
    assert (points.columns[0] * 1000).tolist() == points.times_ns.tolist()
    assert series.point_count == 110_000
    assert not series.is_contiguous
    assert sorted(await writer.keys()) == sorted(chunk.object_key for chunk in series.chunks)
    if spaced:
        await writer.append(values_json([280_000]), "s")
        assert (await writer.read("s")).times_ns[-1] == 280_000_000


@pytest.mark.parametrize("seed", range(10))
async def test_what_was_acknowledged_survives_every_death(series_stores: Stores, tmp_path, seed: int) -> None:
    """Ten stores and appends a seed, each by a process that dies after so many steps."""
    random = np.random.default_rng(seed)
    alive = SeriesWriter(series_stores.catalog, series_stores.objects, tmp_path)
    acknowledged: dict[str, list[float]] = {}
    under_way: dict[str, list[float]] = {}
    for turn in range(10):
        life = Life(int(random.integers(0, 9)))
        mortal = SeriesWriter(*_mortal(series_stores.catalog, series_stores.objects, life), tmp_path)
        key = f"s{turn}" if turn < 3 or random.random() < 0.3 else f"s{random.integers(0, turn)}"
        values = random.normal(size=int(random.choice([3, 140_000]))).tolist()
        is_new = await alive.store.find(key) is None
        before = acknowledged.get(key, under_way.get(key, []))
        try:
            await (mortal.create if is_new else mortal.append)(npy_body([np.array(values)]), key)
        except (Killed, DropmeshError):
            assert life.steps == 0
        else:
            acknowledged[key] = before + values
        stored = await alive.values(key) if await alive.store.find(key) else []
        # Wholly there or not at all, whatever the caller was told; what it was told is there.
        assert stored in (before, before + values)
        assert key not in acknowledged or stored == acknowledged[key] or stored == before + values
        acknowledged.pop(key, None) if stored == [] else acknowledged.update({key: stored})
    await alive.sweep.finish_deletions()
    await alive.sweep.sweep_objects()
    named = set()
    for key, values in acknowledged.items():
        assert await alive.values(key) == values
        series = await alive.store.find(key)
        assert series is not None
        named |= {chunk.object_key for chunk in series.chunks} | {body.object_key for body in series.bodies}
    assert set(await alive.keys()) == named


def _mortal(catalog: Catalog, objects: Objects, life: Life) -> tuple[MortalCatalog, MortalObjects]:
    return MortalCatalog(catalog, life), MortalObjects(objects, life)
