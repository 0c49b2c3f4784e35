"""Which requests the plain door takes, read from the contract: those whose body is what the method stores."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

import grpc
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.ingest.http.query import read_query, set_text

VARIABLE = re.compile(r"\{(\w+)(?:=(\w+)/\*)?\}")
Handler = Callable[[Any, Any], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """One method, and how a request of HTTP becomes its message; `handler` is the guarded method."""

    handler: Handler
    streamed: bool
    verb: bytes
    template: str
    path: re.Pattern[str]
    body: str
    request: type[Message]

    def first_message(self, path: str, query: str, content_type: str) -> Any:
        """The request, or a stream's first message, without bytes yet; raises QueryMalformed."""
        message: Any = self.request()
        if content_type:
            getattr(message, self.body).content_type = content_type
        found = self.path.fullmatch(path) if self.path.groups else None
        for name, text in (found.groupdict() if found is not None else {}).items():
            set_text(message, message.DESCRIPTOR.fields_by_name[name], name, text)
        if query:
            read_query(query, message, body=self.body)
        return message


def plain_routes(service: ServiceDescriptor, handlers: grpc.GenericRpcHandler[Any, Any]) -> list[Route]:
    """A route for each method of a service whose body is raw bytes."""
    return [
        Route(
            cast(Handler, handler.stream_unary or handler.unary_unary),
            method.client_streaming,
            verb,
            template,
            _pattern(template),
            rule.body,
            GetMessageClass(method.input_type),
        )
        for method, rule, verb, template in _with_raw_bodies(service)
        if (handler := handlers.service(_Details(method))) is not None
    ]


def _with_raw_bodies(service: ServiceDescriptor) -> Iterable[tuple[MethodDescriptor, HttpRule, bytes, str]]:
    for method in service.methods:
        first = method.GetOptions().Extensions[annotations_pb2.http]
        field = method.input_type.fields_by_name.get(first.body)
        if field is not None and field.message_type is HttpBody.DESCRIPTOR and not method.server_streaming:
            for rule in (first, *first.additional_bindings):
                verb = str(rule.WhichOneof("pattern"))
                yield method, rule, verb.upper().encode(), getattr(rule, verb)


def _pattern(template: str) -> re.Pattern[str]:
    parts = VARIABLE.split(template)
    pattern = ""
    for literal, name, collection in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        pattern += re.escape(literal)
        if name:
            pattern += f"(?P<{name}>{f'{collection}/' if collection else ''}[^/]+)"
    return re.compile(pattern)


class _Details(grpc.HandlerCallDetails):
    """The name of a method, as a table of handlers is asked for it."""

    invocation_metadata = ()

    def __init__(self, method: MethodDescriptor) -> None:
        self.method = f"/{method.containing_service.full_name}/{method.name}"
