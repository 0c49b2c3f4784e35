"""Parameters in the path, the query and the headers of a method."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dropmesh.v1.behavior_pb2 import behavior
from dropmesh.v1.error_reason_pb2 import INVITE_PIN_MISSING
from google.api import field_behavior_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from scripts.contract.annotations import behaviors
from scripts.contract.openapi.patterns import INSTANT
from scripts.contract.openapi.routes import Route
from scripts.contract.openapi.schemas import Schema, Schemas, inputs

# Messages that only gRPC sends: over REST their place is the body.
IN_BODIES = {"dropmesh.v1.SeriesPoints", "google.api.HttpBody"}
HEADERS: dict[int, list[tuple[str, str, str]]] = {
    206: [
        ("Range", "The bytes to return, for example `bytes=0-99`; one range.", "bytes=0-99"),
        ("If-Range", "The ETag of the content that Range is about; if it has changed, all of it is returned.", ""),
    ],
    304: [("If-None-Match", "The ETag of the content that the client has; if it is the same, the answer is 304.", "")],
}
OF_METHODS = {
    "StreamEvents": ("Last-Event-ID", "The `id` of the last event; an EventSource that reconnects sends it.", ""),
    "WatchEvents": ("Last-Event-ID", "The `id` of the last event; only with `Accept: text/event-stream`.", ""),
}
PIN = ("X-Invite-Pin", "The PIN of the invite, if it has one.", "")
EXAMPLES = {"measurement": "2019-05-01T10:00:00Z"}
# The name of a measurement ends with an instant as RFC 3339, of which the contract's pattern has the letters alone.
PATTERNS = {"measurement": INSTANT}


def parameters(method: MethodDescriptor, route: Route, statuses: list[int], schemas: Schemas) -> list[Schema]:
    """All parameters of one route of a method."""
    fields = {field.name: field for field in method.input_type.fields}
    found = [_in_path(fields[name], shown, collection, schemas) for name, shown, collection in route.variables]
    if route.body != "*":
        rest = [field for name, field in fields.items() if name not in (*route.fields, route.body)]
        found += [one for field in rest for one in _in_query(field, "", schemas)]
    for status in statuses:
        found += [_in_header(*header) for header in HEADERS.get(status, ())]
    if method.name in OF_METHODS:
        found.append(_in_header(*OF_METHODS[method.name]))
    if INVITE_PIN_MISSING in method.GetOptions().Extensions[behavior].errors:
        found.append(_in_header(*PIN))
    return found


def _in_path(field: FieldDescriptor, shown: str, collection: str, schemas: Schemas) -> Schema:
    schema = schemas.field(field, in_answer=False)
    description = schema.pop("description", "")
    if "pattern" in schema:
        # A part of a path is never empty.
        schema["minLength"] = 1
    if collection:
        description = f"The id of the {shown}: what follows `{collection}/` in its name."
        # Of the pattern of the whole name, the part that follows the collection.
        limit = re.search(rf"\b{collection}/([^/]*?\[(?:\\.|[^\]])*\][^/)|$]*)", schema.get("pattern", ""))
        pattern = PATTERNS.get(shown) or (f"^{limit[1]}$" if limit else "")
        schema = {"type": "string", **({"pattern": pattern} if pattern else {})}
    parameter = {"name": shown, "in": "path", "required": True, "description": description, "schema": schema}
    return {**parameter, "example": EXAMPLES[shown]} if shown in EXAMPLES else parameter


def _in_query(field: FieldDescriptor, prefix: str, schemas: Schemas) -> Iterator[Schema]:
    message = field.message_type
    if message is not None and not message.full_name.startswith("google.protobuf."):
        # The fields of a message are written with dots; a list of messages cannot be.
        if not field.is_repeated and message.full_name not in IN_BODIES:
            for nested in inputs(message.fields):
                yield from _in_query(nested, f"{prefix}{field.name}.", schemas)
        return
    schema = schemas.field(field, in_answer=False)
    if "allOf" in schema:
        schema = {**schema["allOf"][0], "description": schema.get("description", "")}
    description = schema.pop("description", "")
    parameter: Schema = {"name": prefix + field.name, "in": "query", "description": description, "schema": schema}
    if field_behavior_pb2.REQUIRED in behaviors(field) and not prefix:
        parameter["required"] = True
    yield parameter


def _in_header(name: str, text: str, example: str) -> Schema:
    parameter = {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
    return {**parameter, "example": example} if example else parameter
