"""A stored series: its description, and the objects that hold its points and its raw bodies."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from services.common.base.requests import KeptRequest, NamedRequest

PREFIX = "series/"
LONE_CHANNEL = "value"
TIME_COLUMN = "time"
# A chunk of one channel has a megabyte of values: a range reads little beside it, and an append rewrites no more.
CHUNK_VALUES = 128 * 1024
LEAST_CHUNK_POINTS = 4096
BODIES_KEPT_INLINE = 64


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity measured at each instant."""

    name: str = LONE_CHANNEL
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive points in one Parquet object; `first_tick` counts spacings from the start of evenly spaced ones."""

    object_key: str
    point_count: int
    size_bytes: int
    first_ns: int
    last_ns: int
    first_tick: int = 0


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes that some of the points came in, in an object of their own."""

    object_key: str
    sha256: str
    size_bytes: int
    point_count: int
    receive_time_ns: int
    format: str
    request_id: str = ""

    @property
    def request(self) -> NamedRequest | None:
        """The request that it came with; None where its caller gave no id."""
        return NamedRequest(self.request_id, bytes.fromhex(self.sha256)) if self.request_id else None


@dataclass(frozen=True, slots=True)
class Series:
    """A signal: channels of float64 values over strictly increasing instants, in chunks.

    A chunk is part of the series once this document names it, and not before. One that is being deleted has no owner.
    """

    id: str
    owner: str
    subject: str
    display_name: str
    labels: dict[str, str]
    channels: tuple[Channel, ...]
    allow_gaps: bool
    create_time_ns: int
    update_time_ns: int
    spacing_hz: float | None = None
    """Points a second, where they are evenly spaced; else each point has a timestamp of its own."""
    rate_is_known: bool = False
    """Whether a caller gave that rate; without one, points are taken to be a second apart."""
    start_ns: int = 0
    """Where evenly spaced points are counted from."""
    chunks: tuple[Chunk, ...] = ()
    point_count: int = 0
    size_bytes: int = 0
    revision: int = 1
    bodies: tuple[Body, ...] = ()
    body_pages: int = 0
    """How many pages of older bodies there are."""
    create_request: KeptRequest | None = None
    """The request that created it, where its caller gave it an id; known however many appends follow."""
    requests: tuple[KeptRequest, ...] = ()
    """The last requests whose bodies went with deleted points."""
    deleting_since_ns: int | None = None
    traceparent: str = ""
    """The span of the call that stored its last points, as W3C writes it; empty without traces."""
    version: int = 0

    @property
    def name(self) -> str:
        """Its name in the contract."""
        return f"{PREFIX}{self.id}"

    @property
    def ends(self) -> tuple[int, int] | None:
        """The instants of the first and the last point."""
        return (self.chunks[0].first_ns, self.chunks[-1].last_ns) if self.chunks else None

    @property
    def sample_rate_hz(self) -> float | None:
        """Points a second, where they are evenly spaced at a known rate."""
        return self.spacing_hz if self.rate_is_known else None

    @property
    def is_contiguous(self) -> bool:
        """Whether the points are evenly spaced, and none is missing between the first and the last."""
        if self.spacing_hz is None:
            return False
        expected = self.chunks[0].first_tick if self.chunks else 0
        for chunk in self.chunks:
            if chunk.first_tick != expected:
                return False
            expected += chunk.point_count
        return True

    @property
    def next_tick(self) -> int:
        """The tick of the next point of an evenly spaced series."""
        return self.chunks[-1].first_tick + self.chunks[-1].point_count if self.chunks else 0

    @property
    def known_requests(self) -> tuple[KeptRequest, ...]:
        """Those that a retry is compared with, oldest first: at least the create and the last 32 appends."""
        created = () if self.create_request is None else (self.create_request,)
        of_bodies = [body.request for body in self.bodies]
        appended = [request.kept() for request in of_bodies if request is not None]
        return tuple(dict.fromkeys((*created, *self.requests, *appended)))

    def overlapping(self, start_ns: int | None, end_ns: int | None) -> Sequence[Chunk]:
        """The chunks that may hold points at or after `start_ns` and before `end_ns`."""
        return [
            chunk
            for chunk in self.chunks
            if (start_ns is None or chunk.last_ns >= start_ns) and (end_ns is None or chunk.first_ns < end_ns)
        ]


@dataclass(frozen=True, slots=True)
class BodyPage:
    """Older bodies of a series, which its document has no room for."""

    id: str
    series: str
    bodies: tuple[Body, ...] = field(default=())
    version: int = 0


def chunk_points(channels: int) -> int:
    """How many points a full chunk has."""
    return max(LEAST_CHUNK_POINTS, CHUNK_VALUES // channels)


def object_prefix(series_id: str) -> str:
    """How the keys of a series' objects begin."""
    return f"{PREFIX}{series_id}/"


def chunk_key(series_id: str, revision: int) -> str:
    """Returns a new key for a chunk."""
    return f"{object_prefix(series_id)}{revision:08d}-{secrets.token_hex(8)}.parquet"


def body_key(series_id: str) -> str:
    """Returns a new key for a raw body."""
    return f"{object_prefix(series_id)}{secrets.token_hex(12)}.raw"


def page_key(series_id: str, page: int) -> str:
    """The key of a page of older bodies."""
    return f"{series_id}/{page:08d}"
