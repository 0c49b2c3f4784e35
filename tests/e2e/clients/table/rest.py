"""A request of gRPC as one of REST, by the rules of google.api.http."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlencode

from dropmesh.v1.behavior_pb2 import behavior
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor

from scripts.contract.openapi.routes import VARIABLE, routes


def rest_call(method: MethodDescriptor, request: dict[str, Any]) -> dict[str, Any]:
    """The verb, path, query and body of a request, and the ids in its path."""
    if not method.GetOptions().HasExtension(annotations_pb2.http):
        return _lines(method, request)
    route = next(routes(method))
    rest = {name: value for name, value in request.items() if name not in route.fields}
    path = VARIABLE.sub(lambda found: quote(str(request.get(found["field"], "")), safe="/:"), route.template)
    ids = {shown: str(request.get(field, "")).rpartition("/")[2] for field, shown, _ in route.variables}
    body: Any = None
    raw = ""
    if route.body == "*":
        body, rest = rest, {}
    elif route.body:
        body = rest.pop(route.body, {})
        if method.input_type.fields_by_name[route.body].message_type.full_name == "google.api.HttpBody":
            raw, body = body["data"], None
    return {
        "operation": method.name,
        "verb": route.verb.upper(),
        "path": path,
        "ids": ids,
        "query": rest,
        "body": body,
        # In base64, as in gRPC's JSON.
        "raw": raw,
        "content_type": request[route.body]["content_type"] if raw else "application/json",
    }


def _lines(method: MethodDescriptor, request: dict[str, Any]) -> dict[str, Any]:
    """One drop as a line of the body of the method that it is a stream of."""
    of = method.containing_service.methods_by_name[method.GetOptions().Extensions[behavior].stream_of]
    path, query = next(routes(of)).path, {"source": request["source"]}
    kind = {"content_type": "application/x-ndjson", "operation": ""}
    return {"verb": "POST", "path": path, "ids": {}, "query": query, "body": None, "raw": request["drop"], **kind}


def url_of(address: str, rest: dict[str, Any]) -> str:
    """The address of a call with its query."""
    query = urlencode(rest["query"], doseq=True)
    return f"{address}{rest['path']}{'?' if query else ''}{query}"


def body_of(rest: dict[str, Any]) -> bytes | None:
    """The bytes of a raw body."""
    return base64.b64decode(rest["raw"]) if rest["raw"] else None
