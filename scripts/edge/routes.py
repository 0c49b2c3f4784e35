"""The edge's routes, read from the contract: which paths exist, with which methods, and how long each call may take."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dropmesh.v1 import behavior_pb2, error_reason_pb2, ingest_service_pb2, processor_service_pb2, query_service_pb2
from google.api import annotations_pb2
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from scripts.edge.direct_reads import direct_read
from scripts.edge.json_fields import body_message
from scripts.edge.tokens import AUTHORIZED, needs_token
from services.common.rest.direct_reads import is_direct_read
from services.common.rest.paths import path_pattern

Config = dict[str, Any]

SERVICES = {
    "ingest": ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
    "processor": processor_service_pb2.DESCRIPTOR.services_by_name["ProcessorService"],
    "query": query_service_pb2.DESCRIPTOR.services_by_name["QueryService"],
}
MIB = 1024 * 1024
JSON_BODY_BYTES = MIB
# As the transcoder's limit in envoy.yaml.
RAW_BODY_BYTES = 66 * MIB
# The fields of a small form.
FORM_BYTES = 4096
# What reads no body may have none to speak of.
NO_BODY_BYTES = 1024
# Work on a picture may take longer than any other unary call.
UNARY_SECONDS = 30
PIXELS_SECONDS = 120
# It reads a whole video, perhaps gigabytes from a distant store, before its answer.
SILENT_SECONDS = {"FinishUpload": 1800}
# The time in which a request must have arrived: as JSON, and as raw bytes of up to 66 MiB.
ARRIVAL_SECONDS = 30
ARRIVAL_SECONDS_RAW = 300
RETRIES = 2
VARIABLE = re.compile(r"\{\w+(?:=([\w/*]+))?\}")
BUFFER = "envoy.filters.http.buffer"
TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
JSON_KEYS = "json_keys"
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
AS_GET: Config = {"as_get": True}


@dataclass(frozen=True, slots=True)
class RestPath:
    """A path of the contract, as a regular expression, what each HTTP method does there, and the fields it names."""

    pattern: str
    methods: dict[str, MethodDescriptor]
    variables: dict[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A route, and whether an edge in mode `tokens` lets in only requests with a token."""

    route: Config
    needs_token: bool = True


def routes(origins: str, *, tokens: bool = False) -> list[Entry]:
    """gRPC paths first: REST requests take one of them once they are transcoded."""
    return [
        Entry(_preflight(origins), needs_token=False),
        *_grpc_routes(),
        *_reflection_routes(),
        Entry(_health_route(), needs_token=False),
        *_rest_routes(tokens=tokens),
        Entry(_no_such_path()),
    ]


def longest(work_seconds: int, arrival_seconds: int) -> Config:
    """Bounds a whole call; the timeout of a route begins only when the request has arrived."""
    return {"max_stream_duration": f"{arrival_seconds + work_seconds}s"}


def _preflight(origins: str) -> Config:
    # The CORS filter answers by itself, but only on a route that leads to a cluster; other origins get no CORS headers.
    headers = [
        {"name": ":method", "string_match": {"exact": "OPTIONS"}},
        {"name": "access-control-request-method", "present_match": True},
        {"name": "origin", "string_match": {"safe_regex": {"regex": origins}}},
    ]
    return {"match": {"prefix": "/", "headers": headers}, "route": {"cluster": "query"}}


def _grpc_routes() -> list[Entry]:
    return [
        Entry(
            {"match": {"path": f"/{service.full_name}/{method.name}"}, "route": _timeouts(name, method)},
            needs_token(method),
        )
        for name, service in SERVICES.items()
        for method in service.methods
    ]


def _timeouts(cluster: str, method: MethodDescriptor) -> Config:
    route: Config = {"cluster": f"{cluster}_http"}
    if method.client_streaming or method.server_streaming:
        # As long as bytes flow: the connection manager's idle timeout ends a stream that stands still.
        return {**route, "timeout": "0s"}
    if silent := SILENT_SECONDS.get(method.name):
        route["idle_timeout"] = f"{silent}s"
    errors = method.GetOptions().Extensions[behavior_pb2.behavior].errors
    pixels = cluster == "processor" and error_reason_pb2.MEDIA_UNREADABLE in errors
    work_seconds = silent or (PIXELS_SECONDS if pixels else UNARY_SECONDS)
    route["timeout"] = f"{work_seconds}s"
    route["max_stream_duration"] = longest(work_seconds, _arrival_seconds(method))
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


def _arrival_seconds(method: MethodDescriptor) -> int:
    return ARRIVAL_SECONDS_RAW if _takes_bytes(method) else ARRIVAL_SECONDS


def _takes_bytes(method: MethodDescriptor) -> bool:
    return "body" in method.input_type.fields_by_name


def _takes_json(method: MethodDescriptor) -> bool:
    return body_message(method) is not HttpBody.DESCRIPTOR


def _reflection_routes() -> list[Entry]:
    # Every service reflects the whole contract's files; query answers for all.
    return [
        Entry(
            {
                "match": {"prefix": f"/grpc.reflection.{version}.ServerReflection/"},
                "route": {"cluster": "query", "timeout": "0s"},
            }
        )
        for version in ("v1", "v1alpha")
    ]


