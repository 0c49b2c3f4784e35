"""The edge's route configuration: which names it answers to, which pages may call, and the contract's routes."""

from __future__ import annotations

from typing import Any

from scripts.edge.config import LOCAL_ORIGINS
from scripts.edge.raw_bodies import raw_body_routes
from scripts.edge.route_tree import route_tree
from scripts.edge.routes import refusal, routes
from scripts.edge.tokens import token_refusals

Config = dict[str, Any]

CORS = "envoy.filters.http.cors"


def route_configuration(origins: str = LOCAL_ORIGINS, hosts: tuple[str, ...] = (), *, tokens: bool = False) -> Config:
    """Returns the routes that envoy.yaml reads from routes.yaml; EdgeConfig explains origins, hosts and tokens."""
    found = [*raw_body_routes(), *routes(origins, tokens=tokens)]
    ordered = [one.route for one in found]
    if tokens:
        public, others = ([one.route for one in found if one.needs_token is needed] for needed in (False, True))
        ordered = [*public, *(refusal(**refused) for refused in token_refusals()), *others]
    known = {
        "name": "known",
        "domains": list(hosts) or ["*"],
        "typed_per_filter_config": {CORS: _cors(origins)},
        "matcher": route_tree([_no_ascii(), *([_foreign_pages(origins)] if hosts else []), *ordered]),
    }
    strangers = {"name": "strangers", "domains": ["*"], "routes": [_foreign_host()]}
    resource = {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": "edge",
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [known, strangers] if hosts else [known],
    }
    return {"resources": [resource]}


def _cors(origins: str) -> Config:
    """Which pages may call, and which headers they may send and see."""
    return {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy",
        "allow_origin_string_match": [{"safe_regex": {"regex": origins}}],
        "allow_methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        "allow_headers": "authorization, content-type, if-none-match, if-range, range, x-grpc-web, x-user-agent, "
        "grpc-timeout, x-invite-pin",
        "expose_headers": "etag, content-range, content-disposition, x-request-id, retry-after, grpc-status, "
        "grpc-message, grpc-status-details-bin",
        "max_age": "3600",
    }


def _no_ascii() -> Config:
    """Refuses what HTTP/2 lets through and the doors, which speak HTTP/1.1, cannot read."""
    headers = [{"name": ":path", "string_match": {"safe_regex": {"regex": "[!-~]*"}}, "invert_match": True}]
    return refusal(400, "the path or the query has characters that are not ASCII; percent-encode them", headers)


def _foreign_pages(origins: str) -> Config:
    """Refuses what a browser sends for a page of another site, also without a preflight request."""
    headers = [
        {"name": "origin", "present_match": True},
        {"name": "origin", "string_match": {"safe_regex": {"regex": origins}}, "invert_match": True},
    ]
    return refusal(403, "pages of other sites may not call a mesh in mode open", headers)


def _foreign_host() -> Config:
    """Refuses requests to a name that only pretends to be this machine."""
    return refusal(403, "open mode accepts only localhost, 127.0.0.1 and the host of DROPMESH_PUBLIC_URL")
