"""The OpenAPI 3 document, written from the contract alone: routes, bodies, limits, status codes, tokens and errors.

Made here rather than by a protoc plugin because none reads this contract's behavior option, its protovalidate limits or
the ErrorReason comments, so none states the real statuses, limits and errors.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dropmesh.v1 import (
    behavior_pb2,
    error_reason_pb2,
    ingest_service_pb2,
    processor_service_pb2,
    query_service_pb2,
)
from dropmesh.v1.behavior_pb2 import Behavior
from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.rpc import error_details_pb2, status_pb2

from scripts.contract.method_errors import COMMON, WITH_BODY, WITH_TOKEN
from scripts.contract.schemas import Comments, Schema, Schemas

SERVICES = (
    ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
    processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"],
    query_service_pb2.DESCRIPTOR.services_by_name["QueryService"],
)
HTTP_BODY = "google.api.HttpBody"
JSON = "application/json"
BYTES: Schema = {"type": "string", "format": "binary"}
REASONS = error_reason_pb2.ErrorReason.DESCRIPTOR
# Where the edge answers the same reason with another status.
BY_THE_EDGE = {408: "TIMED_OUT", 431: "REQUEST_TOO_LARGE", 502: "SERVICE_UNAVAILABLE"}
# {source}, or {name=sources/*/measurements/*}: then each collection has a parameter of its own.
VARIABLE = re.compile(r"\{(?P<field>\w+)(?:=(?P<segments>[\w/*]+))?\}")
COLLECTION = re.compile(r"(\w+)/\*")


def openapi_document(files: descriptor_pb2.FileDescriptorSet) -> str:
    """The document as JSON text."""
    comments = Comments(files)
    schemas = Schemas(comments)
    schemas.message(status_pb2.Status.DESCRIPTOR)
    statuses = {value.name: _http_status(comments, value.name) for value in REASONS.values if value.number}
    paths: dict[str, dict[str, Any]] = {}
    for service in SERVICES:
        for method in service.methods:
            for verb, template, body in _routes(method):
                path = VARIABLE.sub(_path_text, template)
                paths.setdefault(path, {})[verb] = _operation(method, verb, template, body, comments, schemas, statuses)
    schemas.components["Status"]["description"] = "Every error: google.rpc.Status with one ErrorInfo in its details."
    for detail in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
        schemas.message(detail.DESCRIPTOR)
    document = {
        "openapi": "3.0.3",
        "info": {
            "title": "Dropmesh",
            "version": "v1",
            "description": "Drop photos, videos, readings; get back anonymized media, labels, aggregates, statistics.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": service.name, "description": comments.of(service.full_name)} for service in SERVICES],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.components.items())),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Made by scripts/token."}},
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _routes(method: MethodDescriptor) -> Iterator[tuple[str, str, str]]:
    """The verb, path template and body field of each of a method's REST routes."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    for binding in (rule, *rule.additional_bindings):
        yield _verb_and_path(binding)


def _verb_and_path(rule: http_pb2.HttpRule) -> tuple[str, str, str]:
    kind = rule.WhichOneof("pattern")
    if kind == "custom":
        return rule.custom.kind.lower(), rule.custom.path, rule.body
    return str(kind), getattr(rule, str(kind)), rule.body


def _path_text(found: re.Match[str]) -> str:
    if found["segments"] is None:
        return f"{{{found['field']}}}"
    return COLLECTION.sub(lambda part: f"{part[1]}/{{{_singular(part[1])}}}", found["segments"])


def _singular(collection: str) -> str:
    return collection.removesuffix("s")


def _operation(
    method: MethodDescriptor,
    verb: str,
    template: str,
    body: str,
    comments: Comments,
    schemas: Schemas,
    statuses: dict[str, int],
) -> Schema:
    behavior = method.GetOptions().Extensions[behavior_pb2.behavior]
    in_path = {found["field"]: COLLECTION.findall(found["segments"] or "") for found in VARIABLE.finditer(template)}
    fields = {field.name: field for field in method.input_type.fields}
    parameters = [one for name, of in in_path.items() for one in _path_parameters(fields[name], of, schemas)]
    if body != "*":
        rest = [field for name, field in fields.items() if name not in in_path and name != body]
        parameters += [parameter for field in rest for parameter in _query_parameters(field, "", schemas)]
    summary, _, description = comments.of(method.full_name).partition("\n\n")
    operation: Schema = {
        "operationId": _operation_id(method, verb, template),
        "tags": [method.containing_service.name],
        "summary": summary,
        "description": description,
        "security": _security(behavior),
        "parameters": parameters,
        "responses": _responses(method, verb, behavior, bool(body), schemas, statuses),
    }
    if body == "*":
        rest_schema = {
            "type": "object",
            "properties": {name: schemas.field(field) for name, field in fields.items() if name not in in_path},
        }
        operation["requestBody"] = {"content": {JSON: {"schema": rest_schema}}}
    elif body:
        operation["requestBody"] = {"content": _body_content(fields[body], behavior, schemas)}
    return {key: value for key, value in operation.items() if value not in ("", []) or key == "security"}


