"""The order of a group's writes: operations on one key follow each other, all others run at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.common.catalog import Delete, Increment, Insert, Operation


@dataclass(slots=True)
class Step:
    """Places in the group of insertions (by collection), counts (by collection and key) and other operations."""

    insertions: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    counts: dict[tuple[str, str], list[int]] = field(default_factory=lambda: defaultdict(list))
    others: list[int] = field(default_factory=list)


def write_order(operations: Sequence[Operation]) -> list[Step]:
    """Returns steps, each to begin when the one before has ended; successive counts of one key stay in one step."""
    found: list[Step] = []
    last: dict[tuple[str, str], tuple[int, bool]] = {}
    for place, operation in enumerate(operations):
        counts = isinstance(operation, Increment)
        key = operation.key if isinstance(operation, (Increment, Delete)) else operation.document["_id"]
        name = (operation.collection.name, key)
        turn, counted = last.get(name, (-1, False))
        if not (counts and counted):
            turn += 1
        last[name] = (turn, counts)
        if turn == len(found):
            found.append(Step())
        if isinstance(operation, Insert):
            found[turn].insertions[name[0]].append(place)
        elif counts:
            found[turn].counts[name].append(place)
        else:
            found[turn].others.append(place)
    return found
