"""The REST routes of a method: its verbs and path templates, and how a template reads in the document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor import MethodDescriptor

VARIABLE = re.compile(r"\{(?P<field>\w+)(?:=(?P<pattern>[^}]+))?\}")
WILDCARD = re.compile(r"(?P<collection>\w+)/\*")


@dataclass(frozen=True, slots=True)
class Route:
    """One REST route; `body` is the field of the request that the body holds, or * for all that the path lacks."""

    verb: str
    template: str
    body: str

    @property
    def path(self) -> str:
        """The path as the document writes it: /v1/media/{media}."""
        return VARIABLE.sub(lambda found: _shown(found["field"], found["pattern"]), self.template)

    @property
    def fields(self) -> list[str]:
        """The fields of the request that the path holds."""
        return [found["field"] for found in VARIABLE.finditer(self.template)]

    @property
    def variables(self) -> Iterator[tuple[str, str, str]]:
        """The field, the name in the document and the collection (or nothing) of each variable of the path."""
        for found in VARIABLE.finditer(self.template):
            collections = WILDCARD.findall(found["pattern"] or "")
            if not collections:
                yield found["field"], found["field"], ""
            for collection in collections:
                yield found["field"], singular(collection), collection


def routes(method: MethodDescriptor) -> Iterator[Route]:
    """The routes of a method, the usual one first."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    if rule.WhichOneof("pattern") is not None:
        for binding in (rule, *rule.additional_bindings):
            yield _route(binding)


def singular(collection: str) -> str:
    """The name of one member of a collection."""
    return collection.removesuffix("s") if collection != "series" else "series"


def _route(rule: http_pb2.HttpRule) -> Route:
    kind = str(rule.WhichOneof("pattern"))
    if kind == "custom":
        return Route(rule.custom.kind.lower(), rule.custom.path, rule.body)
    return Route(kind, getattr(rule, kind), rule.body)


def _shown(field: str, pattern: str | None) -> str:
    if not pattern:
        return f"{{{field}}}"
    return WILDCARD.sub(lambda found: f"{found['collection']}/{{{singular(found['collection'])}}}", pattern)
