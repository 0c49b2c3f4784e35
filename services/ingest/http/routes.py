"""Which requests the HTTP door takes, read from the contract: those whose body is what the method stores."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons
from google.api import annotations_pb2
from google.protobuf.message import Message

from services.common.base.errors import InvalidArgument, NotFound
from services.common.rest.parameters import read_parameters, read_query
from services.common.rest.paths import path_pattern
from services.common.rest.raw_bodies import takes_raw_bytes
from services.common.rpc.methods import Kind, Method
from services.common.rpc.request_rules import Rules

_RULES = Rules()
# Bytes are stored as they come, and a compressed drop would be quarantined after its answer.
COMPRESSIONS = frozenset(
    {"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "lz4", "snappy", "bzip2", "xz"}
)
# Its method unpacks the body.
UNPACKING = "WriteLines"


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

    def check_encoding(self, encoding: str) -> None:
        """Raises InvalidArgument for a compressed body."""
        if not encoding or self.method.name == UNPACKING:
            return
        if not COMPRESSIONS.isdisjoint(one.strip() for one in encoding.lower().split(",")):
            raise InvalidArgument(
                reasons.REQUEST_MALFORMED,
                f"content-encoding: a body that is packed as {encoding} is not unpacked here; send it as it is",
                metadata={"field": "content-encoding"},
                http_status=415,
            )

    def first_message(self, path: str, query: str, content_type: str) -> Any:
        """The request, or a stream's first message, without the body's bytes; raises InvalidArgument."""
        message: Any = self.request()
        if content_type and self.kind is not Kind.BOTH_STREAM:
            getattr(message, self.body).content_type = content_type
        found = self.path.fullmatch(path) if self.path.groups else None
        variables = {} if found is None else found.groupdict()
        if variables:
            read_parameters(variables.items(), message)
        if query:
            read_query(query, message, body=self.body, in_path=variables)
        if self.kind is Kind.BOTH_STREAM:
            # Else each line of the body would be answered with the same error.
            _RULES.check(message)
        return message


class Routes:
    """The routes by verb and path."""

    def __init__(self, routes: Iterable[Route]) -> None:
        routes = list(routes)
        self._fixed = {(route.verb, route.template): route for route in routes if not route.path.groups}
        self._others = [route for route in routes if route.path.groups]

    def find(self, verb: bytes, path: str) -> Route:
        """The route of a request; raises NotFound."""
        route = self._fixed.get((verb, path))
        if route is None:
            fitting = (other for other in self._others if other.verb == verb and other.path.fullmatch(path))
            route = next(fitting, None)
        if route is None:
            raise NotFound(reasons.ROUTE_NOT_FOUND, "no method has this path; see /docs")
        return route


def http_routes(methods: Iterable[Method]) -> Iterable[Route]:
    """A route for each binding of a method whose body is raw bytes."""
    for method in methods:
        first = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
        if method.kind is not Kind.SERVER_STREAM and takes_raw_bytes(method.descriptor):
            for rule in (first, *first.additional_bindings):
                verb = str(rule.WhichOneof("pattern"))
                template = getattr(rule, verb)
                yield Route(method, verb.upper().encode(), template, path_pattern(template), rule.body, method.request)
