from __future__ import annotations

from services.common.base.telemetry import start_tracing


def test_without_an_endpoint_nothing_is_traced():
    assert start_tracing("ingest", "") is None
