"""The answers of a method: statuses, headers, media types, and its errors."""

from __future__ import annotations

from collections.abc import Iterable

from dropmesh.v1 import error_reason_pb2
from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf.descriptor import MethodDescriptor

from scripts.contract.method_errors import COMMON, WITH_BODY, WITH_TOKEN
from scripts.contract.openapi.errors import Reason
from scripts.contract.openapi.schemas import Schema, Schemas, reference
from scripts.contract.openapi.written import BYTES, ERROR_SHAPES, JSON_ANSWERS

HTTP_BODY = "google.api.HttpBody"
JSON = "application/json"
OCTETS = "application/octet-stream"
# Where the edge answers the same reason with another status.
BY_THE_EDGE = {408: "TIMED_OUT", 431: "REQUEST_TOO_LARGE", 502: "SERVICE_UNAVAILABLE"}
MEANINGS = {
    200: "Success.",
    201: "Made.",
    202: "Accepted: it is stored and will be processed.",
    204: "Success; the answer is empty.",
    206: "The requested range.",
    302: "The bytes are at another address.",
    304: "The client has this content already.",
}
HEADERS: dict[str, Schema] = {
    "X-Request-Id": {"description": "The id of the call, which the logs have too.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer"}},
    "ETag": {"description": "The sha256 of the content, in quotes.", "schema": {"type": "string"}},
    "Accept-Ranges": {"description": "bytes", "schema": {"type": "string"}},
    "Content-Range": {
        "description": "The range and the size, for example `bytes 0-99/1024`; with 416 only the size.",
        "schema": {"type": "string"},
    },
    "Content-Disposition": {"description": "The file's name.", "schema": {"type": "string"}},
    "Location": {"description": "Where the bytes are.", "schema": {"type": "string", "format": "uri"}},
}
RETRIED = (429, 503, 507)
EMPTY = (204, 302, 304)


def header(name: str) -> dict[str, Schema]:
    """A reference to a header of the components."""
    return {name: {"$ref": f"#/components/headers/{name}"}}


def responses(
    method: MethodDescriptor, verb: str, behavior: Behavior, reasons: dict[str, Reason], schemas: Schemas
) -> dict[str, Schema]:
    """Every answer of one route of a method, by status."""
    statuses = list(behavior.http_statuses) or [200]
    with_body = verb in ("post", "put", "patch")
    found = {str(status): _success(method, verb, status, behavior, schemas) for status in statuses}
    names = [*COMMON, *(error_reason_pb2.ErrorReason.Name(error) for error in behavior.errors)]
    names += WITH_BODY if with_body else ()
    names += WITH_TOKEN if behavior.scope != Behavior.PUBLIC else ()
    shared = _by_status((*COMMON, *WITH_TOKEN, *WITH_BODY), reasons)
    for status, of_status in _by_status(names, reasons).items():
        schema = ERROR_SHAPES.get(method.name)
        is_shared = of_status == shared.get(status) and verb != "head" and schema is None
        found[str(status)] = _shared(status) if is_shared else _error(verb, status, of_status, schema)
    return found


def shared_errors(reasons: dict[str, Reason]) -> dict[str, Schema]:
    """The answers with errors that most methods share, as components."""
    shared = _by_status((*COMMON, *WITH_TOKEN, *WITH_BODY), reasons)
    return {f"Error{status}": _error("get", status, names) for status, names in shared.items()}


def _shared(status: int) -> Schema:
    return {"$ref": f"#/components/responses/Error{status}"}


def _by_status(names: Iterable[str], reasons: dict[str, Reason]) -> dict[int, list[str]]:
    found = {status: [name] for status, name in BY_THE_EDGE.items()}
    for name in dict.fromkeys(names):
        found.setdefault(reasons[name].status, []).append(name)
    return dict(sorted(found.items()))


def _success(method: MethodDescriptor, verb: str, status: int, behavior: Behavior, schemas: Schemas) -> Schema:
    statuses = behavior.http_statuses
    headers = header("X-Request-Id")
    if 304 in statuses and status != 302:
        headers |= header("ETag")
    if 206 in statuses and status in (200, 206):
        headers |= header("Accept-Ranges") | header("Content-Disposition")
    if status == 206:
        headers |= header("Content-Range")
    if status == 302:
        headers |= header("Location")
    answer: Schema = {"description": MEANINGS[status], "headers": headers}
    if verb != "head" and status not in EMPTY:
        answer["content"] = _content(method, behavior, schemas)
    return answer


def _content(method: MethodDescriptor, behavior: Behavior, schemas: Schemas) -> Schema:
    produces = list(behavior.produces) or [JSON]
    is_bytes = method.output_type.full_name == HTTP_BODY
    # Generators of clients that know few media types find one that they know.
    if JSON not in produces and "text/html" not in produces and OCTETS not in produces:
        produces.insert(0, OCTETS)
    return {kind: {"schema": _schema(method, kind, schemas, is_bytes=is_bytes)} for kind in produces}


def _schema(method: MethodDescriptor, kind: str, schemas: Schemas, *, is_bytes: bool) -> Schema:
    if kind.startswith("text/"):
        return {"type": "string"}
    if kind == JSON:
        return reference(JSON_ANSWERS[method.name]) if is_bytes else schemas.answer(method.output_type)
    if not is_bytes:
        # A stream of messages: as lines, or as bytes.
        schemas.answer(method.output_type)
        return BYTES if kind == OCTETS else {"type": "string"}
    return BYTES


def _error(verb: str, status: int, names: list[str], schema: str | None = None) -> Schema:
    headers = header("X-Request-Id")
    if status in RETRIED:
        headers |= header("Retry-After")
    if status == 416:
        headers |= header("Content-Range")
    error: Schema = {"description": ", ".join(f"`{name}`" for name in names), "headers": headers}
    if schema is not None:
        error["content"] = {JSON: {"schema": reference(schema)}}
    elif verb != "head":
        shown = {name: {"$ref": f"#/components/examples/{name}"} for name in names}
        error["content"] = {JSON: {"schema": reference("Status"), "examples": shown}}
    return error
