from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.media.refusals import BodyInterrupted, MediaRefused, MultipartMalformed
from services.ingest.media.multipart import (
    End,
    Field,
    MultipartEvent,
    MultipartLimits,
    MultipartStream,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

BODY = (
    b'--b0\r\nContent-Disposition: form-data; name="mode"\r\n\r\nblur \xc3\xbc\r\n'
    b'--b0\r\nContent-Disposition: form-data; name="a"; filename="1.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    b"one\r\n--b\r\n--b0x\r\n"
    b'--b0\r\nContent-Disposition: form-data; name="b"; filename="2.png"\r\n\r\n\r\n'
    b"--b0--\r\n"
).replace(b"--b0x", b"--bX")


def parse(body: bytes, *, cuts: list[int] | None = None, limits: MultipartLimits | None = None) -> list[MultipartEvent]:
    stream = MultipartStream("b0", limits or MultipartLimits())
    events: list[MultipartEvent] = []
    edges = [0, *sorted(cuts or []), len(body)]
    for start, end in pairwise(edges):
        events += stream.feed(body[start:end])
    return [*events, stream.close()]


def whole(events: list[MultipartEvent]) -> list[MultipartEvent]:
    joined: list[MultipartEvent] = []
    for event in events:
        if isinstance(event, PartData) and isinstance(joined[-1], PartData):
            joined[-1] = PartData(joined[-1].data + event.data)
        else:
            joined.append(event)
    return joined


def part(headers: bytes, data: bytes = b"x") -> bytes:
    return b"--b0\r\n" + headers + b"\r\n\r\n" + data + b"\r\n--b0--\r\n"


FILE = b'Content-Disposition: form-data; name="a"; filename="f"'
FIELD = b'Content-Disposition: form-data; name="a"'


def test_fields_come_whole_and_parts_as_they_arrive() -> None:
    assert whole(parse(BODY)) == [
        Field("mode", "blur ü"),
        PartBegin("a", "1.jpg"),
        PartData(b"one\r\n--b\r\n--bX"),
        PartEnd(14),
        PartBegin("b", "2.png"),
        PartEnd(0),
        End(),
    ]


@given(st.lists(st.integers(0, len(BODY)), max_size=60))
def test_where_the_chunks_are_cut_does_not_matter(cuts: list[int]) -> None:
    assert whole(parse(BODY, cuts=cuts)) == whole(parse(BODY))


def test_a_body_cut_at_any_byte_is_not_taken_for_a_whole_one() -> None:
    end = BODY.rindex(b"--b0--") + len(b"--b0--")
    for length in range(end):
        with pytest.raises(BodyInterrupted):
            parse(BODY[:length])
    assert parse(BODY[:end])[-1] == End()


def test_data_inside_one_chunk_is_not_copied() -> None:
    stream = MultipartStream("b0", MultipartLimits())
    list(stream.feed(b"--b0\r\n" + FILE + b"\r\n\r\n"))
    chunk = bytes(1_000_000)
    (event,) = stream.feed(chunk)
    assert isinstance(event, PartData)
    assert event.data is chunk


@pytest.mark.parametrize(
    "body",
    [
        b"x--b0\r\n",
        part(b"Content-Type: image/jpeg"),
        part(b'Content-Disposition: attachment; name="a"; filename="f"'),
        part(b"no colon"),
        part(FILE + b"\r\nContent-Length: -5"),
        part(FILE + b"\r\nContent-Length: 7"),
        part(FIELD, b"\xff\xfe"),
        part(b"\xff\xfe: x"),
    ],
)
def test_a_malformed_body_is_a_typed_error(body: bytes) -> None:
    with pytest.raises(MultipartMalformed, match="cannot be read"):
        parse(body)


@pytest.mark.parametrize(
    ("body", "limits", "named"),
    [
        (BODY, MultipartLimits(max_parts=2), "max_parts = 2"),
        (part(FILE + b"\r\nX-A: " + b"a" * 300), MultipartLimits(max_header_bytes=200), "max_header_bytes = 200"),
        (part(FILE + b"\r\nX-A: 1" * 9), MultipartLimits(max_headers=4), "max_headers = 4"),
        (part(FIELD, b"a" * 101), MultipartLimits(max_field_bytes=100), "max_field_bytes = 100"),
    ],
)
def test_each_bound_is_named_when_it_is_passed(body: bytes, limits: MultipartLimits, named: str) -> None:
    with pytest.raises(MultipartMalformed, match=named):
        parse(body, limits=limits)


def test_an_endless_header_is_refused_while_it_arrives() -> None:
    stream = MultipartStream("b0", MultipartLimits(max_header_bytes=1000))
    list(stream.feed(b"--b0\r\nContent-Disposition: "))
    list(stream.feed(b"a" * 600))
    with pytest.raises(MultipartMalformed):
        list(stream.feed(b"a" * 600))


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=b0", "b0"),
        ('Multipart/Form-Data; charset=utf-8; boundary="a b"', "a b"),
    ],
)
def test_the_boundary_comes_from_the_content_type(content_type: str, boundary: str) -> None:
    assert boundary_of(content_type) == boundary


@pytest.mark.parametrize(
    "content_type",
    [
        "image/jpeg",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'b' * 71}",
    ],
)
def test_a_content_type_without_a_usable_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(MultipartMalformed):
        boundary_of(content_type)


def test_mutated_bodies_give_events_or_a_typed_error() -> None:
    rng = random.Random(3)
    outcomes = set()
    for _ in range(3000):
        body = bytearray(BODY)
        for _ in range(rng.choice((1, 2, 8))):
            body[rng.randrange(len(body))] = rng.choice(b'\r\n-b0: ;"\0\xff' + bytes([rng.randrange(256)]))
        try:
            parse(bytes(body), cuts=[rng.randrange(len(body)) for _ in range(rng.randrange(6))])
            outcomes.add("parsed")
        except MediaRefused as refusal:
            outcomes.add(type(refusal).__name__)
    assert outcomes == {"parsed", "MultipartMalformed", "BodyInterrupted"}
