from __future__ import annotations

import asyncio

import pytest

from services.common.catalog import (
    MAX_DOCUMENT_BYTES,
    Catalog,
    Collection,
    Delete,
    Increment,
    Insert,
    Operation,
    Outcome,
    Refusal,
    Replace,
    Upsert,
)
from tests.contract.catalog.collections import CARDS, COUNTERS, EVENTS, NOTES, insert


async def one(catalog: Catalog, operation: Operation) -> Outcome:
    (outcome,) = await catalog.batch([operation])
    return outcome


async def test_an_inserted_document_has_version_one_everywhere(catalog: Catalog, other: Catalog) -> None:
    outcome = await one(catalog, Insert(NOTES, {"_id": "a", "rank": 3}))
    assert outcome == Outcome(None, {"_id": "a", "rank": 3, "_version": 1})
    assert await catalog.get(NOTES, "a") == outcome.document
    assert await other.get(NOTES, "a") == outcome.document


async def test_a_taken_key_is_refused_and_left_alone(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "rank": 1})
    assert await one(catalog, Insert(NOTES, {"_id": "a", "rank": 2})) == Outcome(Refusal.EXISTS)
    assert await catalog.get(NOTES, "a") == {"_id": "a", "rank": 1, "_version": 1}


async def test_a_taken_place_in_a_unique_index_is_refused_to_every_kind_of_write(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "owner": "o", "name": "n"}, {"_id": "b", "owner": "o", "name": "m"})
    taken = {"owner": "o", "name": "n"}
    assert await one(catalog, Insert(NOTES, {"_id": "c", **taken})) == Outcome(Refusal.EXISTS)
    assert await one(catalog, Upsert(NOTES, {"_id": "c", **taken})) == Outcome(Refusal.EXISTS)
    assert await one(catalog, Upsert(NOTES, {"_id": "b", **taken})) == Outcome(Refusal.EXISTS)
    assert await one(catalog, Replace(NOTES, {"_id": "b", **taken}, 1)) == Outcome(Refusal.EXISTS)
    assert await catalog.get(NOTES, "b") == {"_id": "b", "owner": "o", "name": "m", "_version": 1}
    assert await catalog.get(NOTES, "c") is None


async def test_documents_that_lack_a_field_stand_outside_a_unique_index(catalog: Catalog) -> None:
    await insert(
        catalog,
        {"_id": "a", "owner": "o"},
        {"_id": "b", "owner": "o"},
        {"_id": "c", "owner": "o", "name": None},
        {"_id": "d", "owner": "o", "name": None},
        {"_id": "e", "owner": None, "name": "n"},
        {"_id": "f", "owner": None, "name": "n"},
    )
    assert await catalog.find(NOTES, "by_name", ["o"]) == []


async def test_a_document_in_many_indexes_is_found_by_what_changed_and_by_what_did_not(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "x", "place": 1, "a": 1, "b": 1}, {"_id": "y", "place": 2}, collection=CARDS)
    changed = {"_id": "x", "place": 1, "a": 1, "b": 2, "c": 1}
    assert (await one(catalog, Replace(CARDS, changed, 1))).document == {**changed, "_version": 2}
    for index, value, keys in (("a", 1, ["x"]), ("b", 1, []), ("b", 2, ["x"]), ("c", 1, ["x"])):
        assert [found["_id"] for found in await catalog.find(CARDS, f"by_{index}", [value])] == keys
    assert await one(catalog, Replace(CARDS, {**changed, "place": 2}, 2)) == Outcome(Refusal.EXISTS)
    assert await one(catalog, Replace(CARDS, {**changed, "c": 2}, 1)) == Outcome(Refusal.CONFLICT)
    assert (await one(catalog, Replace(CARDS, {"_id": "x"}, 2))).applied
    assert [await catalog.find(CARDS, f"by_{name}") for name in ("place", "a", "b", "c")] == [
        [{"_id": "y", "place": 2, "_version": 1}],
        [],
        [],
        [],
    ]


async def test_a_unique_place_is_free_again_after_its_holder_moved_or_went(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "owner": "o", "name": "n"})
    assert (await one(catalog, Replace(NOTES, {"_id": "a", "owner": "o", "name": "moved"}, 1))).applied
    assert (await one(catalog, Insert(NOTES, {"_id": "b", "owner": "o", "name": "n"}))).applied
    assert (await one(catalog, Delete(NOTES, "b"))).applied
    assert (await one(catalog, Insert(NOTES, {"_id": "c", "owner": "o", "name": "n"}))).applied


