"""The reads that the HTTP door answers, by path."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from dropmesh.v1 import error_reason_pb2 as reasons
from google.api import annotations_pb2
from google.protobuf.message import Message

from services.common.base.errors import NotFound
from services.common.rest.direct_reads import is_direct_read
from services.common.rest.parameters import read_parameters, read_query
from services.common.rest.paths import path_pattern
from services.common.rpc.methods import Kind, Method

# Of /v1/{name=media/*} it is {name=.
_VARIABLE_START = re.compile(r"\{\w+=")


@dataclass(frozen=True, slots=True)
class Route:
    """One path of a method, and how a request becomes its message."""

    method: Method
    path: re.Pattern[str]
    request: type[Message]
    is_stream: bool

    def message(self, variables: dict[str, str], query: str) -> Message:
        """The request; raises InvalidArgument."""
        message = self.request()
        for name, text in variables.items():
            if "%" in text:
                read_parameters([(name, text)], message)
            else:
                setattr(message, name, text)
        if query:
            read_query(query, message, body="", in_path=variables)
        return message


class Routes:
    """The routes by the collection that their paths begin with."""

    def __init__(self, methods: Iterable[Method]) -> None:
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for method in methods:
            if is_direct_read(method.descriptor):
                rule = method.descriptor.GetOptions().Extensions[annotations_pb2.http]
                for binding in (rule, *rule.additional_bindings):
                    path = path_pattern(binding.get)
                    route = Route(method, path, method.request, method.kind is Kind.SERVER_STREAM)
                    self._routes[_collection(_VARIABLE_START.sub("", binding.get))].append(route)

    def find(self, path: str) -> tuple[Route, dict[str, str]]:
        """The route of a path, with the path's variables; raises NotFound."""
        for route in self._routes.get(_collection(path), ()):
            found = route.path.fullmatch(path)
            if found is not None:
                return route, found.groupdict()
        raise NotFound(reasons.ROUTE_NOT_FOUND, "no method has this path; see /docs")


def _collection(path: str) -> str:
    """Of /v1/media/x it is media."""
    start = path.split("/", 3)
    return start[2] if len(start) > 2 else ""
