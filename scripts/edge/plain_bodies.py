"""What has raw bytes as its body goes to ingest as it came, past the transcoder: uploads, and drops without a query."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor

from scripts.edge.addresses import cluster
from scripts.edge.config import World
from scripts.edge.routes import MIB, NOT_TRANSCODED, RETRIES, SERVICES, TRANSCODER, UNARY_TIMEOUT, rest_paths

Config = dict[str, Any]

NAME = "plain"
LUA = "envoy.filters.http.lua"
WITHOUT_LUA: Config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
    "disabled": True,
}
# gRPC-Web has the transcoder's filter between it and the services, and gRPC has paths of its own.
NOT_GRPC: Config = {
    "name": "content-type",
    "string_match": {"prefix": "application/grpc"},
    "invert_match": True,
    "treat_missing_header_as_empty": True,
}


def plain_routes(world: World) -> list[Config]:
    """The way of raw bodies, where ingest has a door for them."""
    return list(_routes()) if world.plain else []


def plain_clusters(world: World) -> list[Config]:
    """Where that leads: one connection for each request under way, kept for the next."""
    if not world.plain:
        return []
    limits = {"max_connections": 1024, "max_pending_requests": 8192, "max_requests": 8192}
    return [
        {
            **cluster(NAME, world.plain),
            "circuit_breakers": {"thresholds": [limits]},
            "per_connection_buffer_limit_bytes": MIB,
        }
    ]


def _routes() -> Iterator[Config]:
    for path in rest_paths():
        for verb, method in path.methods.items():
            if method.containing_service is SERVICES["ingest"] and _takes_raw_bytes(method):
                # What it does to the query of a request, it does for an upload too; a drop comes here without one.
                filters = {TRANSCODER: NOT_TRANSCODED, **({} if method.client_streaming else {LUA: WITHOUT_LUA})}
                yield {
                    "match": {
                        "safe_regex": {"regex": path.pattern},
                        "headers": [{"name": ":method", "string_match": {"exact": verb}}, NOT_GRPC, *_queries(method)],
                    },
                    "route": {"cluster": NAME, **_patience(method)},
                    "typed_per_filter_config": filters,
                }


def _takes_raw_bytes(method: MethodDescriptor) -> bool:
    body = method.input_type.fields_by_name.get(method.GetOptions().Extensions[annotations_pb2.http].body)
    return body is not None and body.message_type is HttpBody.DESCRIPTOR


def _queries(method: MethodDescriptor) -> list[Config]:
    # Whoever asks something beside a drop waits for its answer: nothing is gained there.
    without = {"name": ":path", "string_match": {"contains": "?"}, "invert_match": True}
    return [] if method.client_streaming else [without]


def _patience(method: MethodDescriptor) -> Config:
    if method.client_streaming:
        return {"timeout": "0s"}
    return {
        "timeout": UNARY_TIMEOUT,
        "retry_policy": {"retry_on": "connect-failure,refused-stream", "num_retries": RETRIES},
    }
