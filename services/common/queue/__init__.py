"""The queue port: work that is done at least once, on leases in the catalog's database or on RabbitMQ.

The promise:
- Published means durable: once `publish` returned, every message will be claimed until it is acknowledged,
  rejected or given up.
- A message is with one claimer at a time while its lease lasts. A lease ends when it is not extended in time, or
  (where the queue can tell) when its holder's process ends; then the message is claimed again, its `attempt` one
  higher.
- A claim whose lease ended is stale: `acknowledge`, `release` and `extend` of it change nothing and return False.
- Order is roughly that of publication. Duplicates are possible: a claimer's effects must be idempotent.
- After `max_attempts` claims a message goes to the topic's dead letters with the reason last given.
- Work published to an idle queue is claimed within 50 ms, across processes, without busy polling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Topic:
    """A named stream of work."""

    name: str
    max_attempts: int = 5


@dataclass(frozen=True, slots=True)
class Claim:
    """One message, lent until its lease ends. `token` is the adapter's own."""

    topic: Topic
    body: bytes
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up."""

    body: bytes
    reason: str
    token: str


class Queue(Protocol):
    """See the module's promise."""

    async def publish(self, topic: Topic, bodies: Sequence[bytes], *, delay: timedelta = timedelta()) -> None:
        """Adds messages, all durable when it returns; with `delay` they are not claimed before it has passed."""
        ...

    async def claim(self, topic: Topic, *, limit: int, lease: timedelta, wait: timedelta) -> list[Claim]:
        """Up to `limit` messages as soon as there is one; an empty list when none came within `wait`."""
        ...

    async def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Lets the lease last that long from now."""
        ...

    async def acknowledge(self, claims: Sequence[Claim]) -> list[bool]:
        """The work is done and durable: the messages are gone."""
        ...

    async def release(self, claim: Claim, *, reason: str, delay: timedelta = timedelta()) -> bool:
        """The work failed for now: claimed again after `delay`, or a dead letter if this was the last attempt."""
        ...

    async def reject(self, claim: Claim, *, reason: str) -> bool:
        """The work can never succeed: a dead letter at once."""
        ...

    async def depth(self, topic: Topic) -> int:
        """How many messages wait or are being worked on."""
        ...

    async def dead_letters(self, topic: Topic, *, limit: int = 100) -> list[DeadLetter]:
        """Some of what was given up, oldest first, without removing it."""
        ...

    async def revive(self, topic: Topic, *, limit: int = 100) -> int:
        """Publishes the oldest dead letters again, their attempts forgotten; returns how many."""
        ...

    async def close(self) -> None:
        """Lets go of connections; what is claimed and not acknowledged will be claimed again."""
        ...
