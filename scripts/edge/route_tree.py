"""Routes in groups by the start of their paths: Envoy finds the group at once, and tries only its routes in order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Config = dict[str, Any]

# Of `/v1/media/[^/]+` it is `/v1/media`, of a gRPC path the service.
_START = re.compile(r"/[^/?]+/[^/?:]+|/[^/?:]+")
_GRPC_SERVICE = re.compile(r"/[\w.]+\.[\w.]+/")


def route_tree(routes: Sequence[Config]) -> Config:
    """The matcher of a virtual host that finds the same route as the list.

    A group has every route that can fit a path with its start, in the order of the list, so with those of all paths.
    """
    starts = sorted({start for start in map(_start, map(_fixed_part, routes)) if start})
    groups = {start: _group([one for one in routes if _may_fit(_fixed_part(one), start)]) for start in starts}
    return {
        "matcher_tree": {
            "input": {
                "name": "path",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput",
                    "header_name": ":path",
                },
            },
            "prefix_match_map": {"map": groups},
        },
        "on_no_match": _group([one for one in routes if not _start(_fixed_part(one))]),
    }


def _group(routes: Sequence[Config]) -> Config:
    return {
        "action": {
            "name": "routes",
            "typed_config": {"@type": "type.googleapis.com/envoy.config.route.v3.RouteList", "routes": list(routes)},
        }
    }


def _fixed_part(route: Config) -> str:
    """The start that every path has which the route fits."""
    match = route["match"]
    if "safe_regex" in match:
        # The contract's patterns have variables alone, and escaped text.
        return re.sub(r"\\(.)", r"\1", match["safe_regex"]["regex"].split("[", 1)[0])
    return str(match.get("path", match.get("prefix")))


def _start(fixed: str) -> str:
    """The start that names the group of a route; empty for a route of all paths."""
    if service := _GRPC_SERVICE.match(fixed):
        return service[0]
    found = _START.match(fixed)
    return found[0] if found else ""


def _may_fit(fixed: str, start: str) -> bool:
    return fixed.startswith(start) or start.startswith(fixed)
