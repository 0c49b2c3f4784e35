"""A body of lines, in pieces of any size."""

from __future__ import annotations

import uuid

import pytest
from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest

from services.common.base.errors import ResourceExhausted
from services.common.rpc.http1.receiving import Receiving
from services.ingest.http.lines import UnfinishedLine, drops_of_lines, lines
from tests.support.calls import call_of, stream


def unfinished(limit_bytes: int = 10_000) -> UnfinishedLine:
    return UnfinishedLine(Receiving(limit_bytes), call_of())


BODY = b'{"a": 1}\n\n{"b": 2}\r\n  \n{"c": 3}'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
async def test_lines_are_the_same_in_pieces_of_any_size(size: int) -> None:
    pieces = [BODY[start : start + size] for start in range(0, len(BODY), size)]
    assert [line async for line in lines(stream(*pieces), 100, unfinished())] == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']


@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n\n  \n"])
async def test_blank_lines_are_no_drops(body: bytes) -> None:
    assert [line async for line in lines(stream(body), 100, unfinished())] == []


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_of_a_line_that_is_too_long_one_byte_too_many_is_kept(size: int) -> None:
    body = b"x" * 500 + b"\nyy\n" + b"z" * 500
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    assert [line async for line in lines(stream(*pieces), 10, unfinished())] == [b"x" * 11, b"yy", b"z" * 11]


async def test_each_line_has_a_request_id_of_its_own_and_the_same_one_again() -> None:
    parameters = StreamDropsRequest(source="pump-3", request_id="6B1C2F1E-0d1e-4d59-8a55-0b6a7e1f7f2a")
    lower = StreamDropsRequest(source="pump-3", request_id=parameters.request_id.lower())
    first = [one async for one in drops_of_lines(stream(b"1\n2\n"), parameters, 10, unfinished())]
    again = [one async for one in drops_of_lines(stream(b"1\n2\n"), lower, 10, unfinished())]
    assert first == again
    assert [(one.drop, one.source) for one in first] == [(b"1", "pump-3"), (b"2", "pump-3")]
    assert len({str(uuid.UUID(one.request_id)) for one in first}) == 2


async def test_without_a_request_id_lines_have_none() -> None:
    assert [
        one.request_id async for one in drops_of_lines(stream(b"1\n2"), StreamDropsRequest(), 10, unfinished())
    ] == ["", ""]


async def test_the_bytes_of_an_unfinished_line_count_until_it_ends() -> None:
    receiving = Receiving(20)

    async def read(*pieces: bytes) -> list[bytes]:
        return [line async for line in lines(stream(*pieces), 100, UnfinishedLine(receiving, call_of()))]

    assert await read(b"x" * 10, b"\n" + b"y" * 10) == [b"x" * 10, b"y" * 10]
    with pytest.raises(ResourceExhausted):
        await read(b"x" * 6, b"x" * 6)
    assert await read(b"x" * 10, b"\n") == [b"x" * 10]
