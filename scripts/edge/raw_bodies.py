"""Requests whose body is raw bytes go to ingest's HTTP door unchanged, past the transcoder: drops and uploads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dropmesh.v1 import behavior_pb2
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor

from scripts.edge.direct_reads import NOT_GRPC
from scripts.edge.routes import (
    ANOTHER_INSTANCE,
    ARRIVAL_SECONDS_RAW,
    NOT_TRANSCODED,
    RETRIES,
    SERVICES,
    TRANSCODER,
    UNARY_SECONDS,
    Entry,
    RestPath,
    longest,
    rest_paths,
)
from scripts.edge.tokens import needs_token

Config = dict[str, Any]

CLUSTER = "ingest_http"
# What the Lua filter does for gRPC the door does itself, and this is the way of most requests.
WITHOUT_LUA: Config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
    "disabled": True,
}
# A body of lines, whose answer takes as long as the body.
LINES: Config = {"name": "content-type", "string_match": {"prefix": "application/x-ndjson", "ignore_case": True}}


def raw_body_routes() -> Iterator[Entry]:
    """A route for each method of ingest that takes raw bytes."""
    for path in rest_paths():
        for verb, method in path.methods.items():
            if method.containing_service is SERVICES["ingest"] and _takes_raw_bytes(method):
                stream = _stream_of(method)
                if stream is not None:
                    yield _route(path, verb, LINES, stream)
                yield _route(path, verb, NOT_GRPC, method)


def _route(path: RestPath, verb: str, content_type: Config, method: MethodDescriptor) -> Entry:
    route = {
        "match": {
            "safe_regex": {"regex": path.pattern},
            "headers": [{"name": ":method", "string_match": {"exact": verb}}, content_type],
        },
        "route": {"cluster": CLUSTER, **_timeouts(method)},
        "typed_per_filter_config": {TRANSCODER: NOT_TRANSCODED, "envoy.filters.http.lua": WITHOUT_LUA},
    }
    return Entry(route, needs_token(method))


def _stream_of(method: MethodDescriptor) -> MethodDescriptor | None:
    """The method that streams a unary one."""
    methods = method.containing_service.methods
    found = (one for one in methods if one.GetOptions().Extensions[behavior_pb2.behavior].stream_of == method.name)
    return next(found, None)


def _takes_raw_bytes(method: MethodDescriptor) -> bool:
    body = method.input_type.fields_by_name.get(method.GetOptions().Extensions[annotations_pb2.http].body)
    return body is not None and body.message_type is HttpBody.DESCRIPTOR


def _timeouts(method: MethodDescriptor) -> Config:
    # Only a request that reached no instance is sent again, and of a large one no more than the start was kept.
    retry = {"retry_on": "connect-failure,refused-stream", "num_retries": RETRIES, **ANOTHER_INSTANCE}
    if method.client_streaming:
        # The door ends a body that is too slow.
        return {"timeout": "0s", "retry_policy": retry}
    limit = longest(UNARY_SECONDS, ARRIVAL_SECONDS_RAW)
    return {"timeout": f"{UNARY_SECONDS}s", "max_stream_duration": limit, "retry_policy": retry}