def _health_route() -> Config:
    # A gRPC client asks whether the mesh answers; /healthz says more. Not Watch, whose streams never end.
    limit = longest(UNARY_SECONDS, ARRIVAL_SECONDS)
    route = {"cluster": "query", "timeout": f"{UNARY_SECONDS}s", "max_stream_duration": limit}
    return {"match": {"path": "/grpc.health.v1.Health/Check"}, "route": route}


def _rest_routes(*, tokens: bool) -> list[Entry]:
    found = []
    for path in rest_paths():
        for http_method, method in path.methods.items():
            route = _rest_route(path, http_method, method, tokens=tokens)
            if http_method == "GET" and is_direct_read(method):
                direct = direct_read(route, method, _timeouts(_cluster(method), method))
                found.append(Entry(direct, needs_token(method)))
            found.append(Entry(route, needs_token(method)))
        taken = {*path.methods, "OPTIONS"}
        if "HEAD" not in taken and "GET" in taken and _has_end(method := path.methods["GET"]):
            taken.add("HEAD")
            found.append(Entry(_rest_route(path, "HEAD", method, AS_GET, tokens=tokens), needs_token(method)))
        all_need_one = all(map(needs_token, path.methods.values()))
        found += [Entry(route, all_need_one) for route in _without_service(path, ", ".join(sorted(taken)))]
    return found


def _cluster(method: MethodDescriptor) -> str:
    return next(name for name, service in SERVICES.items() if service is method.containing_service)


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


def _rest_route(
    path: RestPath, http_method: str, method: MethodDescriptor, settings: Config | None = None, *, tokens: bool
) -> Config:
    for_lua = dict(settings or {})
    if in_path := path.variables[http_method if http_method in path.methods else "GET"]:
        for_lua["in_path"] = dict.fromkeys(in_path, True)
    route: Config = {
        "match": {
            "safe_regex": {"regex": path.pattern},
            "headers": [{"name": ":method", "string_match": {"exact": http_method}}],
        },
        # The transcoder has the route looked up again: this one only lets the request in.
        "route": {"cluster": "query", "timeout": "0s", **_arrival_limit(method)},
    }
    filters: Config = {}
    body = body_message(method)
    if not _takes_bytes(method):
        limit = {"buffer": {"max_request_bytes": NO_BODY_BYTES if body is None else _body_bytes(method)}}
        kind = "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute"
        filters[BUFFER] = {"@type": kind, **limit}
    if body is not None:
        for_lua |= _kept(method)
        if _takes_json(method):
            filters[JSON_KEYS] = _json_keys(body)
        if tokens and needs_token(method):
            filters |= AUTHORIZED
    if for_lua:
        route["metadata"] = {"filter_metadata": {"envoy.filters.http.lua": for_lua}}
    if filters:
        route["typed_per_filter_config"] = filters
    return route


def json_bodies() -> dict[MethodDescriptor, Descriptor]:
    """The methods whose REST requests have a JSON body, and the message that it is."""
    found = ((method, body_message(method)) for service in SERVICES.values() for method in service.methods)
    return {method: body for method, body in found if body is not None and _takes_json(method)}


def _json_keys(body: Descriptor) -> Config:
    kind = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute"
    return {"@type": kind, "filter_context": {"message": body.full_name}}


def _kept(method: MethodDescriptor) -> Config:
    """The limits of a body that the edge keeps until it is whole, for the Lua filter."""
    longest_seconds = _arrival_seconds(method) + PIXELS_SECONDS
    return {"most_kept_bytes": _body_bytes(method), "longest_seconds": longest_seconds}


def _body_bytes(method: MethodDescriptor) -> int:
    if _takes_bytes(method):
        return RAW_BODY_BYTES
    return JSON_BODY_BYTES if _takes_json(method) else FORM_BYTES


def _arrival_limit(method: MethodDescriptor) -> Config:
    if method.client_streaming or method.server_streaming:
        return {}
    work_seconds = SILENT_SECONDS.get(method.name, PIXELS_SECONDS)
    return {"max_stream_duration": longest(work_seconds, _arrival_seconds(method))}


def _no_such_path() -> Config:
    return refusal(404, "no method has this path; see /docs")


def refusal(
    status: int, text: str, headers: Sequence[Config] = (), answer_headers: Mapping[str, str] | None = None
) -> Config:
    """A route that answers by itself."""
    added = [{"header": {"key": key, "value": value}} for key, value in (answer_headers or {}).items()]
    return {
        "match": {"prefix": "/", "headers": list(headers)},
        "direct_response": {"status": status, "body": {"inline_string": text}},
        **({"response_headers_to_add": added} if added else {}),
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
    methods: dict[str, dict[str, MethodDescriptor]] = {}
    variables: dict[str, dict[str, Sequence[str]]] = {}
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
                pattern = _pattern(template)
                methods.setdefault(pattern, {})[verb] = method
                variables.setdefault(pattern, {})[verb] = _variables(template, method)
    ordered = sorted(methods.items(), key=_specific_first)
    return tuple(RestPath(pattern, own, variables[pattern]) for pattern, own in ordered)


def _variables(template: str, method: MethodDescriptor) -> list[str]:
    """The fields that a path names; in a query each may have either of two names."""
    fields = (method.input_type.fields_by_name[name] for name in path_pattern(template).groupindex)
    return [name for field in fields for name in dict.fromkeys((field.name, field.json_name))]


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
