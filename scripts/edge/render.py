"""The edge's configuration, from one source for the three worlds it runs in: embedded, compose, kubernetes."""

from __future__ import annotations

import argparse
import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Config = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
DESCRIPTORS = ROOT / "proto" / "dropmesh.binpb"
SERVICES = {"ingest": "IngestService", "processor": "ProcessorService", "query": "QueryService"}
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class World:
    """Where the edge listens and where the services are, as unix:/path or host:port."""

    listen: str
    upstreams: dict[str, str]
    metrics: dict[str, str]
    operations: str = "127.0.0.1:8081"
    threads: int = 1
    requests_per_second: int = 20_000
    allowed_origins: tuple[str, ...] = ()


def render(world: World) -> Config:
    """The whole bootstrap configuration."""
    return {
        "node": {"id": "edge", "cluster": "dropmesh"},
        "layered_runtime": {
            "layers": [{"name": "static", "static_layer": {"re2": {"max_program_size": {"error_level": 1000}}}}]
        },
        "static_resources": {
            "listeners": [edge_listener(world), operations_listener(world)],
            "clusters": [
                *(service_cluster(name, address) for name, address in world.upstreams.items()),
                *(metrics_cluster(name, address) for name, address in world.metrics.items()),
            ],
        },
    }


def typed(name: str, kind: str, **config: Any) -> Config:
    """A named extension with its typed configuration."""
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{kind}", **config}}


def address(text: str) -> Config:
    """unix:/path or host:port as Envoy's address."""
    if text.startswith("unix:"):
        return {"pipe": {"path": text.removeprefix("unix:")}}
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}


def edge_listener(world: World) -> Config:
    """gRPC, gRPC-Web and REST on one port."""
    manager = {
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        "use_remote_address": True,
        "always_set_request_id_in_response": True,
        "server_header_transformation": "PASS_THROUGH",
        "strip_matching_host_port": True,
        "normalize_path": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {
            "idle_timeout": "900s",
            "max_headers_count": 100,
            "headers_with_underscores_action": "REJECT_REQUEST",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 1000,
            "initial_stream_window_size": MIB,
            "initial_connection_window_size": 4 * MIB,
        },
        "access_log": [access_log()],
        "local_reply_config": local_replies(),
        "route_config": routes(world),
        "http_filters": http_filters(world),
    }
    kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": "edge",
        "address": address(world.listen),
        "per_connection_buffer_limit_bytes": MIB,
        "filter_chains": [{"filters": [typed("envoy.filters.network.http_connection_manager", kind, **manager)]}],
    }


def http_filters(world: World) -> list[Config]:
    """What a request passes, in this order; an answer passes them backwards."""
    prefix = "envoy.extensions.filters.http"
    limit = world.requests_per_second
    return [
        typed("envoy.filters.http.lua", f"{prefix}.lua.v3.Lua", default_source_code={"inline_string": lua()}),
        typed("envoy.filters.http.cors", f"{prefix}.cors.v3.Cors"),
        typed("envoy.filters.http.grpc_web", f"{prefix}.grpc_web.v3.GrpcWeb"),
        typed(
            "envoy.filters.http.local_ratelimit",
            f"{prefix}.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="edge",
            token_bucket={"max_tokens": limit, "tokens_per_fill": limit, "fill_interval": "1s"},
            filter_enabled={"default_value": {"numerator": 100}},
            filter_enforced={"default_value": {"numerator": 100}},
            response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
        ),
        typed(
            "envoy.filters.http.grpc_json_transcoder",
            f"{prefix}.grpc_json_transcoder.v3.GrpcJsonTranscoder",
            **transcoder(),
        ),
        typed("envoy.filters.http.router", f"{prefix}.router.v3.Router"),
    ]


def lua() -> str:
    """The few lines for which Envoy has no setting."""
    return (ROOT / "envoy" / "filters.lua").read_text()


def transcoder() -> Config:
    """REST to gRPC and back, strict where Envoy is lax by default."""
    return {
        "proto_descriptor_bin": base64.b64encode(DESCRIPTORS.read_bytes()).decode(),
        "services": [f"dropmesh.v1.{service}" for service in SERVICES.values()],
        "convert_grpc_status": True,
        "case_insensitive_enum_parsing": True,
        "query_param_unescape_plus": True,
        "max_request_body_size": 66 * MIB,
        "max_response_body_size": 80 * MIB,
        "print_options": {
            "always_print_primitive_fields": True,
            "preserve_proto_field_names": True,
            "stream_newline_delimited": True,
        },
        "request_validation_options": {
            "reject_unknown_method": True,
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    }


def routes(world: World) -> Config:
    """A service for each gRPC path; the transcoder turns REST paths into those."""
    grpc_routes = [
        {
            "match": {"prefix": f"/dropmesh.v1.{service}/"},
            "route": {"cluster": name, "timeout": "0s", "max_stream_duration": {"grpc_timeout_header_max": "0s"}},
        }
        for name, service in SERVICES.items()
    ]
    reflection = [
        {
            "match": {"prefix": f"/grpc.reflection.{version}.ServerReflection/"},
            "route": {"cluster": "query", "timeout": "0s"},
        }
        for version in ("v1", "v1alpha")
    ]
    return {
        "name": "edge",
        "virtual_hosts": [
            {
                "name": "all",
                "domains": ["*"],
                "routes": [*grpc_routes, *reflection, {"match": {"prefix": "/"}, "route": {"cluster": "query"}}],
            }
        ],
    }


def access_log() -> Config:
    """One JSON line a request on standard output; an invite's secret stays out of it."""
    return typed(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        log_format={
            "json_format": {
                "time": "%START_TIME%",
                "request_id": "%REQ(X-REQUEST-ID)%",
                "method": "%REQ(:METHOD)%",
                "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):200%",
                "status": "%RESPONSE_CODE%",
                "grpc_status": "%GRPC_STATUS%",
                "flags": "%RESPONSE_FLAGS%",
                "milliseconds": "%DURATION%",
                "received_bytes": "%BYTES_RECEIVED%",
                "sent_bytes": "%BYTES_SENT%",
                "upstream": "%UPSTREAM_CLUSTER%",
                "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
            }
        },
    )


def local_replies() -> Config:
    return {}


def service_cluster(name: str, upstream: str) -> Config:
    """A service: HTTP/2, health-checked, bounded."""
    kind = "STATIC" if upstream.startswith("unix:") else "STRICT_DNS"
    return {
        "name": name,
        "type": kind,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {
                    "http2_protocol_options": {
                        "initial_stream_window_size": MIB,
                        "initial_connection_window_size": 4 * MIB,
                    }
                },
            }
        },
    }


def metrics_cluster(name: str, upstream: str) -> Config:
    kind = "STATIC" if upstream.startswith("unix:") else "STRICT_DNS"
    return {
        "name": f"{name}_metrics",
        "type": kind,
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": f"{name}_metrics",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(upstream)}}]}],
        },
    }


def operations_listener(world: World) -> Config:
    """For operators on this machine: each service's metrics."""
    manager = {
        "stat_prefix": "operations",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        {"match": {"path": f"/metrics/{name}"}, "route": {"cluster": f"{name}_metrics"}}
                        for name in world.metrics
                    ],
                }
            ]
        },
        "http_filters": [typed("envoy.filters.http.router", "envoy.extensions.filters.http.router.v3.Router")],
    }
    kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
    return {
        "name": "operations",
        "address": address(world.operations),
        "filter_chains": [{"filters": [typed("envoy.filters.network.http_connection_manager", kind, **manager)]}],
    }
