"""Streams of events: as messages, and as server-sent events."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Callable, Mapping

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import event_pb2, query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import OutOfRange
from services.common.base.instants import SECOND_NS, from_duration, to_timestamp
from services.common.events.filter import EventFilter
from services.common.events.log import Cursor, EventLog
from services.common.events.messages import event_message, heartbeat_message, to_kind, to_types
from services.common.events.reading import Reading
from services.common.events.tokens import event_token, parse_event_token
from services.common.rest.json import LINES_OF_JSON
from services.common.rpc.call import Call
from services.query.events.hub import EventHub
from services.query.events.server_sent import EVENT_STREAM, Sent

HEARTBEAT_SECONDS = 30.0
# A media's record outlives its deletion by DROPMESH_PURGE_DAYS, 30 by default: its last events are found until then.
KEPT_NS = 7 * 86_400 * SECOND_NS
Request = query_service_pb2.WatchEventsRequest | query_service_pb2.StreamEventsRequest


class EventStreams:
    """Watches for events."""

    def __init__(
        self,
        event_log: EventLog,
        hub: EventHub,
        *,
        now_ns: Callable[[], int] = time.time_ns,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._event_log = event_log
        self._hub = hub
        self._now_ns = now_ns
        self._heartbeat_seconds = heartbeat_seconds

    async def WatchEvents(
        self, request: query_service_pb2.WatchEventsRequest, call: Call
    ) -> AsyncIterator[event_pb2.Event]:
        """Streams events from now on, or after that of a token."""
        call.answer_with(200, LINES_OF_JSON)
        async for sent in self._events(request, request.token, call):
            yield sent.message

    async def StreamEvents(self, request: query_service_pb2.StreamEventsRequest, call: Call) -> AsyncIterator[HttpBody]:
        """The same as server-sent events; a browser that reconnects sends the token as a header."""
        # The header is that of a connection that broke: it is later than the token that the page began with.
        token = call.header("last-event-id") or request.token
        call.answer_with(200, {"cache-control": "no-store", "x-accel-buffering": "no"})
        content_type = EVENT_STREAM
        async for sent in self._events(request, token, call):
            yield HttpBody(content_type=content_type, data=sent.text)
            content_type = ""

    async def _events(self, request: Request, token: str, call: Call) -> AsyncIterator[Sent]:
        wanted = _filter(request, call)
        seconds = from_duration(request.end_after) / SECOND_NS if request.HasField("end_after") else None
        end = None if seconds is None else time.monotonic() + seconds
        async with self._hub.subscribe(wanted) as subscription:
            reading = self._reading(token, wanted)
            yield Sent(heartbeat_message(token or event_token(reading.cursor, None), self._now_ns()))
            if token:
                async for sent in _catch_up(reading, wanted, call.caller.owner):
                    yield sent
            last = reading.cursor
            while end is None or time.monotonic() < end:
                left = math.inf if end is None else end - time.monotonic()
                found = await subscription.next(min(self._heartbeat_seconds, left))
                if subscription.has_missed:
                    subscription.has_missed = False
                    reading = self._read_from(last, wanted)
                    async for sent in _catch_up(reading, wanted, call.caller.owner):
                        yield sent
                if found is None:
                    yield Sent(heartbeat_message(event_token(self._hub.cursor(wanted.kinds), None), self._now_ns()))
                    continue
                event, last = found.event, found.cursor
                # It may be among what was caught up with.
                if not reading.has(event):
                    yield found.sent(call.caller.owner)

    def _reading(self, token: str, wanted: EventFilter) -> Reading:
        if not token:
            return self._read_from(self._hub.cursor(wanted.kinds), wanted)
        cursor, ahead = parse_event_token(token)
        oldest_ns = self._now_ns() - KEPT_NS
        if cursor.since_ns < oldest_ns:
            oldest = to_timestamp(oldest_ns - oldest_ns % SECOND_NS).ToJsonString()
            raise OutOfRange(
                reasons.EVENT_TOKEN_TOO_OLD,
                f"token: its event is older than {oldest}; list what is there and start again without the token",
                metadata={"oldest": oldest},
                http_status=410,
            )
        return self._read_from(cursor, wanted, ahead)

    def _read_from(self, cursor: Cursor, wanted: EventFilter, ahead: Mapping[str, int] | None = None) -> Reading:
        return Reading(self._event_log, cursor, self._now_ns, owner=wanted.owner, kinds=wanted.kinds, ahead=ahead)


async def _catch_up(reading: Reading, wanted: EventFilter, viewer: str) -> AsyncIterator[Sent]:
    async for _, events in reading.to_end():
        for event in filter(wanted.accepts, events):
            yield Sent(event_message(event, viewer, event_token(reading.cursor, event)))


def _filter(request: Request, call: Call) -> EventFilter:
    caller = call.caller
    asked = caller.asked_owner(request.owner)
    owner = asked if request.owner or not caller.is_admin else None
    invite = request.invite.removeprefix("invites/") or None
    return EventFilter(owner, to_kind(request.kind), to_types(request.types), invite)
