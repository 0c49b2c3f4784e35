"""One turn of a webhook: the deliveries that are due again, then the events since the last turn.

An event that does not arrive becomes a Delivery, and so do later events of its resource, which wait behind it: so the
events of a resource arrive in their order, and an event that the receiver refuses holds up no other resource. When
several deliveries in a row fail, the receiver is taken for dead: until one arrives, each turn tries one only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from services.common.base.instants import SECOND_NS
from services.common.events.log import Cursor, EventLog
from services.common.events.messages import bare_event_message, event_message
from services.common.events.model import Event
from services.common.events.reading import Reading
from services.common.rest.json import json_text
from services.common.tracing import Tracing
from services.common.webhooks.model import Delivery, DeliveryState, Webhook, new_delivery
from services.common.webhooks.store import Deliveries, Webhooks
from services.processor.webhooks.backoff import ATTEMPTS_MOST, retry_after_ns
from services.processor.webhooks.sending import NotArrived
from services.processor.webhooks.signing import HEADER, signature

Send = Callable[[str, Mapping[str, str], bytes], Awaitable[None]]

RESOURCES_AT_ONCE = 8
# Longer than a round takes in which every attempt takes as long as it may.
LEASE_NS = 300 * SECOND_NS
DEAD_AFTER_FAILURES = 3
WAITING_MOST = 200
# A webhook to which no event was sent for so long stores how far it has read.
STORED_AFTER_NS = 60 * SECOND_NS
KEPT_NS = 7 * 86_400 * SECOND_NS


class TakenOver(Exception):
    """The lease ended, or the webhook was deleted or disabled: the turn ends."""


class Turn:
    """Delivers the events of one webhook; no other turn does while its lease lasts."""

    def __init__(
        self,
        webhook: Webhook,
        holder: str,
        webhooks: Webhooks,
        deliveries: Deliveries,
        event_log: EventLog,
        send: Send,
        now_ns: Callable[[], int],
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing or Tracing()
        self._webhook = webhook
        self._progress = webhook.progress
        self._holder = holder
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._log = event_log
        self._send = send
        self._now_ns = now_ns

    async def run(self) -> None:
        """Delivers all that can be delivered now."""
        if self._webhook.disabled or (self._is_dead and (self._progress.retry_time_ns or 0) > self._now_ns()):
            return
        if not await self._has_work():
            return
        await self._take()
        try:
            await self._try_waiting()
            if not self._is_dead:
                await self._read_on()
        finally:
            await self._store(lease_ns=0)

    @property
    def _is_dead(self) -> bool:
        return self._progress.failures >= DEAD_AFTER_FAILURES

    async def _has_work(self) -> bool:
        """Looks without a lease, so that a webhook for which nothing happens costs no write."""
        if _due(await self._waiting(), self._now_ns()):
            return True
        reading, wanted = self._reading(), self._webhook.wanted
        async for _, events in reading.to_end():
            if any(map(wanted.accepts, events)):
                return True
        # It goes back where the machine's clock was set back.
        return abs(reading.cursor.at_ns - self._progress.cursor.at_ns) > STORED_AFTER_NS

    async def _try_waiting(self) -> None:
        """Tries deliveries that are due; those of a resource in their order, up to the first that fails again."""
        waiting = await self._waiting()
        due = _due(waiting, self._now_ns())
        if self._is_dead and due:
            # One shows whether the receiver is back.
            await self._deliver(due.pop(0), is_probe=True)
        elif self._is_dead and not waiting:
            # The next event does.
            self._progress = replace(self._progress, failures=DEAD_AFTER_FAILURES - 1)
        while due and not self._is_dead:
            some, due = due[:RESOURCES_AT_ONCE], due[RESOURCES_AT_ONCE:]
            await asyncio.gather(*map(self._deliver, some))
            await self._store()

    async def _read_on(self) -> None:
        """Delivers the events since the last turn, those of some resources at once."""
        reading, wanted = self._reading(), self._webhook.wanted
        held_up = {delivery.resource_id for delivery in await self._waiting()}
        round_: list[list[Event]] = []
        async for _, events in reading.to_end():
            if accepted := [event for event in events if wanted.accepts(event)]:
                round_.append(accepted)
            if len(round_) == RESOURCES_AT_ONCE:
                await self._deliver_round(round_, held_up, reading)
                round_ = []
                if self._is_dead or len(held_up) >= WAITING_MOST:
                    return
        await self._deliver_round(round_, held_up, reading)

    async def _deliver_round(self, round_: Sequence[list[Event]], held_up: set[str], reading: Reading) -> None:
        behind = [new_delivery(self._webhook, one) for events in round_ for one in events if _id(one) in held_up]
        await self._deliveries.store(behind)
        free = [events for events in round_ if _id(events[0]) not in held_up]
        queues = [[new_delivery(self._webhook, event) for event in events] for events in free]
        left = await asyncio.gather(*map(self._deliver, queues, free))
        held_up |= {resource_id for resource_id in left if resource_id is not None}
        # All that was read is delivered or waits.
        self._progress = replace(self._progress, cursor=reading.cursor, ahead=dict(reading.ahead))
        await self._store()

    async def _deliver(
        self, queue: Sequence[Delivery], events: Sequence[Event] = (), *, is_probe: bool = False
    ) -> str | None:
        """Sends events of a resource in their order; the first that fails, and those behind it, wait.

        Deliveries that are not stored yet come with their events. Returns the resource's id where some wait.
        """
        arrived, left = 0, list(queue)
        while left and (not self._is_dead or (is_probe and not arrived)):
            try:
                await self._attempt(left[0], events[arrived] if events else None)
            except NotArrived as error:
                left[0] = self._failed(left[0], str(error))
                break
            self._arrived()
            left.pop(0)
            arrived += 1
        await self._deliveries.store(left)
        if not events:
            await self._deliveries.arrived(queue[:arrived])
        return left[0].resource_id if left else None

    async def _attempt(self, delivery: Delivery, event: Event | None) -> None:
        event = event or await self._read_again(delivery)
        body = self._body(delivery, event)
        headers = {
            HEADER: signature(self._webhook.secret, self._now_ns() // SECOND_NS, body),
            "dropmesh-event-id": delivery.event_id,
            "dropmesh-webhook": f"webhooks/{self._webhook.id}",
        }
        with self._traced(delivery, event):
            await self._send(self._webhook.url, headers, body)

    async def _read_again(self, delivery: Delivery) -> Event | None:
        """The event of a delivery that waited; None where the record was deleted meanwhile."""
        found = await self._log.read(delivery.kind, [delivery.resource_id])
        return Event(delivery.kind, found[0].resource, delivery.event_state, delivery.time_ns) if found else None

    def _body(self, delivery: Delivery, event: Event | None) -> bytes:
        if event is None:
            return json_text(
                bare_event_message(delivery.kind, delivery.resource_id, delivery.event_state, delivery.time_ns)
            )
        return json_text(event_message(event, self._webhook.owner))

    def _traced(self, delivery: Delivery, event: Event | None) -> AbstractContextManager[None]:
        return self._tracing.work(
            "webhooks",
            event.resource.traceparent if event else "",
            since_ns=delivery.time_ns,
            start_ns=self._now_ns(),
            webhook=self._webhook.id,
            event=delivery.event_id,
            attempt=delivery.attempts + 1,
        )

    def _arrived(self) -> None:
        self._progress = replace(
            self._progress, failures=0, failing_since_ns=None, retry_time_ns=None, success_time_ns=self._now_ns()
        )

    def _failed(self, delivery: Delivery, why: str) -> Delivery:
        now_ns, failures, attempts = self._now_ns(), self._progress.failures + 1, delivery.attempts + 1
        self._progress = replace(
            self._progress,
            failures=failures,
            failing_since_ns=self._progress.failing_since_ns or now_ns,
            last_error=why,
            retry_time_ns=now_ns + retry_after_ns(max(1, failures - DEAD_AFTER_FAILURES + 1)),
        )
        return replace(
            delivery,
            attempts=attempts,
            retry_time_ns=now_ns + retry_after_ns(attempts),
            last_error=why,
            state=DeliveryState.FAILED if attempts >= ATTEMPTS_MOST else DeliveryState.WAITING,
        )

    async def _waiting(self) -> Sequence[Delivery]:
        found, _ = await self._deliveries.list(self._webhook.id, DeliveryState.WAITING, limit=WAITING_MOST)
        return found

    def _reading(self) -> Reading:
        cursor, wanted = self._progress.cursor, self._webhook.wanted
        oldest_ns = self._now_ns() - KEPT_NS
        return Reading(
            self._log,
            cursor if cursor.since_ns >= oldest_ns else Cursor.at(oldest_ns),
            self._now_ns,
            owner=wanted.owner,
            kinds=wanted.kinds,
            ahead=self._progress.ahead,
        )

    async def _take(self) -> None:
        """Takes the lease; the webhook is as it is now."""
        await self._hold(lambda webhook: webhook, LEASE_NS)
        self._progress = self._webhook.progress

    async def _store(self, lease_ns: int = LEASE_NS) -> None:
        progress = self._progress
        await self._hold(lambda webhook: replace(webhook, progress=progress), lease_ns)

    async def _hold(self, edit: Callable[[Webhook], Webhook], lease_ns: int) -> None:
        changed = await self._webhooks.hold(
            self._webhook.id, self._holder, edit, now_ns=self._now_ns(), lease_ns=lease_ns
        )
        if changed is None or changed.disabled:
            raise TakenOver
        self._webhook = changed


def _due(waiting: Sequence[Delivery], now_ns: int) -> list[list[Delivery]]:
    """Deliveries by resource, in their order, where the first one is due."""
    queues: dict[str, list[Delivery]] = {}
    for delivery in waiting:
        queues.setdefault(delivery.resource_id, []).append(delivery)
    return [queue for queue in queues.values() if queue[0].retry_time_ns <= now_ns]


def _id(event: Event) -> str:
    return event.resource.id
