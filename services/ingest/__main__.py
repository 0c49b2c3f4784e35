"""The ingest service: every write."""

from __future__ import annotations

from dropmesh.v1 import ingest_service_pb2

from services.common.service import run
from services.ingest.bootstrap import wire

if __name__ == "__main__":
    run("ingest", ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"], wire)
