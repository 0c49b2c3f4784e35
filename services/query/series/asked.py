"""The points that a request asks for: which of them, in which form, and in which file format."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dropmesh.v1 import query_service_pb2

from services.common.base.instants import from_timestamp
from services.common.media.file_names import content_disposition

Request = query_service_pb2.GetSeriesPointsRequest
TYPES = {
    Request.JSON: ("application/json", "json"),
    Request.CSV: ("text/csv; charset=utf-8", "csv"),
    Request.NPY: ("application/x-npy", "npy"),
    Request.ARROW: ("application/vnd.apache.arrow.stream", "arrows"),
    Request.PARQUET: ("application/vnd.apache.parquet", "parquet"),
}
_ACCEPTED = {content_type.partition(";")[0]: form for form, (content_type, _) in TYPES.items()}
_WINDOW = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNIT_NS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}


@dataclass(frozen=True, slots=True)
class AskedPoints:
    """Which points, and how."""

    format: Request.Format.ValueType
    start_ns: int | None
    end_ns: int | None
    max_points: int
    window_ns: int

    @property
    def content_type(self) -> str:
        """Of the answer."""
        return TYPES[self.format][0]

    def headers(self, name: str) -> dict[str, str]:
        """Returns the HTTP headers of the points."""
        return {
            "content-disposition": content_disposition("inline", f"{name}.{TYPES[self.format][1]}"),
            "cache-control": "private, no-cache",
            "x-content-type-options": "nosniff",
            "vary": "accept",
        }


def asked_points(request: Request, accept: str) -> AskedPoints:
    """Reads a request; `format` wins over the header Accept."""
    return AskedPoints(
        request.format or _accepted(accept),
        from_timestamp(request.start) if request.HasField("start") else None,
        from_timestamp(request.end) if request.HasField("end") else None,
        request.max_points,
        window_ns(request.window) if request.window else 0,
    )


def window_ns(text: str) -> int:
    """The length of a window that the contract's pattern let through."""
    match = _WINDOW.fullmatch(text)
    if match is None:
        raise AssertionError("the contract's pattern lets no other text through")
    return int(match[1]) * _UNIT_NS[match[2]]


def _accepted(accept: str) -> Request.Format.ValueType:
    for part in accept.split(","):
        form = _ACCEPTED.get(part.partition(";")[0].strip().lower())
        if form is not None:
            return form
    return Request.JSON
