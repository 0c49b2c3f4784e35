"""The order of a group's writes: operations on one key follow each other, all others are sent together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.common.catalog import Delete, Increment, Insert, Operation, Replace, Upsert


@dataclass(slots=True)
class Step:
    """Operations by their place in the group; those that one command holds lie together.

    No key comes twice, except among the counts of one document.
    """

    insertions: dict[str, dict[int, Insert]] = field(default_factory=lambda: defaultdict(dict))
    """By collection, as replacements are."""
    replacements: dict[str, dict[int, Replace]] = field(default_factory=lambda: defaultdict(dict))
    upserts: dict[tuple[str, str | None], dict[int, Upsert]] = field(default_factory=lambda: defaultdict(dict))
    """By collection, and the field that says which of two documents is newer."""
    counts: dict[tuple[str, str], dict[int, Increment]] = field(default_factory=lambda: defaultdict(dict))
    """By collection and key."""
    deletions: dict[int, Delete] = field(default_factory=dict)

    def add(self, place: int, operation: Operation) -> None:
        """Adds an operation."""
        name = operation.collection.name
        if isinstance(operation, Insert):
            self.insertions[name][place] = operation
        elif isinstance(operation, Replace):
            self.replacements[name][place] = operation
        elif isinstance(operation, Upsert):
            self.upserts[name, operation.newer_by][place] = operation
        elif isinstance(operation, Increment):
            self.counts[name, operation.key][place] = operation
        else:
            self.deletions[place] = operation


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
        found[turn].add(place, operation)
    return found
