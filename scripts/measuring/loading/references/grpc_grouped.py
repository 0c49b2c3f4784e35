"""The strongest plain dropzone by gRPC: grpc.aio on uvloop, in one process, with the same grouped commits."""

from __future__ import annotations

import sys

import grpc
import uvloop
from dropmesh.v1.ingest_service_pb2 import DropMeasurementsRequest, DropMeasurementsResponse

from scripts.measuring.loading.references.group_commit import Dropzone


async def main(address: str) -> None:
    """Serves at an address until the process is ended."""
    dropzone = Dropzone()

    async def drop(
        request: DropMeasurementsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> DropMeasurementsResponse:
        try:
            kept = await dropzone.keep(request.body.data)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        response = DropMeasurementsResponse()
        response.receipt.name = kept.decode()
        return response

    handler = grpc.unary_unary_rpc_method_handler(
        drop, DropMeasurementsRequest.FromString, DropMeasurementsResponse.SerializeToString
    )
    server = grpc.aio.server()
    methods = {"DropMeasurements": handler}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("dropmesh.v1.IngestService", methods),))
    server.add_insecure_port(address)
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
