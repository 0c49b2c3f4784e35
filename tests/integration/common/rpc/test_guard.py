from __future__ import annotations

import asyncio
from typing import Any, cast

import grpc
import pytest
from dropmesh.v1 import ingest_service_pb2, ingest_service_pb2_grpc, query_service_pb2, query_service_pb2_grpc

from services.common.base.telemetry import Metrics
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call
from services.common.rpc.grpc_methods import grpc_handler
from services.common.rpc.guard import Guard
from services.common.rpc.tokens import Tokens
from services.common.settings import Mode

SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]


class Endless:
    """Answers nothing."""

    def __init__(self) -> None:
        self.called = asyncio.Event()

    async def GetDocument(self, request: query_service_pb2.GetDocumentRequest, call: Call) -> Any:
        self.called.set()
        await asyncio.Event().wait()


async def test_a_call_that_is_given_up_is_counted_as_cancelled(tmp_path):
    metrics, servicer = Metrics(), Endless()
    guard = Guard(Authenticator(cast(Tokens, None), Mode.OPEN), metrics, max_in_flight=1)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_handler(SERVICE, guard.methods(SERVICE, servicer)),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        stub = query_service_pb2_grpc.QueryServiceStub(channel)
        call = stub.GetDocument(query_service_pb2.GetDocumentRequest())
        await servicer.called.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    await server.stop(None)
    labels = {"method": "dropmesh.v1.QueryService.GetDocument", "code": "CANCELLED"}
    assert metrics.registry.get_sample_value("dropmesh_requests_total", labels) == 1
    assert metrics.registry.get_sample_value("dropmesh_requests_in_flight") == 0


async def test_a_stream_without_a_token_is_refused_before_it_says_anything(tmp_path):
    service = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
    guard = Guard(Authenticator(cast(Tokens, None), Mode.TOKENS), Metrics(), max_in_flight=1)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_handler(service, guard.methods(service)),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        call = ingest_service_pb2_grpc.IngestServiceStub(channel).UploadMedia()
        assert await call.code() == grpc.StatusCode.UNAUTHENTICATED
    await server.stop(None)


async def test_a_request_that_cannot_be_decoded_is_refused_with_a_reason(tmp_path):
    guard = Guard(Authenticator(cast(Tokens, None), Mode.OPEN), Metrics(), max_in_flight=1)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_handler(SERVICE, guard.methods(SERVICE, Endless())),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        call = channel.unary_unary("/dropmesh.v1.QueryService/GetMedia")(b"\x0a\x01\xff")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
    await server.stop(None)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "cannot be decoded" in str(refused.value.details())
