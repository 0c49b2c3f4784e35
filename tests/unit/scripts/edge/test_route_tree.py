from __future__ import annotations

import re
from typing import Any

from scripts.edge.raw_bodies import raw_body_routes
from scripts.edge.route_tree import route_tree
from scripts.edge.routes import SERVICES, rest_paths, routes

ALL = [entry.route for entry in (*raw_body_routes(), *routes(".*"))]
SHORT_OF = ["/", "/v1", "/v1/", "/v1/med", "/v1/mediafoo", "/v2/media", "/docs/", "/dropmesh.v1.QueryService", "*"]


def test_a_path_meets_the_routes_that_fit_it_in_the_order_of_the_list() -> None:
    tree = route_tree(ALL)
    paths = [path.pattern.replace("[^/]+", "a:b").replace("\\", "") for path in rest_paths()]
    paths += [f"/{service.full_name}/{method.name}" for service in SERVICES.values() for method in service.methods]
    for path in [*paths, *SHORT_OF, "/grpc.health.v1.Health/Check"]:
        expected = [route for route in ALL if _fits(route, path)]
        for asked in (path, f"{path}?page_size=1"):
            assert [route for route in _group(tree, asked) if _fits(route, path)] == expected, path


def test_the_busiest_paths_meet_few_routes() -> None:
    tree = route_tree(ALL)
    for path in ("/v1/measurements", "/v1/receipts/x", "/v1/statistics"):
        assert len(_group(tree, path)) < 35
    # They are tried one after the other: a drop's own is the second.
    first = [route for route in _group(tree, "/v1/measurements")[:2] if _fits(route, "/v1/measurements")]
    assert [route["route"]["cluster"] for route in first] == ["ingest_http"]


def _fits(route: dict[str, Any], path: str) -> bool:
    match = route["match"]
    if "safe_regex" in match:
        return re.fullmatch(match["safe_regex"]["regex"], path) is not None
    return path == match["path"] if "path" in match else path.startswith(match["prefix"])


def _group(tree: dict[str, Any], path: str) -> list[dict[str, Any]]:
    """As Envoy chooses: the longest start."""
    groups = tree["matcher_tree"]["prefix_match_map"]["map"]
    start = max((one for one in groups if path.startswith(one)), key=len, default=None)
    found = tree["on_no_match"] if start is None else groups[start]
    listed: list[dict[str, Any]] = found["action"]["typed_config"]["routes"]
    return listed
