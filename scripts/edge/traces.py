"""The part of the edge's configuration that sends a span for each request to an OpenTelemetry collector."""

from __future__ import annotations

from typing import Any

COLLECTOR = "traces"
PROVIDER = "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig"
PROTOCOL = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def add_traces(edge: Any, collector: str, percent: float) -> None:
    """Has the edge begin the traces, or continue those of its callers; services follow its choice."""
    edge["static_resources"]["clusters"].append(_cluster(collector))
    manager = edge["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    service = {"envoy_grpc": {"cluster_name": COLLECTOR}, "timeout": "5s"}
    manager["tracing"] = {
        "provider": {
            "name": "envoy.tracers.opentelemetry",
            "typed_config": {"@type": PROVIDER, "grpc_service": service, "service_name": "dropmesh-edge"},
        },
        "random_sampling": {"value": percent},
        # A path below /v1/invites holds a secret, so no path enters a span.
        "max_path_tag_length": 1,
    }
    for log in manager["access_log"]:
        log["typed_config"]["log_format"]["json_format"]["trace_id"] = "%TRACE_ID%"


def _cluster(collector: str) -> Any:
    host, _, port = collector.rpartition(":")
    address = {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
    return {
        "name": COLLECTOR,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": COLLECTOR,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": PROTOCOL,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
    }
