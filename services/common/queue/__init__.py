"""The queue port: work that is done at least once, on leases in the catalog's database or on RabbitMQ.

The promise:
- Published means durable: once `publish` returned, every message will be claimed until it is acknowledged,
  rejected or given up. A power cut may take messages that were published as `swept`.
- One claimer at a time holds a message while its lease lasts. A lease ends when it is not extended in time, or
  (where the queue can see it) when its holder's process ends; then the message is claimed again, its `attempt` one
  higher.
- A claim whose lease ended is stale: `acknowledge`, `release` and `extend` of it change nothing and return False.
- Order is roughly that of publication. Duplicates are possible: a claimer's effects must be idempotent. After a power
  cut, messages that were acknowledged just before may be claimed again.
- A connection that ends may cost an attempt, and makes no dead letter.
- After `max_attempts` claims a message goes to the topic's dead letters with the reason last given, where it
  stays until it is revived or purged.
- Work published to an idle queue is claimed within 50 ms, across processes, without busy polling.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from services.common.queue.bell import Bell

LEASE_ENDED = "the lease ended: its holder was too slow, or died"


@dataclass(frozen=True, slots=True)
class Topic:
    """A named stream of work."""

    name: str
    max_attempts: int | None = 5
    """None: its messages are never given up."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One message, lent until its lease ends. `token` is the adapter's own."""

    topic: Topic
    body: bytes
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was given up. `id` is the adapter's own; `attempts` is how often it was claimed."""

    id: str
    body: bytes
    reason: str
    attempts: int
    dead_since_ns: int


class Queue(Protocol):
    """See the module's promise."""

    async def publish(
        self, topic: Topic, bodies: Sequence[bytes], *, delay: timedelta = timedelta(), swept: bool = False
    ) -> None:
        """Adds messages, all durable when it returns; with `delay` they are not claimed before it has passed.

        `swept` means that the publisher finds work that is not in the queue and publishes it again.
        """
        ...

    async def claim(self, topic: Topic, *, limit: int, lease: timedelta, wait: timedelta) -> list[Claim]:
        """Returns up to `limit` messages as soon as there is one, or an empty list after `wait`."""
        ...

    async def extend(self, claim: Claim, lease: timedelta) -> bool:
        """Makes the lease end that long from now."""
        ...

    async def acknowledge(self, claims: Sequence[Claim]) -> list[bool]:
        """The work is done and durable: the messages are gone."""
        ...

    async def release(self, claim: Claim, *, reason: str, delay: timedelta = timedelta()) -> bool:
        """The work failed for now: claimed again after `delay`, or a dead letter if this was the last attempt."""
        ...

    async def put_back(self, claim: Claim, *, delay: timedelta = timedelta()) -> bool:
        """The work was not done through no fault of the message: claimed again after `delay`; this claim counts not."""
        ...

    async def reject(self, claim: Claim, *, reason: str) -> bool:
        """The work can never succeed: a dead letter at once."""
        ...

    async def depth(self, topic: Topic) -> int:
        """Returns how many messages wait or are being worked on."""
        ...

    async def dead_letters(self, topic: Topic, *, limit: int = 100) -> list[DeadLetter]:
        """Returns the oldest dead letters and leaves them where they are."""
        ...

    async def dead_count(self, topic: Topic) -> int:
        """Returns how many dead letters there are; those that were just listed may be missing for a moment."""
        ...

    async def revive(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """Publishes dead letters again as new messages: those named, or the oldest; returns how many."""
        ...

    async def purge(self, topic: Topic, *, ids: Collection[str] = (), limit: int = 100) -> int:
        """Deletes dead letters for good: those named, or the oldest; returns how many."""
        ...

    @property
    def bell(self) -> Bell:
        """The bell of the processes that share this queue."""
        ...

    async def close(self) -> None:
        """Closes connections; what is claimed and not acknowledged will be claimed again."""
        ...
