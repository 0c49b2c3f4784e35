from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from services.common.catalog import (
    Catalog,
    Document,
    Increment,
    Insert,
    PlaceTaken,
    Refusal,
    Replace,
    Upsert,
    change,
)
from tests.contract.catalog import processes
from tests.contract.catalog.collections import COUNTERS, EVENTS, NOTES, insert


async def test_of_fifty_writers_one_gets_the_key(catalog: Catalog, other: Catalog) -> None:
    writers = [(catalog, other)[n % 2].batch([Insert(NOTES, {"_id": "a", "writer": n})]) for n in range(50)]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*writers)]
    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, Refusal.EXISTS: 49}
    assert await catalog.get(NOTES, "a") == next(outcome.document for outcome in outcomes if outcome.applied)


async def test_of_fifty_writers_one_gets_the_place_in_a_unique_index(catalog: Catalog, other: Catalog) -> None:
    writers = [
        (catalog, other)[n % 2].batch([Insert(NOTES, {"_id": f"{n}", "owner": "o", "name": "n"})]) for n in range(50)
    ]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*writers)]
    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, Refusal.EXISTS: 49}
    assert len(await catalog.find(NOTES, "by_name", ["o", "n"])) == 1


async def test_of_fifty_replacements_of_one_version_one_takes_effect(catalog: Catalog, other: Catalog) -> None:
    await insert(catalog, {"_id": "a"})
    writers = [(catalog, other)[n % 2].batch([Replace(NOTES, {"_id": "a", "writer": n}, 1)]) for n in range(50)]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*writers)]
    assert Counter(outcome.refusal for outcome in outcomes) == {None: 1, Refusal.CONFLICT: 49}


async def test_the_newest_of_fifty_stays(catalog: Catalog, other: Catalog) -> None:
    writers = [
        (catalog, other)[n % 2].batch([Upsert(NOTES, {"_id": "a", "created_ns": (n * 17) % 50}, newer_by="created_ns")])
        for n in range(50)
    ]
    outcomes = [outcome for (outcome,) in await asyncio.gather(*writers)]
    stored = await catalog.get(NOTES, "a")
    assert stored is not None
    assert stored["created_ns"] == 49
    assert stored["_version"] == sum(outcome.applied for outcome in outcomes)
    assert {outcome.refusal for outcome in outcomes} <= {None, Refusal.STALE}


async def test_fifty_who_change_one_document_all_do(catalog: Catalog, other: Catalog) -> None:
    def one_more(document: Document | None) -> Document:
        return {"_id": "a", "n": 1} if document is None else {**document, "n": document["n"] + 1}

    writers = [change((catalog, other)[n % 2], COUNTERS, "a", one_more) for n in range(50)]
    after = await asyncio.gather(*writers)
    assert sorted(document["n"] for document in after if document) == list(range(1, 51))
    assert await catalog.get(COUNTERS, "a") == {"_id": "a", "n": 50, "_version": 50}


async def test_two_hundred_counts_each_tell_what_came_of_them(catalog: Catalog, other: Catalog) -> None:
    counts = [(catalog, other)[n % 2].batch([Increment(COUNTERS, "a", {"n": 1, "twice": 2})]) for n in range(200)]
    documents = [outcome.document or {} for (outcome,) in await asyncio.gather(*counts)]
    assert sorted(document["n"] for document in documents) == list(range(1, 201))
    assert all(document["twice"] == 2 * document["n"] == 2 * document["_version"] for document in documents)


async def test_a_change_may_leave_things_as_they_are(catalog: Catalog) -> None:
    assert await change(catalog, NOTES, "a", lambda _: None) is None
    await insert(catalog, {"_id": "a"})
    assert await change(catalog, NOTES, "a", lambda _: None) == {"_id": "a", "_version": 1}


async def test_a_change_into_a_taken_place_says_so(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "owner": "o", "name": "n"}, {"_id": "b"})
    for key in ("b", "c"):
        with pytest.raises(PlaceTaken):
            await change(catalog, NOTES, key, lambda _, key=key: {"_id": key, "owner": "o", "name": "n"})  # type: ignore[misc]


async def test_names_are_unique_across_processes(catalog_url: str, catalog: Catalog) -> None:
    claimed = await processes.run(catalog_url, "claim_names", "x", "y", "z")
    assert sorted(int(name) for printed in claimed for (name,) in printed) == list(range(40))
    assert len(await catalog.find(NOTES, "by_name", ["o"])) == 40


async def test_numbers_and_counts_across_processes(catalog_url: str, catalog: Catalog) -> None:
    numbered = await processes.run(catalog_url, "number", "x", "y", "z")
    own = [[int(number) for (number,) in printed] for printed in numbered]
    assert all(numbers == sorted(numbers) for numbers in own)
    every = sorted(number for numbers in own for number in numbers)
    assert every == sorted(set(every))
    (outcome,) = await catalog.batch([Insert(EVENTS, {"_id": "last"})])
    assert outcome.document is not None
    assert outcome.document["number"] > every[-1]
    await processes.run(catalog_url, "count", "x", "y", "z")
    assert await catalog.get(COUNTERS, "shared") == {"_id": "shared", "n": 150, "_version": 150}


async def test_of_groups_that_replace_alike_each_document_has_one_winner(catalog: Catalog, other: Catalog) -> None:
    documents = [{"_id": f"{number:02}", "rank": number} for number in range(40)]
    await insert(catalog, *documents)
    wanted = [Replace(NOTES, {**document, "rank": 7}, 1) for document in documents]
    groups = [wanted, wanted[::-1], wanted[10:30]]
    found = await asyncio.gather(*(one.batch(group) for one in (catalog, other) for group in groups))
    winners = Counter(
        operation.document["_id"]
        for group, outcomes in zip(groups * 2, found, strict=True)
        for operation, outcome in zip(group, outcomes, strict=True)
        if outcome.applied
    )
    assert winners == {document["_id"]: 1 for document in documents}
    assert {outcome.refusal for outcomes in found for outcome in outcomes} == {None, Refusal.CONFLICT}


async def test_of_groups_of_upserts_the_newest_stays(catalog: Catalog, other: Catalog) -> None:
    groups = [
        [Upsert(NOTES, {"_id": f"{number:02}", "created_ns": turn}, newer_by="created_ns") for number in range(40)]
        for turn in (3, 1, 5, 2, 4, 5)
    ]
    found = await asyncio.gather(*((catalog, other)[n % 2].batch(group) for n, group in enumerate(groups)))
    stored = await catalog.get_many(NOTES, [f"{number:02}" for number in range(40)])
    assert {note["created_ns"] for note in stored.values()} == {5}
    for number, note in enumerate(stored[key] for key in sorted(stored)):
        assert note["_version"] == sum(outcomes[number].applied for outcomes in found)
