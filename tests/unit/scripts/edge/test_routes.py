from __future__ import annotations

from scripts.edge.routes import routes
from scripts.edge.virtual_hosts import route_configuration

FINISH = "/dropmesh.v1.IngestService/FinishUpload"


def test_the_edge_waits_as_long_as_reading_a_large_upload_takes() -> None:
    (route,) = [entry.route["route"] for entry in routes(".*") if entry.route["match"].get("path") == FINISH]
    seconds = {name: int(route[name].removesuffix("s")) for name in ("timeout", "idle_timeout")}
    # 4 GiB through a store that reads and writes 5 MB/s.
    assert min(seconds.values()) >= 1700


def test_in_mode_tokens_only_public_routes_come_before_the_refusals() -> None:
    (resource,) = route_configuration(tokens=True)["resources"]
    matcher = resource["virtual_hosts"][0]["matcher"]
    before: set[str] = set()
    for group in (*matcher["matcher_tree"]["prefix_match_map"]["map"].values(), matcher["on_no_match"]):
        found = group["action"]["typed_config"]["routes"]
        refused = [
            number for number, route in enumerate(found) if route.get("direct_response", {}).get("status") == 401
        ]
        assert refused == list(range(refused[0], refused[0] + 4))
        before |= {
            route["match"].get("path", route["match"].get("safe_regex", {}).get("regex"))
            for route in found[: refused[0]]
        }
    assert {"/docs", "/openapi\\.json", "/v1/invites/[^/]+/media", "/grpc.health.v1.Health/Check"} < before
    assert not before & {"/v1/media", "/v1/measurements", "/dropmesh.v1.QueryService/ListMedia"}


def test_every_call_that_ends_by_itself_has_a_longest_duration() -> None:
    for entry in routes(".*"):
        route = entry.route.get("route")
        if route is not None and route.get("timeout", "0s") != "0s":
            assert "max_stream_duration" in route, entry.route["match"]


def test_a_read_goes_to_the_door_before_it_is_made_grpc_and_paths_with_a_verb_come_first() -> None:
    found = [entry.route for entry in routes(".*")]
    doors = {"query_http", "processor_http"}
    to_door = [one for one in found if one.get("route", {}).get("cluster") in doors and "safe_regex" in one["match"]]
    assert {(route["route"]["cluster"], route["match"]["safe_regex"]["regex"]) for route in to_door} >= {
        ("query_http", "/v1/media"),
        ("query_http", "/v1/media/[^/]+"),
        ("query_http", "/v1/owners/[^/]+/sources/[^/]+/measurements/[^/]+"),
        ("query_http", "/v1/series/[^/]+/points"),
        ("query_http", "/v1/statistics"),
        ("processor_http", "/v1/series/[^/]+/metrics"),
    }
    for route in to_door:
        transcoded = found[found.index(route) + 1]
        assert transcoded["match"]["safe_regex"] == route["match"]["safe_regex"]
        assert transcoded["match"]["headers"] == route["match"]["headers"][:1]
    places = {route["match"].get("safe_regex", {}).get("regex"): place for place, route in enumerate(found)}
    assert places["/v1/media/[^/]+:watch"] < places["/v1/media/[^/]+"]
