from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, cast

import grpc
import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    media_pb2,
    query_service_pb2,
    query_service_pb2_grpc,
)
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import InvalidArgument, Unauthenticated
from services.common.base.telemetry import Metrics
from services.common.rpc import guard as guard_module
from services.common.rpc.auth import Authenticator
from services.common.rpc.call import Call, Places
from services.common.rpc.grpc_methods import grpc_handler
from services.common.rpc.guard import Guard
from services.common.rpc.identity import Caller
from services.common.rpc.tokens import Tokens
from services.common.settings import Mode
from tests.support.calls import ANN

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
        labels = {"method": "dropmesh.v1.QueryService.GetDocument", "code": "CANCELLED"}
        async with asyncio.timeout(30):
            while metrics.registry.get_sample_value("dropmesh_requests_total", labels) != 1:  # noqa: ASYNC110 - gRPC tells
                await asyncio.sleep(0.01)
    await server.stop(None)
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


@pytest.mark.parametrize(
    ("request_bytes", "words"),
    [(b"\x0a\x01\xff", "name: is not UTF-8"), (b"\x0a\x05x", "the request is not a message of this method")],
)
async def test_a_request_that_cannot_be_decoded_is_refused_with_a_reason(tmp_path, request_bytes, words):
    guard = Guard(Authenticator(cast(Tokens, None), Mode.OPEN), Metrics(), max_in_flight=1)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_handler(SERVICE, guard.methods(SERVICE, Endless())),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        call = channel.unary_unary("/dropmesh.v1.QueryService/GetMedia")(request_bytes)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
    await server.stop(None)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.details() == words


class Waiting:
    """Watches that never end, and downloads that do."""

    async def WatchMedia(self, request: query_service_pb2.WatchMediaRequest, call: Call) -> AsyncIterator[Any]:
        yield media_pb2.Media(name=request.name)
        await asyncio.Event().wait()

    async def DownloadOriginal(
        self, request: query_service_pb2.DownloadOriginalRequest, call: Call
    ) -> AsyncIterator[Any]:
        yield HttpBody(data=b"bytes")


async def test_watchers_take_no_place_of_downloads_and_have_a_limit_of_their_own(tmp_path):
    metrics = Metrics()
    guard = Guard(Authenticator(cast(Tokens, None), Mode.OPEN), metrics, max_in_flight=1, max_waits=6)
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_handler(SERVICE, guard.methods(SERVICE, Waiting())),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        stub = query_service_pb2_grpc.QueryServiceStub(channel)
        watchers = [stub.WatchMedia(query_service_pb2.WatchMediaRequest(name="media/a")) for _ in range(6)]
        for watcher in watchers:
            assert (await watcher.read()).name == "media/a"
        assert metrics.registry.get_sample_value("dropmesh_requests_waiting") == 6
        for _ in range(3):
            download = stub.DownloadOriginal(query_service_pb2.DownloadOriginalRequest(name="media/a"))
            assert [message.data async for message in download] == [b"bytes"]
        refused = stub.WatchMedia(query_service_pb2.WatchMediaRequest(name="media/a"))
        assert await refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "limit 6, max_waits" in await refused.details()
        for watcher in watchers:
            watcher.cancel()
    await server.stop(None)


async def test_a_call_that_waits_lends_its_place_to_one_that_works():
    calls, waits = (Places(name, 1, timedelta(seconds=1), share=1) for name in ("calls", "waits"))
    assert calls.take("ann")
    with calls.lend(waits, "ann") as may_wait:
        assert (may_wait, calls.taken, waits.taken) == (True, 0, 1)
        other = Places("others", 1, timedelta(seconds=1), share=1)
        assert other.take("ann")
        with other.lend(waits, "ann") as may_also_wait:
            assert (may_also_wait, other.taken, waits.taken) == (False, 1, 1)
    assert (calls.taken, waits.taken) == (1, 0)


async def test_one_holder_has_a_share_of_the_places_and_leaves_the_others() -> None:
    places = Places("calls", 4, timedelta(seconds=1), share=2)
    assert [places.take("ann") for _ in range(3)] == [True, True, False]
    assert [places.take("bob") for _ in range(3)] == [True, True, False]
    assert not places.take("eve")
    places.give_back("ann")
    assert places.take("eve")
    assert (places.taken, places.held) == (4, {"ann": 1, "bob": 2, "eve": 1})


class Lines:
    """Answers each drop with its number, or its refusal."""

    async def StreamDrops(self, requests: AsyncIterator[Any], call: Call) -> AsyncIterator[Any]:
        async for request in requests:
            answer = ingest_service_pb2.StreamDropsResponse()
            if isinstance(request, InvalidArgument):
                answer.error.message = request.message
            else:
                answer.receipt.subject = call.caller.subject
            yield answer


async def test_a_wrong_message_of_a_stream_with_answers_is_answered_and_the_stream_goes_on(tmp_path):
    guard = Guard(Authenticator(cast(Tokens, None), Mode.OPEN), Metrics(), max_in_flight=1)
    service = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc_handler(service, guard.methods(service, Lines())),))
    server.add_insecure_port(f"unix:{tmp_path}/s")
    await server.start()
    sent = [b"\x0a\x011", b"\x12\x03a/b", b"\x12\x01\xff", b"\x0a\x011"]
    async with grpc.aio.insecure_channel(f"unix:{tmp_path}/s") as channel:
        call = channel.stream_stream("/dropmesh.v1.IngestService/StreamDrops")(iter(sent))
        answers = [ingest_service_pb2.StreamDropsResponse.FromString(answer) async for answer in call]
    await server.stop(None)
    assert [answer.receipt.subject for answer in answers] == ["local", "", "", "local"]
    assert "source" in answers[1].error.message
    assert answers[2].error.message == "source: is not UTF-8"


class Revocable:
    """Admits a caller until it is revoked."""

    revoked = False

    async def authorize(self, authorization: str | None, behavior: Any) -> Caller:
        if self.revoked:
            raise Unauthenticated(reasons.TOKEN_INVALID, "revoked")
        return ANN


async def test_a_stream_ends_when_its_token_is_revoked(tmp_path, monkeypatch):
    monkeypatch.setattr(guard_module, "ADMITTED_SECONDS", 0.0)
    tokens = Revocable()
    guard = Guard(cast(Authenticator, tokens), Metrics(), max_in_flight=1)
    service = ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"]
    (method,) = [one for one in guard.methods(service, Lines()) if one.name == "StreamDrops"]

    async def drops() -> AsyncIterator[Any]:
        yield ingest_service_pb2.StreamDropsRequest(drop=b"1")
        tokens.revoked = True
        yield ingest_service_pb2.StreamDropsRequest(drop=b"2")

    answers = method.invoke(drops(), Call([], lambda: False))
    assert (await anext(answers)).receipt.subject == ANN.subject
    with pytest.raises(Unauthenticated):
        await anext(answers)
