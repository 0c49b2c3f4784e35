"""The edge's routes, read from the contract: which paths exist, with which methods, and how long each call may take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dropmesh.v1 import behavior_pb2, ingest_service_pb2, processor_service_pb2, query_service_pb2
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

Config = dict[str, Any]

SERVICES = {
    "ingest": ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
    "processor": processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"],
    "query": query_service_pb2.DESCRIPTOR.services_by_name["QueryService"],
}
MIB = 1024 * 1024
JSON_BODY_BYTES = MIB
# Work on a picture may take longer than any other unary call.
UNARY_TIMEOUT = "30s"
PIXELS_TIMEOUT = "120s"
# It reads a whole video, perhaps gigabytes from a distant store, before its answer.
SILENT_TIMEOUTS = {"FinishUpload": "1800s"}
RETRIES = 2
VARIABLE = re.compile(r"\{\w+(?:=([\w/*]+))?\}")
BUFFER = "envoy.filters.http.buffer"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
# An instance that just ended has the fewest requests: without this, a retry would go there again.
ANOTHER_INSTANCE: Config = {
    "retry_host_predicate": [
        {
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
            },
        }
    ],
    "host_selection_retry_max_attempts": 5,
}
# What the Lua filter reads of a route: the service is asked as if by GET, and the client gets the headers alone.
AS_GET: Config = {"filter_metadata": {"envoy.filters.http.lua": {"as_get": True}}}


@dataclass(frozen=True, slots=True)
class RestPath:
    """A path of the contract, as a regular expression, and what each HTTP method does there."""

    pattern: str
    methods: dict[str, MethodDescriptor]


def routes(origins: str) -> list[Config]:
    """gRPC paths first: REST requests take one of them once they are transcoded."""
    return [
        _preflight(origins),
        *_grpc_routes(),
        *_reflection_routes(),
        _health_route(),
        *_rest_routes(),
        _no_such_path(),
    ]


def _preflight(origins: str) -> Config:
    # The CORS filter answers by itself, but only on a route that leads to a cluster; other origins get no CORS headers.
    headers = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "access-control-request-method", "present_match": True},
        {"name": "origin", "string_match": {"safe_regex": {"regex": origins}}},
    ]
    return {"match": {"prefix": "/", "headers": headers}, "route": {"cluster": "query"}}


def _grpc_routes() -> list[Config]:
    return [
        {"match": {"path": f"/{service.full_name}/{method.name}"}, "route": _timeouts(name, method)}
        for name, service in SERVICES.items()
        for method in service.methods
    ]


def _timeouts(cluster: str, method: MethodDescriptor) -> Config:
    route: Config = {"cluster": cluster}
    if method.client_streaming or method.server_streaming:
        # As long as bytes flow: the connection manager's idle timeout ends a stream that stands still.
        return {**route, "timeout": "0s"}
    if silent := SILENT_TIMEOUTS.get(method.name):
        route["idle_timeout"] = silent
    produces = method.GetOptions().Extensions[behavior_pb2.behavior].produces
    pixels = cluster == "processor" and (produces or _takes_bytes(method))
    route["timeout"] = silent or (PIXELS_TIMEOUT if pixels else UNARY_TIMEOUT)
    repeatable = method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN
    # A request that never reached a service can always be retried; one that may have, only if that is harmless.
    retry_on = "connect-failure,refused-stream" + (",reset,unavailable" if repeatable else "")
    route["retry_policy"] = {
        "retry_on": retry_on,
        "num_retries": RETRIES,
        "retry_back_off": {"base_interval": "0.05s", "max_interval": "0.5s"},
        **ANOTHER_INSTANCE,
    }
    return route


def _takes_bytes(method: MethodDescriptor) -> bool:
    return "body" in method.input_type.fields_by_name


def _reflection_routes() -> list[Config]:
    # Every service reflects the whole contract's files; query answers for all.
    return [
        {
            "match": {"prefix": f"/grpc.reflection.{version}.ServerReflection/"},
            "route": {"cluster": "query", "timeout": "0s"},
        }
        for version in ("v1", "v1alpha")
    ]


def _health_route() -> Config:
    # A gRPC client asks whether the mesh answers; /healthz says more.
    return {"match": {"prefix": "/grpc.health.v1.Health/"}, "route": {"cluster": "query", "timeout": "0s"}}


def _rest_routes() -> list[Config]:
    found = []
    for path in rest_paths():
        for http_method, method in path.methods.items():
            found.append(_rest_route(path, http_method, method))
        taken = {*path.methods, "OPTIONS"}
        if "HEAD" not in taken and "GET" in taken and _has_end(path.methods["GET"]):
            taken.add("HEAD")
            found.append({**_rest_route(path, "HEAD", path.methods["GET"]), "metadata": AS_GET})
        found += _without_service(path, ", ".join(sorted(taken)))
    return found


def _has_end(method: MethodDescriptor) -> bool:
    """Whether an answer ends by itself, and does not wait for things to happen."""
    return not method.GetOptions().Extensions[behavior_pb2.behavior].waits


def _without_service(path: RestPath, allowed: str) -> list[Config]:
    """Answers OPTIONS, and methods that a path does not take, with those that it takes."""
    ask = [{"name": ":method", "string_match": {"exact": "OPTIONS"}}]
    refusal = {"status": 405, "body": {"inline_string": f"this path accepts only {allowed}"}}
    return [
        {
            "match": {"safe_regex": {"regex": path.pattern}, "headers": headers},
            "direct_response": answer,
            "response_headers_to_add": [{"header": {"key": "allow", "value": allowed}}],
            "typed_per_filter_config": {TRANSCODER: NOT_TRANSCODED},
        }
        for headers, answer in ((ask, {"status": 204}), ([], refusal))
    ]


def _rest_route(path: RestPath, http_method: str, method: MethodDescriptor) -> Config:
    route: Config = {
        "match": {
            "safe_regex": {"regex": path.pattern},
            "headers": [{"name": ":method", "string_match": {"exact": http_method}}],
        },
        # The transcoder has the route looked up again: this one only lets the request in.
        "route": {"cluster": "query", "timeout": "0s"},
    }
    if not _takes_bytes(method):
        limit = {"buffer": {"max_request_bytes": JSON_BODY_BYTES}}
        kind = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
        route["typed_per_filter_config"] = {BUFFER: {"@type": kind, **limit}}
    return route


def _no_such_path() -> Config:
    return refusal(404, "no method has this path; see /docs")


def refusal(status: int, text: str, headers: Sequence[Config] = ()) -> Config:
    """A route that answers by itself."""
    return {
        "match": {"prefix": "/", "headers": list(headers)},
        "direct_response": {"status": status, "body": {"inline_string": text}},
        "typed_per_filter_config": {TRANSCODER: NOT_TRANSCODED},
    }


NOT_TRANSCODED: Config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
    "proto_descriptor_bin": "",
    "services": [],
}


@cache
def rest_paths() -> tuple[RestPath, ...]:
    """Every REST path of the contract, busiest first where it matters."""
    found: dict[str, dict[str, MethodDescriptor]] = {}
    for service in SERVICES.values():
        for method in service.methods:
            rule = method.GetOptions().Extensions[annotations_pb2.http]
            for binding in (rule, *rule.additional_bindings):
                kind = binding.WhichOneof("pattern")
                if kind is None:
                    # Over REST it has the paths of the method that it streams.
                    continue
                custom = kind == "custom"
                verb = binding.custom.kind if custom else kind.upper()
                template = binding.custom.path if custom else getattr(binding, kind)
                found.setdefault(_pattern(template), {})[verb] = method
    return tuple(RestPath(pattern, methods) for pattern, methods in sorted(found.items(), key=_specific_first))


def _pattern(template: str) -> str:
    """The template as a regular expression over a whole path without its query."""
    # Split at the variables, every other part is what a variable stands for: a name, or one segment.
    parts = VARIABLE.split(template)
    return "".join(
        re.escape(part) if index % 2 == 0 else (part or "*").replace("*", "[^/]+") for index, part in enumerate(parts)
    )


def _specific_first(entry: tuple[str, Any]) -> tuple[int, str]:
    """A path with a verb (`:watch`) also fits the pattern of the resource: it must be tried before that one."""
    pattern = entry[0]
    return (0 if ":" in pattern.rpartition("/")[2] else 1, pattern)