async def test_replacing_takes_the_version_that_was_read(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "rank": 1, "note": "gone after"})
    outcome = await one(catalog, Replace(NOTES, {"_id": "a", "rank": 2, "_version": 1}, 1))
    assert outcome == Outcome(None, {"_id": "a", "rank": 2, "_version": 2})
    assert await catalog.get(NOTES, "a") == outcome.document
    assert await one(catalog, Replace(NOTES, {"_id": "a", "rank": 3}, 1)) == Outcome(Refusal.CONFLICT)
    assert await one(catalog, Replace(NOTES, {"_id": "gone"}, 1)) == Outcome(Refusal.CONFLICT)
    assert await catalog.get(NOTES, "a") == outcome.document
    assert await catalog.get(NOTES, "gone") is None


async def test_an_upsert_makes_or_replaces_and_counts_versions(catalog: Catalog) -> None:
    first = await one(catalog, Upsert(NOTES, {"_id": "a", "rank": 1, "old": True}))
    second = await one(catalog, Upsert(NOTES, {"_id": "a", "rank": 2}))
    assert first.document == {"_id": "a", "rank": 1, "old": True, "_version": 1}
    assert second.document == {"_id": "a", "rank": 2, "_version": 2}
    assert await catalog.get(NOTES, "a") == second.document


@pytest.mark.parametrize("field", ["created_ns", "received_ns"])
async def test_the_newest_wins_in_whatever_order_it_comes(catalog: Catalog, field: str) -> None:
    async def write(value: int | None) -> Refusal | None:
        return (await one(catalog, Upsert(NOTES, {"_id": "a", field: value}, newer_by=field))).refusal

    assert await write(5) is None
    assert await write(4) is Refusal.STALE
    assert await write(5) is Refusal.STALE
    assert await write(None) is Refusal.STALE
    assert await write(6) is None
    assert await catalog.get(NOTES, "a") == {"_id": "a", field: 6, "_version": 2}


async def test_a_document_without_the_field_is_older_than_any(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a"}, {"_id": "b", "created_ns": None})
    for key in ("a", "b"):
        assert (await one(catalog, Upsert(NOTES, {"_id": key, "created_ns": -5}, newer_by="created_ns"))).applied


async def test_counting_makes_the_document_and_tells_it(catalog: Catalog) -> None:
    first = await one(catalog, Increment(COUNTERS, "day", {"uploads": 1, "bytes": 2**40}))
    second = await one(catalog, Increment(COUNTERS, "day", {"uploads": -3, "videos": 1}))
    assert first.document == {"_id": "day", "uploads": 1, "bytes": 2**40, "_version": 1}
    assert second.document == {"_id": "day", "uploads": -2, "bytes": 2**40, "videos": 1, "_version": 2}
    assert await catalog.get(COUNTERS, "day") == second.document


async def test_counts_in_an_indexed_field_move_the_document_in_the_index(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "rank": 1}, {"_id": "b", "rank": 2})
    await one(catalog, Increment(NOTES, "a", {"rank": 5}))
    assert [note["_id"] for note in await catalog.find(NOTES, "by_rank")] == ["b", "a"]


async def test_deleting(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a"}, {"_id": "b"})
    assert await one(catalog, Delete(NOTES, "a", version=2)) == Outcome(Refusal.CONFLICT)
    assert await one(catalog, Delete(NOTES, "a", version=1)) == Outcome()
    assert await one(catalog, Delete(NOTES, "a", version=1)) == Outcome()
    assert await one(catalog, Delete(NOTES, "b")) == Outcome()
    assert await catalog.get_many(NOTES, ["a", "b"]) == {}
    assert (await one(catalog, Insert(NOTES, {"_id": "a"}))).document == {"_id": "a", "_version": 1}


async def test_operations_of_a_batch_fare_each_on_its_own(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "owner": "o", "name": "n"})
    outcomes = await catalog.batch(
        [
            Insert(NOTES, {"_id": "b"}),
            Insert(NOTES, {"_id": "a"}),
            Insert(NOTES, {"_id": "c", "owner": "o", "name": "n"}),
            Replace(NOTES, {"_id": "a", "rank": 1}, 9),
            Upsert(NOTES, {"_id": "d", "rank": 4}),
            Increment(COUNTERS, "x", {"n": 1}),
            Delete(NOTES, "nothing"),
            Insert(EVENTS, {"_id": "e"}),
        ]
    )
    assert [outcome.refusal for outcome in outcomes] == [
        None,
        Refusal.EXISTS,
        Refusal.EXISTS,
        Refusal.CONFLICT,
        None,
        None,
        None,
        None,
    ]
    assert set(await catalog.get_many(NOTES, ["a", "b", "c", "d"])) == {"a", "b", "d"}


