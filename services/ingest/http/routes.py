"""Which requests the HTTP door takes, read from the contract: those whose body is what the method stores."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dropmesh.v1 import behavior_pb2
from dropmesh.v1 import error_reason_pb2 as reasons
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from services.common.base.errors import NotFound
from services.common.rest.parameters import read_parameters, read_query
from services.common.rest.paths import path_pattern
from services.common.rpc.methods import Kind, Method
from services.common.rpc.request_rules import Rules
from services.ingest.http.lines import is_lines

_RULES = Rules()
# The field that a line of a body is.
LINE = "drop"


@dataclass(frozen=True, slots=True)
class Route:
    """One method, and how an HTTP request becomes its message."""

    method: Method
    verb: bytes
    template: str
    path: re.Pattern[str]
    body: str
    request: type[Message]

    @property
    def kind(self) -> Kind:
        """Which side sends a stream."""
        return self.method.kind

    def first_message(self, path: str, query: str, content_type: str) -> Any:
        """The request, or a stream's first message, without the body's bytes; raises InvalidArgument."""
        message: Any = self.request()
        if content_type and self.kind is not Kind.BOTH_STREAM:
            getattr(message, self.body).content_type = content_type
        found = self.path.fullmatch(path) if self.path.groups else None
        if found is not None:
            read_parameters(list(found.groupdict().items()), message)
        if query:
            read_query(query, message, body=self.body)
        if self.kind is Kind.BOTH_STREAM:
            # Else each line of the body would be answered with the same error.
            _RULES.check(message)
        return message


class Routes:
    """The routes by verb, path and whether the body has a line for each message."""

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = list(routes)
        lines = [route for route in routes if route.kind is Kind.BOTH_STREAM]
        self._whole = _ByPath([route for route in routes if route not in lines])
        self._lines = _ByPath(lines)

    def find(self, verb: bytes, path: str, content_type: str) -> Route:
        """The route of a request; raises NotFound."""
        route = self._lines.find(verb, path) if is_lines(content_type) else None
        route = route or self._whole.find(verb, path)
        if route is None:
            raise NotFound(reasons.ROUTE_NOT_FOUND, "no method has this path; see /docs")
        return route


class _ByPath:
    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed = {(route.verb, route.template): route for route in routes if not route.path.groups}
        self._others = [route for route in routes if route.path.groups]

    def find(self, verb: bytes, path: str) -> Route | None:
        route = self._fixed.get((verb, path))
        if route is None:
            fitting = (other for other in self._others if other.verb == verb and other.path.fullmatch(path))
            route = next(fitting, None)
        return route


def http_routes(methods: Iterable[Method]) -> Iterable[Route]:
    """A route for each binding of a method whose body is raw bytes, or a stream of such."""
    methods = list(methods)
    streams = {stream_of(method.descriptor): method for method in methods}
    for method in methods:
        first = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
        field = method.descriptor.input_type.fields_by_name.get(first.body)
        if field is not None and field.message_type is HttpBody.DESCRIPTOR and method.kind is not Kind.SERVER_STREAM:
            for rule in (first, *first.additional_bindings):
                verb = str(rule.WhichOneof("pattern"))
                template = getattr(rule, verb)
                path = path_pattern(template)
                yield Route(method, verb.upper().encode(), template, path, rule.body, method.request)
                if method.name in streams:
                    stream = streams[method.name]
                    yield Route(stream, verb.upper().encode(), template, path, LINE, stream.request)


def stream_of(method: MethodDescriptor) -> str:
    """The unary method that a method streams, if any."""
    return str(method.GetOptions().Extensions[behavior_pb2.behavior].stream_of)
