"""What a request passes at the edge, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.edge.config import World
from scripts.edge.routes import BUFFER, JSON_BODY_BYTES, MIB, SERVICES, TRANSCODER

Config = dict[str, Any]

FILTERS = "envoy.extensions.filters.http"
LUA = Path(__file__).resolve().parents[2] / "envoy" / "filters.lua"
ALWAYS = {"default_value": {"numerator": 100}}
HEALTHY_PATH = "/healthz"


def typed(name: str, kind: str, **config: Any) -> Config:
    """A named extension with its typed configuration."""
    return {"name": name, "typed_config": {"@type": f"type.googleapis.com/{kind}", **config}}


def edge_filters(world: World) -> list[Config]:
    """An answer passes them backwards."""
    limit = world.requests_per_second
    return [
        health_check(),
        typed(
            "envoy.filters.http.lua", f"{FILTERS}.lua.v3.Lua", default_source_code={"inline_string": LUA.read_text()}
        ),
        _unreadable_headers(),
        typed("envoy.filters.http.cors", f"{FILTERS}.cors.v3.Cors"),
        typed("envoy.filters.http.grpc_web", f"{FILTERS}.grpc_web.v3.GrpcWeb"),
        typed(
            "envoy.filters.http.local_ratelimit",
            f"{FILTERS}.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="edge",
            token_bucket={"max_tokens": limit, "tokens_per_fill": limit, "fill_interval": "1s"},
            filter_enabled=ALWAYS,
            filter_enforced=ALWAYS,
            response_headers_to_add=[{"header": {"key": "retry-after", "value": "1"}}],
        ),
        {**typed(BUFFER, f"{FILTERS}.buffer.v3.Buffer", max_request_bytes=JSON_BODY_BYTES), "disabled": True},
        typed(TRANSCODER, f"{FILTERS}.grpc_json_transcoder.v3.GrpcJsonTranscoder", **_transcoder(world)),
        router(),
    ]


def _unreadable_headers() -> Config:
    """Takes away headers that HTTP allows and gRPC does not: a call that carried one would fail."""
    unreadable = {"safe_regex": {"regex": r".*[^a-z0-9_.:-].*|.*-bin"}}
    return typed(
        "envoy.filters.http.header_mutation",
        f"{FILTERS}.header_mutation.v3.HeaderMutation",
        mutations={"request_mutations": [{"remove_on_match": {"key_matcher": unreadable}}]},
    )


def router() -> Config:
    """The last of all filters."""
    return typed("envoy.filters.http.router", f"{FILTERS}.router.v3.Router", suppress_envoy_headers=True)


def health_check() -> Config:
    """200 when every service can be reached, else 503."""
    return typed(
        "envoy.filters.http.health_check",
        f"{FILTERS}.health_check.v3.HealthCheck",
        pass_through_mode=False,
        headers=[{"name": ":path", "string_match": {"exact": HEALTHY_PATH}}],
        cluster_min_healthy_percentages={service: {"value": 1} for service in SERVICES},
    )


def cors(world: World) -> Config:
    """Which pages may call, and which headers they may send and see."""
    return {
        "@type": f"type.googleapis.com/{FILTERS}.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"safe_regex": {"regex": world.origins}}],
        "allow_methods": "GET, HEAD, POST, PUT, DELETE, OPTIONS",
        "allow_headers": "authorization, content-type, if-none-match, if-range, range, x-grpc-web, x-user-agent, "
        "grpc-timeout",
        "expose_headers": "etag, content-range, content-disposition, x-request-id, retry-after, grpc-status, "
        "grpc-message, grpc-status-details-bin",
        "max_age": "3600",
    }


def _transcoder(world: World) -> Config:
    """REST to gRPC and back, strict where Envoy is lax by default."""
    return {
        "proto_descriptor": world.descriptors,
        "services": [service.full_name for service in SERVICES.values()],
        "convert_grpc_status": True,
        "case_insensitive_enum_parsing": True,
        "query_param_unescape_plus": False,
        # Clients made from the OpenAPI document escape the colons of a time in a path.
        "url_unescape_spec": "ALL_CHARACTERS_EXCEPT_SLASH",
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