async def test_operations_on_one_key_keep_their_order(catalog: Catalog) -> None:
    outcomes = await catalog.batch(
        [
            Insert(NOTES, {"_id": "a", "n": 1}),
            Replace(NOTES, {"_id": "a", "n": 2}, 1),
            Increment(NOTES, "a", {"n": 10}),
            Increment(NOTES, "a", {"n": 100}),
            Upsert(NOTES, {"_id": "a", "n": 3}),
            Insert(NOTES, {"_id": "a", "n": 4}),
            Delete(NOTES, "a", 5),
            Insert(NOTES, {"_id": "a", "n": 5}),
        ]
    )
    assert [(outcome.refusal, (outcome.document or {}).get("n")) for outcome in outcomes] == [
        (None, 1),
        (None, 2),
        (None, 12),
        (None, 112),
        (None, 3),
        (Refusal.EXISTS, None),
        (None, None),
        (None, 5),
    ]
    assert await catalog.get(NOTES, "a") == {"_id": "a", "n": 5, "_version": 1}


async def test_of_upserts_on_one_key_in_one_batch_the_newest_stays(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "taken", "owner": "o", "name": "n"})
    ranks = {"up": (1, 2, 3), "down": (3, 2, 1), "alike": (2, 2, 2)}
    upserts = [
        Upsert(NOTES, {"_id": key, "rank": ranks[key][turn]}, newer_by="rank") for turn in range(3) for key in ranks
    ]
    others = [Upsert(NOTES, {"_id": f"other {number}"}) for number in range(20)]
    outcomes = await catalog.batch([*upserts, Upsert(NOTES, {"_id": "late", "owner": "o", "name": "n"}), *others])
    stale = Refusal.STALE
    assert [outcome.refusal for outcome in outcomes] == [
        *(None, None, None),
        *(None, stale, stale),
        *(None, stale, stale),
        Refusal.EXISTS,
        *([None] * len(others)),
    ]
    found = await catalog.get_many(NOTES, list(ranks))
    assert {key: (note["rank"], note["_version"]) for key, note in found.items()} == {
        "up": (3, 3),
        "down": (3, 1),
        "alike": (2, 1),
    }


@pytest.mark.parametrize("many", [NOTES, CARDS], ids=["few indexes", "many indexes"])
async def test_of_many_replaced_in_one_batch_each_fares_on_its_own(catalog: Catalog, many: Collection) -> None:
    unique = {"owner": "o", "name": "n"} if many is NOTES else {"place": 7}
    documents = [{"_id": f"{number:02}", "a": number, "rank": number} for number in range(37)]
    await insert(catalog, *documents, {"_id": "taken", **unique}, collection=many)
    replaced: list[Operation] = [Replace(many, {**document, "a": 100, "b": 1}, 1) for document in documents]
    replaced[5] = Replace(many, {"_id": "05", **unique}, 1)
    replaced[9] = Replace(many, {"_id": "09", "a": 1}, 2)
    replaced[12] = Replace(many, {"_id": "none", "a": 1}, 1)
    replaced[20] = Replace(many, {"_id": "19", "rank": 3}, 2)
    replaced[21] = Replace(many, {"_id": "19", "rank": 4}, 2)
    outcomes = await catalog.batch([*replaced, Insert(EVENTS, {"_id": "e"})])
    refused = {5: Refusal.EXISTS, **dict.fromkeys((9, 12, 21), Refusal.CONFLICT)}
    assert [outcome.refusal for outcome in outcomes] == [refused.get(place) for place in range(38)]
    assert outcomes[20].document == {"_id": "19", "rank": 3, "_version": 3}
    stored = await catalog.get_many(many, [document["_id"] for document in documents])
    untouched = (5, 9, 12, 20, 21)
    assert stored == {
        document["_id"]: {**document, "_version": 1}
        if number in untouched
        else {**document, "a": 100, "b": 1, "_version": 2}
        for number, document in enumerate(documents)
    } | {"19": {"_id": "19", "rank": 3, "_version": 3}}


