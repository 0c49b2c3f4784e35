"""A request of gRPC as one of REST, by the rules of google.api.http."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlencode

from google.protobuf.descriptor import MethodDescriptor

from scripts.contract.openapi.routes import VARIABLE, routes


def rest_call(method: MethodDescriptor, request: dict[str, Any]) -> dict[str, Any]:
    """The verb, path, query and body of a request, and the ids in its path."""
    route = next(routes(method))
    rest = {name: value for name, value in request.items() if name not in route.fields}
    path = VARIABLE.sub(lambda found: quote(str(request.get(found["field"], "")), safe="/:"), route.template)
    ids = {shown: str(request.get(field, "")).rpartition("/")[2] for field, shown, _ in route.variables}
    body: Any = None
    raw, content_type = "", "application/json"
    if route.body == "*":
        body, rest = rest, {}
    elif route.body:
        body = rest.pop(route.body, {})
        message = method.input_type.fields_by_name[route.body].message_type
        if message is None:
            raw, body, content_type = body, None, "application/x-ndjson"
        elif message.full_name == "google.api.HttpBody":
            raw, content_type, body = body["data"], body["content_type"], None
    return {
        "operation": method.name,
        "verb": route.verb.upper(),
        "path": path,
        "ids": ids,
        "query": rest,
        "body": body,
        # In base64, as in gRPC's JSON.
        "raw": raw,
        "content_type": content_type,
    }


def url_of(address: str, rest: dict[str, Any]) -> str:
    """The address of a call with its query."""
    query = urlencode(rest["query"], doseq=True)
    return f"{address}{rest['path']}{'?' if query else ''}{query}"


def body_of(rest: dict[str, Any]) -> bytes | None:
    """The bytes of a raw body."""
    return base64.b64decode(rest["raw"]) if rest["raw"] else None
