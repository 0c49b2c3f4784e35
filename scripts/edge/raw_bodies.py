"""Requests whose body is raw bytes go to ingest's HTTP door unchanged, past the transcoder: drops and uploads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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
from services.common.rest.raw_bodies import takes_raw_bytes

Config = dict[str, Any]

CLUSTER = "ingest_http"
# What the Lua filter does for gRPC the door does itself, and this is the way of most requests.
WITHOUT_LUA: Config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
    "disabled": True,
}


def raw_body_routes() -> Iterator[Entry]:
    """A route for each method of ingest that takes raw bytes."""
    for path in rest_paths():
        for verb, method in path.methods.items():
            if method.containing_service is SERVICES["ingest"] and takes_raw_bytes(method):
                yield _route(path, verb, method)


def _route(path: RestPath, verb: str, method: MethodDescriptor) -> Entry:
    route = {
        "match": {
            "safe_regex": {"regex": path.pattern},
            "headers": [{"name": ":method", "string_match": {"exact": verb}}, NOT_GRPC],
        },
        "route": {"cluster": CLUSTER, **_timeouts(method)},
        "typed_per_filter_config": {TRANSCODER: NOT_TRANSCODED, "envoy.filters.http.lua": WITHOUT_LUA},
    }
    return Entry(route, needs_token(method))


def _timeouts(method: MethodDescriptor) -> Config:
    # Only a request that reached no instance is sent again, and of a large one no more than the start was kept.
    retry = {"retry_on": "connect-failure,refused-stream", "num_retries": RETRIES, **ANOTHER_INSTANCE}
    if method.client_streaming:
        # The door ends a body that is too slow.
        return {"timeout": "0s", "retry_policy": retry}
    limit = longest(UNARY_SECONDS, ARRIVAL_SECONDS_RAW)
    return {"timeout": f"{UNARY_SECONDS}s", "max_stream_duration": limit, "retry_policy": retry}