async def test_an_empty_batch_is_nothing(catalog: Catalog) -> None:
    assert await catalog.batch([]) == []


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({}, TypeError),
        ({"_id": 5}, TypeError),
        ({"_id": "a", "n": 2**63}, ValueError),
        ({"_id": "a", "n": object()}, ValueError),
        ({"_id": "a", "raw": b"x" * MAX_DOCUMENT_BYTES}, ValueError),
    ],
)
async def test_what_cannot_be_stored_is_refused_before_anything_happens(
    catalog: Catalog, document: dict[str, object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await catalog.batch([Insert(NOTES, {"_id": "first"}), Insert(NOTES, document)])
    assert await catalog.get(NOTES, "first") is None


@pytest.mark.parametrize("field", ["", "a.b", "$a", "_id", "_version", "deadline_ns"])
async def test_names_that_cannot_count(catalog: Catalog, field: str) -> None:
    with pytest.raises(ValueError, match="cannot count"):
        await catalog.batch([Increment(NOTES, "a", {field: 1})])


@pytest.mark.parametrize("held", ["text", True, [1]])
async def test_a_count_that_cannot_be_is_its_callers_error_alone(catalog: Catalog, held: object) -> None:
    await insert(catalog, {"_id": "a", "n": held}, collection=COUNTERS)
    impossible = catalog.batch([Increment(COUNTERS, "a", {"n": 1})])
    neighbour = catalog.batch([Increment(COUNTERS, "a", {"m": 1}), Increment(COUNTERS, "b", {"n": 1})])
    error, outcomes = await asyncio.gather(impossible, neighbour, return_exceptions=True)
    assert isinstance(error, TypeError)
    assert isinstance(outcomes, list)
    assert [outcome.applied for outcome in outcomes] == [True, True]
    assert await catalog.get(COUNTERS, "a") == {"_id": "a", "n": held, "m": 1, "_version": 2}


async def test_what_comes_after_is_applied_after_and_has_its_outcomes_last(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "rank": 1})
    first = [Insert(NOTES, {"_id": "b", "rank": 1}), Insert(NOTES, {"_id": "a", "rank": 2})]
    outcomes = await catalog.batch(first, [Replace(NOTES, {"_id": "b", "rank": 3}, 1), Delete(NOTES, "a", 7)])
    assert [outcome.refusal for outcome in outcomes] == [None, Refusal.EXISTS, None, Refusal.CONFLICT]
    assert await catalog.get(NOTES, "b") == {"_id": "b", "rank": 3, "_version": 2}


async def test_either_part_of_a_batch_may_be_empty(catalog: Catalog) -> None:
    assert await catalog.batch([], []) == []
    assert [outcome.applied for outcome in await catalog.batch([], [Insert(NOTES, {"_id": "a"})])] == [True]


async def test_a_batch_that_may_be_lost_to_a_power_cut_is_seen_as_others_are(catalog: Catalog) -> None:
    writes = [catalog.batch([Insert(NOTES, {"_id": f"{n}"})], durable=n % 2 == 0) for n in range(6)]
    assert all(outcome.applied for (outcome,) in await asyncio.gather(*writes))
    (outcome,) = await catalog.batch([Insert(NOTES, {"_id": "0"})], durable=False)
    assert outcome.refusal is Refusal.EXISTS
    assert len(await catalog.get_many(NOTES, [f"{n}" for n in range(6)])) == 6


async def test_of_replacements_together_each_is_applied_or_refused_on_its_own(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": key, "rank": 1} for key in "abcd"))
    await one(catalog, Replace(NOTES, {"_id": "b", "rank": 2}, 1))
    outcomes = await catalog.batch([Replace(NOTES, {"_id": key, "rank": 3}, 1) for key in ("a", "b", "none", "c")])
    assert [outcome.refusal for outcome in outcomes] == [None, Refusal.CONFLICT, Refusal.CONFLICT, None]
    found = await catalog.get_many(NOTES, ["a", "b", "none", "c", "d"])
    assert {key: (document["rank"], document["_version"]) for key, document in found.items()} == {
        "a": (3, 2),
        "b": (2, 2),
        "c": (3, 2),
        "d": (1, 1),
    }


async def test_replacements_of_one_document_follow_each_other_in_a_batch(catalog: Catalog) -> None:
    await insert(catalog, {"_id": "a", "rank": 1})
    outcomes = await catalog.batch(
        [Replace(NOTES, {"_id": "a", "rank": 2}, 1), Replace(NOTES, {"_id": "a", "rank": 3}, 2)]
    )
    assert all(outcome.applied for outcome in outcomes)
    assert await catalog.get(NOTES, "a") == {"_id": "a", "rank": 3, "_version": 3}


async def test_of_replacements_together_one_that_takes_a_unique_value_is_refused_alone(catalog: Catalog) -> None:
    await insert(catalog, *({"_id": key, "owner": "ann", "name": key} for key in "abc"))
    taken = [("a", "d"), ("b", "d"), ("c", "e")]
    outcomes = await catalog.batch(
        [Replace(NOTES, {"_id": key, "owner": "ann", "name": name}, 1) for key, name in taken]
    )
    assert [outcome.refusal for outcome in outcomes] == [None, Refusal.EXISTS, None]
    found = await catalog.get_many(NOTES, ["a", "b", "c"])
    assert {key: document["name"] for key, document in found.items()} == {"a": "d", "b": "b", "c": "e"}
