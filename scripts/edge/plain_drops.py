"""Plain drops (POST /v1/measurements without a query) go to ingest as they came, past the transcoder."""

from __future__ import annotations

from typing import Any

from scripts.edge.addresses import cluster
from scripts.edge.routes import NOT_TRANSCODED, RETRIES, TRANSCODER, UNARY_TIMEOUT
from scripts.edge.world import World

Config = dict[str, Any]

PATH = "/v1/measurements"
NAME = "plain_drops"
LUA = "envoy.filters.http.lua"
WITHOUT_LUA: Config = {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.lua.v3.LuaPerRoute",
    "disabled": True,
}


def plain_drop_routes(world: World) -> list[Config]:
    """The way of plain drops, where ingest has a door for them."""
    if not world.plain_drops:
        return []
    exactly = {":method": "POST", ":path": PATH}
    headers = [{"name": name, "string_match": {"exact": value}} for name, value in exactly.items()]
    retry = {"retry_on": "connect-failure,refused-stream", "num_retries": RETRIES}
    return [
        {
            "match": {"path": PATH, "headers": headers},
            "route": {"cluster": NAME, "timeout": UNARY_TIMEOUT, "retry_policy": retry},
            "typed_per_filter_config": {TRANSCODER: NOT_TRANSCODED, LUA: WITHOUT_LUA},
        }
    ]


def plain_drop_clusters(world: World) -> list[Config]:
    """Where that leads: one connection for each drop under way, kept for the next."""
    if not world.plain_drops:
        return []
    limits = {"max_connections": 1024, "max_pending_requests": 8192, "max_requests": 8192}
    return [{**cluster(NAME, world.plain_drops), "circuit_breakers": {"thresholds": [limits]}}]
