from __future__ import annotations

import math
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.common.catalog import Catalog, Upsert
from tests.contract.catalog.collections import NOTES, insert

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(TEXT.filter(lambda key: key != "_id"), inner, max_size=4)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize("number", [0, -1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63), 1700000000123456789])
async def test_integers_of_64_bits_and_instants_of_nanoseconds(catalog: Catalog, number: int) -> None:
    await insert(catalog, {"_id": "a", "rank": number, "inside": {"deep": [number]}})
    read = await catalog.get(NOTES, "a")
    assert read == {"_id": "a", "rank": number, "inside": {"deep": [number]}, "_version": 1}
    assert await catalog.find(NOTES, "by_rank", [number]) == [read]


async def test_instants_one_nanosecond_apart_keep_their_order(catalog: Catalog) -> None:
    now = 1_700_000_000_123_456_789
    await insert(catalog, *({"_id": f"{9 - n}", "rank": now + n} for n in range(5)))
    assert [note["rank"] - now for note in await catalog.find(NOTES, "by_rank")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    "number", [0.0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, math.inf, -math.inf, math.nan, 1 / 3]
)
async def test_floats_come_back_bit_for_bit(catalog: Catalog, number: float) -> None:
    await insert(catalog, {"_id": "a", "value": number, "many": [number]})
    read = await catalog.get(NOTES, "a")
    assert read is not None
    assert struct.pack("<d", read["value"]) == struct.pack("<d", number)
    assert struct.pack("<d", read["many"][0]) == struct.pack("<d", number)


async def test_one_and_true_and_one_point_zero_stay_what_they_are(catalog: Catalog) -> None:
    values = [1, True, 1.0, "1", b"1", None]
    await insert(catalog, {"_id": "a", "values": values})
    read = await catalog.get(NOTES, "a")
    assert read is not None
    assert [(isinstance(value, bool), isinstance(value, int), value) for value in read["values"]] == [
        (isinstance(value, bool), isinstance(value, int), value) for value in values
    ]
    assert isinstance(read["values"][2], float)
    assert isinstance(read["values"][4], bytes)


async def test_documents_of_15_megabytes_alone_and_together(catalog: Catalog, other: Catalog) -> None:
    raw = bytes(range(256)) * (15_000_000 // 256)
    await insert(catalog, {"_id": "a", "raw": raw, "rank": 1}, {"_id": "b", "raw": raw[::-1], "rank": 2})
    found = await other.find(NOTES, "by_rank")
    assert [note["_id"] for note in found] == ["a", "b"]
    assert found[0]["raw"] == raw
    assert found[1]["raw"] == raw[::-1]


async def test_deep_nesting(catalog: Catalog) -> None:
    value: Any = 1
    for _ in range(40):
        value = {"inner": [value]}
    await insert(catalog, {"_id": "a", "value": value})
    assert await catalog.get(NOTES, "a") == {"_id": "a", "value": value, "_version": 1}


async def test_names_within_a_document_are_free(catalog: Catalog) -> None:
    exif = {"Canon.Model": 1, "$price": 2, "": 3, "Größe": 4, "a b": {"c.d": 5}}
    await insert(catalog, {"_id": "a/b:c d%é", "exif": exif})
    assert await catalog.get(NOTES, "a/b:c d%é") == {"_id": "a/b:c d%é", "exif": exif, "_version": 1}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=VALUES)
async def test_whatever_is_stored_comes_back(catalog: Catalog, value: Any) -> None:
    (outcome,) = await catalog.batch([Upsert(NOTES, {"_id": "a", "value": value})])
    read = await catalog.get(NOTES, "a")
    assert read == outcome.document
    assert read is not None
    assert read["value"] == value
