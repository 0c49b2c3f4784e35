"""Batches of many callers, grouped into one durable commit. Why: docs/decisions/group-commit.md, mongo-writes.md."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.common.catalog import Outcome

Prepared = TypeVar("Prepared")


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed operation; only the caller that submitted it gets the error."""

    error: BaseException


class WaitingBatches(Generic[Prepared]):
    """Batches, each with the future of its caller; one thread may add while another takes."""

    def __init__(self, most: int) -> None:
        self._waiting: deque[tuple[list[Prepared], asyncio.Future[list[Outcome]], bool]] = deque()
        self._most = most

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, prepared: list[Prepared], *, durable: bool = True) -> asyncio.Future[list[Outcome]]:
        """Adds a batch and returns the future of its outcomes."""
        future: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._waiting.append((prepared, future, durable))
        return future

    def take(self) -> Group[Prepared]:
        """Takes whole batches in order, until one commit has enough operations."""
        operations: list[Prepared] = []
        callers: list[tuple[int, asyncio.Future[list[Outcome]]]] = []
        is_durable = False
        while self._waiting and len(operations) < self._most:
            prepared, future, durable = self._waiting.popleft()
            operations += prepared
            callers.append((len(operations), future))
            is_durable |= durable
        return Group(operations, callers, is_durable=is_durable)


class Group(Generic[Prepared]):
    """The operations of some batches, which are applied together."""

    def __init__(
        self,
        operations: list[Prepared],
        callers: list[tuple[int, asyncio.Future[list[Outcome]]]],
        *,
        is_durable: bool = True,
    ) -> None:
        self.operations = operations
        self.is_durable = is_durable
        self._callers = callers

    def __len__(self) -> int:
        return len(self._callers)

    def settle(self, outcomes: Sequence[Outcome | Failure]) -> None:
        """Gives every caller the outcomes of its operations, or the first error among them."""
        start = 0
        for end, future in self._callers:
            if not future.done():
                _settle(future, outcomes[start:end])
            start = end

    def fail(self, error: BaseException) -> None:
        """Gives every caller the same error."""
        for _, future in self._callers:
            if not future.done():
                future.set_exception(error)


def _settle(future: asyncio.Future[list[Outcome]], outcomes: Sequence[Outcome | Failure]) -> None:
    applied: list[Outcome] = []
    for outcome in outcomes:
        if isinstance(outcome, Failure):
            future.set_exception(outcome.error)
            return
        applied.append(outcome)
    future.set_result(applied)
