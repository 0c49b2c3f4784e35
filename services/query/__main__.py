"""The query service: every read."""

from __future__ import annotations

from dropmesh.v1 import query_service_pb2

from services.common.service import run
from services.query.bootstrap import wire

if __name__ == "__main__":
    run("query", query_service_pb2.DESCRIPTOR.services_by_name["QueryService"], wire)
