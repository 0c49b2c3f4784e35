"""One trace from the edge through ingest and the queue to the processor's steps."""

from __future__ import annotations

import secrets
from functools import partial

import httpx

from scripts.mesh.sample import ensure_sample
from tests.e2e.mesh import DROP, eventually, running_mesh
from tests.support.collector import Collector, Span, collector


def test_an_upload_and_a_drop_are_one_trace_each(folder):
    trace, caller, unwanted = secrets.token_hex(16), secrets.token_hex(8), secrets.token_hex(16)
    with collector() as kept:
        settings = {"DROPMESH_OTLP_ENDPOINT": kept.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with running_mesh(folder, settings) as mesh, httpx.Client(base_url=mesh.url, timeout=30) as http:
            photo = ensure_sample(folder).read_bytes()
            uploaded = http.post("/v1/media", files={"photo": ("photo.jpg", photo)})
            name = uploaded.json()["results"][0]["media"]["name"]
            asked = {"traceparent": f"00-{trace}-{caller}-01"}
            http.post("/v1/measurements", content=DROP, params={"wait": "10s"}, headers=asked)
            asked = {"traceparent": f"00-{unwanted}-{caller}-00"}
            http.post("/v1/measurements", content=DROP, params={"wait": "10s"}, headers=asked)
            eventually(lambda: http.get(f"/v1/{name}").json()["state"] == "PROCESSED", 120)
            eventually(lambda: has(kept.spans, "store", "dropmesh-processor"))
            request = uploaded.headers["x-request-id"]
            eventually(lambda: any(span.attributes.get("guid:x-request-id") == request for span in kept.spans))
            http.post("/v1/series", json={"values": [1, 2, 3], "sample_rate_hz": 10})
            for work in ("statistics", "series"):
                eventually(partial(has_edge_above, kept, f"{work} process"))
            eventually(lambda: has(kept.of_trace(trace), "drops process", "dropmesh-processor"))
            eventually(lambda: has(kept.of_trace(trace), None, "dropmesh-edge"))

    (edge,) = (span for span in kept.spans if span.attributes.get("guid:x-request-id") == request)
    assert (edge.service, edge.parent) == ("dropmesh-edge", "")
    chain = path_to(kept.of_trace(edge.trace), "store")
    assert [(span.service, span.name) for span in chain[1:]] == [
        ("dropmesh-ingest", "dropmesh.v1.IngestService.UploadMedia"),
        ("dropmesh-processor", "photos wait"),
        ("dropmesh-processor", "photos process"),
        ("dropmesh-processor", "store"),
    ]
    assert chain[1].attributes["request.id"] == request
    processed = chain[-2]
    steps = [span.name for span in kept.of_trace(edge.trace) if span.parent == processed.id]
    assert {"fetch", "decode", "detect", "cover", "encode", "store"} <= set(steps)
    assert processed.start_ns <= chain[-1].start_ns <= chain[-1].end_ns <= processed.end_ns

    chain = path_to(kept.of_trace(trace), "drops process")
    assert [span.service for span in chain] == ["dropmesh-edge", "dropmesh-ingest", *["dropmesh-processor"] * 2]
    assert chain[0].parent == caller
    assert not kept.of_trace(unwanted)
    # No path: one below /v1/invites holds a secret.
    assert not any("/v1/m" in str(value) for span in kept.spans for value in span.attributes.values())


def has(spans: list[Span], name: str | None, service: str) -> bool:
    return any(span.service == service and name in (None, span.name) for span in spans)


def has_edge_above(kept: Collector, name: str) -> bool:
    """Whether a span of this name belongs to a request at the edge, over ingest and its wait."""
    services = ["dropmesh-edge", "dropmesh-ingest", "dropmesh-processor", "dropmesh-processor"]
    return any([service for service, _ in way] == services for way in kept.ways_to(name))


def path_to(spans: list[Span], name: str) -> list[Span]:
    """The spans from the first one down to that of a name."""
    by_id = {span.id: span for span in spans}
    (here,) = (span for span in spans if span.name == name)
    path = [here]
    while path[0].parent in by_id:
        path.insert(0, by_id[path[0].parent])
    return path
