"""The OpenAPI 3 document, written from the contract alone: routes, bodies, limits, status codes, tokens and errors.

Made here rather than by a protoc plugin because none reads this contract's behavior option, its protovalidate limits or
the ErrorReason comments, so none states the real statuses, limits and errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dropmesh.v1 import behavior_pb2, ingest_service_pb2, processor_service_pb2, query_service_pb2
from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor

from scripts.contract.openapi import errors, written
from scripts.contract.openapi.comments import Comments
from scripts.contract.openapi.parameters import parameters
from scripts.contract.openapi.requests import request_body
from scripts.contract.openapi.responses import HEADERS, responses, shared_errors
from scripts.contract.openapi.routes import Route, routes
from scripts.contract.openapi.schemas import Schema, Schemas
from scripts.contract.openapi.tags import tag_of, tags

SERVICES = (
    ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
    processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"],
    query_service_pb2.DESCRIPTOR.services_by_name["QueryService"],
)
INFO = {
    "title": "Dropmesh",
    "version": "v1",
    "description": (
        "Drop photos, videos, readings and signals; get back anonymized media, labels, aggregates, forecasts and "
        "statistics.\n\nA 64-bit integer is a string in JSON, so that no client rounds it. Every error has the body "
        "`Status`, with an `ErrorInfo` that names its reason. A call that may be repeated says so under Retry."
    ),
    "contact": {"name": "The operator of this mesh"},
    "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
}
TOKEN = {"type": "http", "scheme": "bearer", "description": "A token that scripts/token makes."}
# The last sentences of a method's comment, which are paragraphs here.
PARTS = re.compile(r"(?:^|\s)(Errors|Retry): ")
REFERENCE = re.compile(r'"\$ref": "#/components/(\w+)/([\w.-]+)"')


def openapi_document(files: descriptor_pb2.FileDescriptorSet) -> str:
    """The document as JSON text."""
    comments = Comments(files)
    methods = [method for service in SERVICES for method in service.methods]
    reasons = errors.reasons(comments)
    schemas = Schemas(comments, (method.output_type for method in methods))
    schemas.components |= {**errors.schemas(reasons), **written.SCHEMAS}
    paths: dict[str, dict[str, Any]] = {}
    for method in methods:
        for route, operation in _operations(method, comments, schemas, reasons):
            paths.setdefault(route.path, {})[route.verb] = operation
    used = {operation["tags"][0] for path in paths.values() for operation in path.values()}
    document = {
        "openapi": "3.0.3",
        "info": INFO,
        "servers": [{"url": "/"}],
        "tags": tags(used),
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "responses": shared_errors(reasons),
            "headers": HEADERS,
            "examples": errors.examples(reasons),
            "securitySchemes": {"token": TOKEN},
        },
    }
    return json.dumps(_without_unused(document), indent=1, ensure_ascii=False) + "\n"


def _operations(
    method: MethodDescriptor, comments: Comments, schemas: Schemas, reasons: dict[str, errors.Reason]
) -> Iterator[tuple[Route, Schema]]:
    behavior: Behavior = method.GetOptions().Extensions[behavior_pb2.behavior]
    summary, _, description = comments.of(method.full_name).partition("\n\n")
    statuses = list(behavior.http_statuses) or [200]
    of_method = list(routes(method))
    for route in of_method:
        operation: Schema = {
            "operationId": _operation_id(method, route, of_method[0]),
            "tags": [tag_of(route.template)],
            "summary": summary,
            "description": PARTS.sub(r"\n\n**\1:** ", description).strip(),
            "security": _security(behavior),
            "parameters": parameters(method, route, statuses, schemas),
        }
        if route.body:
            operation["requestBody"] = request_body(method, route, behavior, schemas)
        operation["responses"] = responses(method, route.verb, behavior, reasons, schemas)
        yield route, {key: value for key, value in operation.items() if value not in ("", []) or key == "security"}


def _operation_id(method: MethodDescriptor, route: Route, usual: Route) -> str:
    """The method's name; on a route beside the first one also the verb, or the collections that its path adds."""
    if route.verb != usual.verb:
        return f"{method.name}{route.verb.capitalize()}"
    known = {shown for _, shown, _ in usual.variables}
    added = "".join(shown.capitalize() for _, shown, _ in route.variables if shown not in known)
    return f"{method.name}Of{added}" if added else method.name


def _security(behavior: Behavior) -> list[Schema]:
    if behavior.scope == Behavior.PUBLIC:
        return []
    return [{"token": []}] if behavior.token_always else [{"token": []}, {}]


def _without_unused(document: dict[str, Any]) -> dict[str, Any]:
    """The document without components that nothing refers to."""
    used: set[tuple[str, str]] = set()
    waiting = REFERENCE.findall(json.dumps(document["paths"]))
    components = document["components"]
    while waiting:
        kind, name = waiting.pop()
        if (kind, name) not in used:
            used.add((kind, name))
            waiting += REFERENCE.findall(json.dumps(components[kind][name]))
    kept = {
        kind: {name: one for name, one in found.items() if kind == "securitySchemes" or (kind, name) in used}
        for kind, found in components.items()
    }
    return {**document, "components": kept}
