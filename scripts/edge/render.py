"""The edge's configuration, from one source for every world that it runs in."""

from __future__ import annotations

from typing import Any

from scripts.edge.addresses import address, cluster
from scripts.edge.config import World
from scripts.edge.filters import cors, edge_filters, health_check, router, typed
from scripts.edge.plain_bodies import plain_clusters, plain_routes
from scripts.edge.replies import local_replies
from scripts.edge.routes import MIB, foreign_host, foreign_pages, routes

Config = dict[str, Any]

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
UPSTREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
TLS = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
MOST_REQUESTS = 8192
HTTP2 = {"initial_stream_window_size": MIB, "initial_connection_window_size": 8 * MIB}


def render(world: World) -> Config:
    """The whole bootstrap configuration."""
    services = [_service_cluster(name, upstream) for name, upstream in world.upstreams.items()]
    metrics = [cluster(f"{name}_metrics", upstream) for name, upstream in world.metrics.items()]
    return {
        "node": {"id": "edge", "cluster": "dropmesh"},
        "static_resources": {
            "listeners": [_edge_listener(world), _operations_listener(world)],
            "clusters": [*services, *metrics, *plain_clusters(world)],
        },
        "overload_manager": {
            "resource_monitors": [
                typed(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    max_active_downstream_connections=10_000,
                )
            ]
        },
    }


def _edge_listener(world: World) -> Config:
    """gRPC, gRPC-Web and REST on one port."""
    refused, strangers = (
        ([foreign_pages(world.origins)], [{"name": "strangers", "domains": ["*"], "routes": [foreign_host()]}])
        if world.hosts
        else ([], [])
    )
    known = {
        "name": "known",
        "domains": list(world.hosts) or ["*"],
        "routes": [*refused, *plain_routes(world), *routes(world.origins)],
        "typed_per_filter_config": {"envoy.filters.http.cors": cors(world)},
    }
    manager = {
        "stat_prefix": "edge",
        "codec_type": "AUTO",
        # No header from outside is trusted: neither who the client is, nor what the request is called.
        "use_remote_address": True,
        "server_name": "dropmesh",
        "always_set_request_id_in_response": True,
        "normalize_path": True,
        "merge_slashes": False,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "request_headers_timeout": "10s",
        "stream_idle_timeout": "300s",
        "common_http_protocol_options": {
            "idle_timeout": "900s",
            "max_headers_count": 100,
            # HTTP and gRPC allow them; what stands behind some proxies takes them for those with a hyphen.
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {"max_concurrent_streams": 1000, **HTTP2},
        "access_log": _access_logs(world),
        "local_reply_config": local_replies(),
        "route_config": {
            "name": "edge",
            "ignore_port_in_host_matching": True,
            "virtual_hosts": [known, *strangers],
        },
        "http_filters": edge_filters(world),
    }
    chain: Config = {"filters": [typed("envoy.filters.network.http_connection_manager", MANAGER, **manager)]}
    if world.certificate:
        files = {"certificate_chain": {"filename": world.certificate}, "private_key": {"filename": world.private_key}}
        context = {"tls_certificates": [files], "alpn_protocols": ["h2", "http/1.1"]}
        chain["transport_socket"] = typed("envoy.transport_sockets.tls", TLS, common_tls_context=context)
    return {
        "name": "edge",
        "address": address(world.listen),
        "per_connection_buffer_limit_bytes": MIB,
        "filter_chains": [chain],
    }


def _operations_listener(world: World) -> Config:
    """For operators: health, each service's metrics."""
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
        "http_filters": [health_check(), router()],
    }
    filters = [typed("envoy.filters.network.http_connection_manager", MANAGER, **manager)]
    return {"name": "operations", "address": address(world.operations), "filter_chains": [{"filters": filters}]}


def _access_logs(world: World) -> list[Config]:
    """One JSON line a request; an invite's link holds a secret, so the paths below invites are left out."""
    paths = ("x-envoy-original-path", ":path")
    below = {"string_match": {"contains": "/invites/"}}
    elsewhere = {**below, "invert_match": True, "treat_missing_header_as_empty": True}
    is_invite = {"or_filter": {"filters": [{"header_filter": {"header": {"name": name, **below}}} for name in paths]}}
    is_other = {
        "and_filter": {"filters": [{"header_filter": {"header": {"name": name, **elsewhere}}} for name in paths]}
    }
    path = {"path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH):200%"}
    return [_access_log(world, is_other, path), _access_log(world, is_invite, {})]


def _access_log(world: World, which: Config, more: Config) -> Config:
    worth_it = [
        {"status_code_filter": {"comparison": _at_least(400, "logged_status")}},
        {"duration_filter": {"comparison": _at_least(1000, "logged_milliseconds")}},
        {"runtime_filter": {"runtime_key": "logged", "percent_sampled": {"numerator": world.logged_percent}}},
    ]
    line = {
        "time": "%START_TIME%",
        "service": "edge",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "http_method": "%REQ(:METHOD)%",
        "method": "%REQ(:PATH):100%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "milliseconds": "%DURATION%",
        "received_bytes": "%BYTES_RECEIVED%",
        "sent_bytes": "%BYTES_SENT%",
        "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        **more,
    }
    if not more:
        line["method"] = "(below /v1/invites)"
    return {
        **typed(
            "envoy.access_loggers.stdout",
            "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            log_format={"json_format": line},
        ),
        "filter": {"and_filter": {"filters": [which, {"or_filter": {"filters": worth_it}}]}},
    }


def _at_least(value: int, key: str) -> Config:
    return {"op": "GE", "value": {"default_value": value, "runtime_key": key}}


def _service_cluster(name: str, upstream: str) -> Config:
    """A service: HTTP/2, health-checked, bounded; one that keeps failing is left alone for a while."""
    check = {
        "timeout": "2s",
        "interval": "2s",
        "no_traffic_interval": "2s",
        "unhealthy_interval": "0.25s",
        "unhealthy_threshold": 2,
        "healthy_threshold": 1,
        "always_log_health_check_failures": False,
        "grpc_health_check": {},
    }
    limits = {"max_connections": 256, "max_pending_requests": MOST_REQUESTS, "max_requests": MOST_REQUESTS}
    options = {
        "@type": f"type.googleapis.com/{UPSTREAM_OPTIONS}",
        "explicit_http_config": {"http2_protocol_options": {"max_concurrent_streams": 1000, **HTTP2}},
    }
    return {
        **cluster(name, upstream),
        "lb_policy": "LEAST_REQUEST",
        "health_checks": [check],
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "outlier_detection": {
            "consecutive_gateway_failure": 10,
            "base_ejection_time": "5s",
            "max_ejection_percent": 50,
        },
        "circuit_breakers": {"thresholds": [{**limits, "max_retries": 64}]},
        "per_connection_buffer_limit_bytes": MIB,
        "typed_extension_protocol_options": {UPSTREAM_OPTIONS: options},
    }
