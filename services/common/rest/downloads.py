"""Headers of downloads, and the range that a request asks for."""

from __future__ import annotations

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import OutOfRange
from services.common.media.file_names import content_disposition
from services.common.rest.ranges import ByteRange, Unsatisfiable, asked_range
from services.common.rpc.call import Call

OK, PARTIAL, FOUND, NOT_MODIFIED = 200, 206, 302, 304
REST_METHOD = "x-envoy-original-method"


def download_headers(etag: str, filename: str) -> dict[str, str]:
    """The headers of bytes that strangers may have made: nothing in them runs, and a cache asks before it shows."""
    return {
        "etag": etag,
        "cache-control": "private, no-cache",
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; sandbox",
        "content-disposition": content_disposition("inline", filename),
    }


def is_head(call: Call) -> bool:
    """Whether the caller wants the headers alone."""
    return call.header(REST_METHOD) == "HEAD"


def asked_part(call: Call, etag: str, size_bytes: int) -> ByteRange | None:
    """The part that the caller's Range asks for, None for the whole; raises OutOfRange."""
    if is_head(call):
        # Only GET has ranges.
        return None
    try:
        return asked_range(call.header("range"), call.header("if-range"), etag, size_bytes)
    except Unsatisfiable:
        raise range_not_satisfiable(size_bytes) from None


def range_not_satisfiable(size_bytes: int) -> OutOfRange:
    """No byte of what was asked for is there."""
    return OutOfRange(
        reasons.RANGE_NOT_SATISFIABLE,
        f"the range lies outside the content, which has {size_bytes} bytes",
        metadata={"size_bytes": str(size_bytes)},
        http_status=416,
        headers={"content-range": f"bytes */{size_bytes}", "accept-ranges": "bytes"},
    )