def _operation_id(method: MethodDescriptor, verb: str, template: str) -> str:
    """The method's name; on a route beside the first one also the verb, or the collections that its path adds."""
    first_verb, first_template, _ = next(_routes(method))
    if verb != first_verb:
        return f"{method.name}{verb.capitalize()}"
    usual = _path_names(first_template)
    added = "".join(name.capitalize() for name in _path_names(template) if name not in usual)
    return f"{method.name}Of{added}" if added else method.name


def _path_names(template: str) -> list[str]:
    return re.findall(r"\{(\w+)\}", VARIABLE.sub(_path_text, template))


def _body_content(field: FieldDescriptor, behavior: Behavior, schemas: Schemas) -> Schema:
    message = field.message_type
    if message is not None and message.full_name != HTTP_BODY:
        return {JSON: {"schema": schemas.message(message)}}
    return {media_type: {"schema": BYTES} for media_type in behavior.consumes}


def _path_parameters(field: FieldDescriptor, collections: list[str], schemas: Schemas) -> Iterator[Schema]:
    schema = schemas.field(field)
    schema.pop("description", None)
    for collection in collections or [""]:
        name = _singular(collection) if collection else field.name
        yield {"name": name, "in": "path", "required": True, "schema": _segment_schema(schema, collection)}


def _segment_schema(schema: Schema, collection: str) -> Schema:
    """The schema of one segment of a name: the part of the name's pattern that follows its collection."""
    found = re.search(rf"\b{collection}/([^/]*?\[(?:\\.|[^\]])*\][^/)|$]*)", schema.get("pattern", ""))
    return {**schema, "pattern": f"^{found[1]}$"} if collection and found else schema


def _query_parameters(field: FieldDescriptor, prefix: str, schemas: Schemas) -> Iterator[Schema]:
    message = field.message_type
    if message is not None and not message.full_name.startswith("google.protobuf."):
        # The fields of a message are written with dots; a list of messages cannot be.
        if not field.is_repeated:
            for nested in message.fields:
                yield from _query_parameters(nested, f"{prefix}{field.name}.", schemas)
        return
    schema = schemas.field(field)
    description = schema.pop("description", "")
    parameter = {"name": prefix + field.name, "in": "query", "schema": schema}
    yield {**parameter, "description": description} if description else parameter


def _security(behavior: Behavior) -> list[Schema]:
    if behavior.scope == Behavior.PUBLIC:
        return []
    return [{"token": []}] if behavior.token_always else [{"token": []}, {}]


def _responses(
    method: MethodDescriptor, verb: str, behavior: Behavior, has_body: bool, schemas: Schemas, statuses: dict[str, int]
) -> Schema:
    responses: Schema = {}
    for status in behavior.http_statuses or (200,):
        responses[str(status)] = {"description": "Success."}
        if verb != "head" and status not in (302, 304):
            responses[str(status)]["content"] = _answer_content(method.output_type, behavior, schemas)
    names = [*COMMON, *(error_reason_pb2.ErrorReason.Name(error) for error in behavior.errors)]
    names += WITH_BODY if has_body else ()
    names += WITH_TOKEN if behavior.scope != Behavior.PUBLIC else ()
    by_status = {status: [name] for status, name in BY_THE_EDGE.items()}
    for name in dict.fromkeys(names):
        by_status.setdefault(statuses[name], []).append(name)
    for status in sorted(by_status):
        error: Schema = {"description": ", ".join(by_status[status])}
        if verb != "head":
            error["content"] = {JSON: {"schema": {"$ref": "#/components/schemas/Status"}}}
        responses[str(status)] = error
    return responses


def _answer_content(answer: Descriptor, behavior: Behavior, schemas: Schemas) -> Schema:
    if answer.full_name == HTTP_BODY:
        return {kind: {"schema": {"type": "object"} if kind == JSON else BYTES} for kind in behavior.produces}
    return {
        kind: {"schema": {"type": "string"} if kind.startswith("text/") else schemas.message(answer)}
        for kind in behavior.produces or (JSON,)
    }


def _http_status(comments: Comments, reason: str) -> int:
    """The status that the comment of a reason names, beside gRPC's code."""
    text = comments.of(f"{REASONS.full_name}.{reason}")
    found = re.search(r"[A-Z_]{6,}, (\d{3})\b", text)
    if found is None:
        raise ValueError(f"the comment of {reason} names no gRPC code and HTTP status")
    return int(found[1])


if __name__ == "__main__":
    described = descriptor_pb2.FileDescriptorSet.FromString(Path(sys.argv[1]).read_bytes())
    sys.stdout.write(openapi_document(described))
