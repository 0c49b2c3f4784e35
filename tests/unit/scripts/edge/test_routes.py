from __future__ import annotations

from scripts.edge.routes import routes

FINISH = "/dropmesh.v1.IngestService/FinishUpload"


def test_the_edge_waits_as_long_as_reading_a_large_upload_takes() -> None:
    (route,) = [entry.route["route"] for entry in routes(".*") if entry.route["match"].get("path") == FINISH]
    seconds = {name: int(route[name].removesuffix("s")) for name in ("timeout", "idle_timeout")}
    # 4 GiB through a store that reads and writes 5 MB/s.
    assert min(seconds.values()) >= 1700
