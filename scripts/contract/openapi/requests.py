"""The body of a request: its media types, schemas and an example."""

from __future__ import annotations

from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor

from scripts.contract.openapi.examples import BODIES
from scripts.contract.openapi.responses import HTTP_BODY, JSON
from scripts.contract.openapi.routes import Route
from scripts.contract.openapi.schemas import Schema, Schemas, reference
from scripts.contract.openapi.written import BYTES, FORMS, JSON_BODIES, form

MULTIPART = "multipart/form-data"
FORM = "application/x-www-form-urlencoded"


def request_body(method: MethodDescriptor, route: Route, behavior: Behavior, schemas: Schemas) -> Schema:
    """The body of one route of a method."""
    fields = {field.name: field for field in method.input_type.fields}
    if route.body == "*":
        rest = [field for name, field in fields.items() if name not in route.fields]
        schema = schemas.input_object(rest)
        return _required(_json(method, schema), is_required=bool(schema["properties"]))
    message = fields[route.body].message_type
    if message is None or message.full_name == HTTP_BODY:
        content = {kind: _raw(method, kind, fields, schemas) for kind in behavior.consumes}
        return _required(content, is_required=True)
    return _required(_json(method, schemas.input(message)), is_required=True)


def _raw(method: MethodDescriptor, kind: str, fields: dict[str, FieldDescriptor], schemas: Schemas) -> Schema:
    if kind == MULTIPART:
        options = {name: {"style": "form", "explode": True} for name, field in fields.items() if field.is_repeated}
        return {"schema": form(fields.values(), schemas), **({"encoding": options} if options else {})}
    if kind == JSON:
        return _with_example(method, reference(JSON_BODIES[method.name]))
    if kind == FORM:
        return {"schema": reference(FORMS[method.name])}
    return {"schema": BYTES}


def _json(method: MethodDescriptor, schema: Schema) -> Schema:
    return {JSON: _with_example(method, schema)}


def _with_example(method: MethodDescriptor, schema: Schema) -> Schema:
    return {"schema": schema, **({"example": BODIES[method.name]} if method.name in BODIES else {})}


def _required(content: Schema, *, is_required: bool) -> Schema:
    return {"required": True, "content": content} if is_required else {"content": content}
