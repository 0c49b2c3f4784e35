"""Server-sent events, as browsers' EventSource reads them."""

from __future__ import annotations

from functools import cached_property

from dropmesh.v1 import event_pb2

from services.common.rest.json import json_text

EVENT_STREAM = "text/event-stream"


class Sent:
    """An event as it is sent: its text is made once, however many streams send it."""

    def __init__(self, message: event_pb2.Event) -> None:
        self.message = message

    @cached_property
    def text(self) -> bytes:
        """The event as a server-sent one."""
        return server_sent(self.message)


def server_sent(event: event_pb2.Event) -> bytes:
    """One event; a heartbeat has no data, so that it moves the last event id and is not passed to the page."""
    if event.type == event_pb2.Event.HEARTBEAT:
        return b"id: %b\n: heartbeat\n\n" % event.token.encode()
    name = event_pb2.Event.Type.Name(event.type).encode()
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (event.token.encode(), name, json_text(event))
