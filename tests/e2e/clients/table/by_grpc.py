"""Makes the calls over gRPC with the stubs of this repository: by_grpc.py ADDRESS TOKEN < calls > answers."""

from __future__ import annotations

import json
import sys
from typing import Any

import grpc
from dropmesh.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    processor_service_pb2,
    processor_service_pb2_grpc,
    query_service_pb2,
    query_service_pb2_grpc,
)
from google.protobuf import json_format, symbol_database
from google.rpc import error_details_pb2, status_pb2

SERVICES = {
    "IngestService": (ingest_service_pb2, ingest_service_pb2_grpc.IngestServiceStub),
    "ProcessorService": (processor_service_pb2, processor_service_pb2_grpc.ProcessorServiceStub),
    "QueryService": (query_service_pb2, query_service_pb2_grpc.QueryServiceStub),
}


def called(channel: grpc.Channel, token: str, call: dict[str, Any]) -> dict[str, str]:
    """The type of an answer, or the reason of an error."""
    module, stub = SERVICES[call["service"]]
    method = module.DESCRIPTOR.services_by_name[call["service"]].methods_by_name[call["rpc"]]
    request = json_format.ParseDict(call["request"], symbol_database.Default().GetSymbol(method.input_type.full_name)())
    metadata = (("authorization", f"Bearer {token}"),) if call["with_token"] else ()
    given = iter([request]) if method.client_streaming else request
    try:
        answer = getattr(stub(channel), call["rpc"])(given, metadata=metadata, timeout=30)
        if method.server_streaming:
            answer = next(answer)
    except grpc.RpcError as error:
        details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")  # type: ignore[attr-defined]
        info = error_details_pb2.ErrorInfo()
        for detail in status_pb2.Status.FromString(details).details:
            if detail.Unpack(info):
                return {"error": info.reason}
        return {"error": str(error)}
    return {"answer": type(answer).__name__}


if __name__ == "__main__":
    address, token = sys.argv[1:]
    with grpc.insecure_channel(address) as channel:
        for line in sys.stdin:
            call = json.loads(line)
            print(json.dumps({**called(channel, token, call), "rpc": call["rpc"], "is_fault": call["is_fault"]}))
