from __future__ import annotations

import random
from typing import Any

import pytest

from services.common.base.errors import PageTokenInvalid
from services.common.catalog import Catalog, Document, Index, Insert, Range, Scalar, position
from tests.contract.catalog.collections import EVENTS, NOTES, insert


def keys(page: list[Document]) -> str:
    return "".join(document["_id"] for document in page)


async def test_get_and_get_many(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": f"k{n:03}"} for n in range(300)))
    assert await catalog.get(NOTES, "nothing") is None
    wanted = [f"k{n:03}" for n in range(290, 310)]
    assert sorted(await catalog.get_many(NOTES, wanted)) == wanted[:10]
    assert len(await catalog.get_many(NOTES, [f"k{n:03}" for n in range(300)])) == 300
    assert await catalog.get_many(NOTES, []) == {}


async def test_order_ties_and_what_has_no_value(catalog: Catalog) -> None:
    await insert(
        catalog,
        {"_id": "d", "rank": 2},
        {"_id": "b", "rank": 2},
        {"_id": "c", "rank": -1},
        {"_id": "f"},
        {"_id": "e", "rank": None},
        {"_id": "a", "rank": 2.5},
    )
    assert keys(await catalog.find(NOTES, "by_rank")) == "efcbda"
    assert keys(await catalog.find(NOTES, "by_rank", descending=True)) == "adbcfe"
    assert keys(await catalog.find(NOTES, "by_rank", [None])) == "ef"
    assert keys(await catalog.find(NOTES, "by_rank", [2])) == "bd"
    assert keys(await catalog.find(NOTES, "by_rank", [2], descending=True)) == "db"
    assert keys(await catalog.find(NOTES, "by_rank", [7])) == ""
    assert keys(await catalog.find(NOTES, "by_rank", [2], Range("c"))) == "d"


async def test_ranges_take_the_low_bound_and_leave_the_high_one(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": key, "owner": "o", "created_ns": at} for at, key in enumerate("abcde")))
    await insert(catalog, {"_id": "x", "owner": "other", "created_ns": 2}, {"_id": "y", "owner": "o"})

    async def find(within: Range, **more: Any) -> str:
        return keys(await catalog.find(NOTES, "by_owner", ["o"], within, **more))

    assert await find(Range(1, 3)) == "bc"
    assert await find(Range(1)) == "bcde"
    assert await find(Range(high=3)) == "abc"
    assert await find(Range(high=3), descending=True) == "cba"
    assert await find(Range()) == "yabcde"
    assert await find(Range(3, 1)) == ""
    assert await find(Range(1), limit=2) == "bc"


async def test_a_count_is_that_of_the_search(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": f"k{n:04}", "owner": "o", "created_ns": n} for n in range(1200)))
    await insert(catalog, {"_id": "x", "owner": "other", "created_ns": 2}, {"_id": "y", "owner": "o"})
    assert await catalog.count(NOTES, "by_owner") == 1202
    assert await catalog.count(NOTES, "by_owner", ["o"]) == 1201
    assert await catalog.count(NOTES, "by_owner", ["o"], Range(100, 1100)) == 1000
    assert await catalog.count(NOTES, "by_owner", ["none"]) == 0


async def test_text_and_bytes_are_in_the_order_of_their_bytes(catalog: Catalog) -> None:
    values = ["", "A", "Z", "a", "a\x00b", "aa", "é", "中"]
    await insert(catalog, *({"_id": f"{n}", "rank": value} for n, value in enumerate(values)))
    assert keys(await catalog.find(NOTES, "by_rank")) == "01234567"
    assert keys(await catalog.find(NOTES, "by_rank", (), Range("A", "aa"))) == "1234"
    digests = [b"\x00\xff", b"\x01\x00", b"\x7f\x00", b"\x80\x00"]
    await insert(catalog, *({"_id": f"{n}", "deadline_ns": value} for n, value in enumerate(digests, 10)))
    assert [note["deadline_ns"] for note in await catalog.find(NOTES, "by_deadline")] == digests


async def test_a_sparse_index_holds_only_what_has_its_field(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "deadline_ns": 5}, {"_id": "b", "deadline_ns": None}, {"_id": "c"})
    assert keys(await catalog.find(NOTES, "by_deadline")) == "a"
    assert keys(await catalog.find(NOTES, "by_deadline", descending=True)) == "a"
    assert keys(await catalog.find(NOTES, "by_deadline", [None])) == ""
    assert keys(await catalog.find(NOTES, "by_deadline", (), Range(high=6))) == "a"


async def test_a_unique_index_is_searched_like_any_other(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": key, "owner": "o", "name": name} for key, name in zip("abc", "zyx", strict=True)))
    await insert(catalog, {"_id": "d", "owner": "o"}, {"_id": "e", "owner": "p", "name": "z"})
    assert keys(await catalog.find(NOTES, "by_name", ["o"])) == "cba"
    assert keys(await catalog.find(NOTES, "by_name", ["o", "y"])) == "b"
    assert keys(await catalog.find(NOTES, "by_name", ["o"], after=("o", "x", "c"), limit=1)) == "b"
    assert keys(await catalog.find(NOTES, "by_name", descending=True, after=("p", "z", "e"))) == "abc"


def model(
    documents: list[Document], index: Index, equals: list[Scalar], within: Range | None, descending: bool
) -> list[Document]:
    """What a search must find, the slow and plain way."""

    def kept(document: Document) -> bool:
        values = [document.get(field) for field in (*index.fields, "_id")]
        if (index.unique or index.sparse) and None in values:
            return False
        if values[: len(equals)] != equals:
            return False
        if within is None or within == Range():
            return True
        value = values[len(equals)]
        low = within.low is None or (value is not None and value >= within.low)
        return value is not None and low and (within.high is None or value < within.high)

    def order(document: Document) -> list[tuple[bool, Scalar]]:
        values = [document.get(field) for field in (*index.fields, "_id")]
        return [(value is not None, value if value is not None else 0) for value in values]

    return sorted(filter(kept, documents), key=order, reverse=descending)


@pytest.mark.parametrize("seed", range(4))
async def test_pages_put_together_are_the_whole_search(catalog: Catalog, seed: int) -> None:
    chance = random.Random(seed)
    documents: list[Document] = [
        {
            "_id": f"{n:03}-{chance.randrange(100)}",
            "owner": chance.choice(["o", "p", None]),
            "created_ns": chance.choice([None, 1, 2, 3, 4]),
            "rank": chance.choice([None, -1.5, 0.0, 7.25]),
            "deadline_ns": chance.choice([None, 5, 6]),
            "name": f"{n}" if chance.random() < 0.7 else None,
        }
        for n in range(120)
    ]
    chance.shuffle(documents)
    await insert(catalog, *documents)
    for _ in range(60):
        index = chance.choice(NOTES.indexes)
        equals: list[Scalar] = []
        within = None
        if index.fields[0] == "owner":
            equals = chance.choice([[], ["o"], [None]])
        if index.fields[len(equals)] in {"created_ns", "deadline_ns"}:
            within = chance.choice([None, Range(), Range(2), Range(high=6), Range(2, 4)])
        descending = chance.random() < 0.5
        limit = chance.choice([1, 3, 7, 200])
        expected = model(documents, index, equals, within, descending)
        found: list[Document] = []
        after = None
        while True:
            page = await catalog.find(
                NOTES, index.name, equals, within, descending=descending, after=after, limit=limit
            )
            found += page
            if len(page) < limit:
                break
            after = position(index, page[-1])
        assert keys(found) == keys(expected), (index, equals, within, descending, limit)


async def test_more_than_one_turn_of_rows_or_bytes_is_still_one_page(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": f"{n:04}", "rank": n // 10} for n in range(1000)))
    assert [note["_id"] for note in await catalog.find(NOTES, "by_rank", limit=950)] == [f"{n:04}" for n in range(950)]
    await insert(catalog, *({"_id": f"{n}", "deadline_ns": n, "raw": b"x" * 700_000} for n in range(5)))
    assert keys(await catalog.find(NOTES, "by_deadline", descending=True, limit=5)) == "43210"


async def test_a_position_is_of_its_search(catalog: Catalog) -> None:
    with pytest.raises(PageTokenInvalid):
        await catalog.find(NOTES, "by_owner", ["o"], after=("p", 1, "a"))
    with pytest.raises(PageTokenInvalid):
        await catalog.find(NOTES, "by_owner", ["o"], after=("o",))
    with pytest.raises(ValueError, match="fewer fields"):
        await catalog.find(NOTES, "by_rank", [1, "a", 2])


async def test_a_position_outside_the_range_finds_only_what_is_in_it(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": key, "rank": at} for at, key in enumerate("abcde")))
    within = Range(1, 4)
    assert keys(await catalog.find(NOTES, "by_rank", (), within, after=(0, "a"))) == "bcd"
    assert keys(await catalog.find(NOTES, "by_rank", (), within, after=(4, "e"))) == ""
    assert keys(await catalog.find(NOTES, "by_rank", (), within, after=(4, "e"), descending=True)) == "dcb"
    assert keys(await catalog.find(NOTES, "by_rank", (), within, after=(0, "a"), descending=True)) == ""


async def test_a_reader_of_pages_sees_what_stood_there_all_along_once(catalog: Catalog, other: Catalog) -> None:
    await insert(catalog, *({"_id": f"old{n:03}", "rank": n} for n in range(100)))
    seen: list[str] = []
    after = None
    while page := await catalog.find(NOTES, "by_rank", after=after, limit=7):
        seen += [note["_id"] for note in page]
        after = position(NOTES.index("by_rank"), page[-1])
        await insert(other, {"_id": f"new{len(seen)}-low", "rank": -1}, {"_id": f"new{len(seen)}", "rank": 50})
    old = [key for key in seen if key.startswith("old")]
    assert old == [f"old{n:03}" for n in range(100)]
    assert len(seen) == len(set(seen))


async def test_numbers_of_insertions_grow_whoever_inserts(catalog: Catalog, other: Catalog) -> None:
    numbers = []
    for turn in range(10):
        writer = catalog if turn % 2 else other
        outcomes = await writer.batch([Insert(EVENTS, {"_id": f"{turn}-{n}", "number": -1}) for n in range(3)])
        numbers += [(outcome.document or {})["number"] for outcome in outcomes]
    assert numbers == sorted(set(numbers))
    page = await catalog.find(EVENTS, "by_number", limit=100)
    assert [event["number"] for event in page] == numbers
    last = await other.get(EVENTS, "9-2")
    assert last == {"_id": "9-2", "number": numbers[-1], "_version": 1}
