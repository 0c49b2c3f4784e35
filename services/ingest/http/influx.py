"""Errors in the shape of InfluxDB's own server, for those who write to its path: its clients read and retry by them."""

from __future__ import annotations

import orjson

from services.common.base.errors import Code, DropmeshError

PATH = b"/api/v2/"
_CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not found",
    413: "request too large",
    429: "too many requests",
    500: "internal error",
    503: "unavailable",
}


def influx_error_json(error: DropmeshError, status: int) -> bytes:
    """An error, with the first refused line where lines were refused."""
    answer: dict[str, str | int] = {"code": _CODES.get(status, "internal error"), "message": error.message}
    if "line" in error.metadata:
        answer["line"] = int(error.metadata["line"])
    return orjson.dumps(answer)


def influx_http_status(error: DropmeshError, status: int) -> int:
    """The HTTP status: a write that others were faster than is one to retry, and its clients retry after 503 alone."""
    return 503 if error.code is Code.ABORTED else status
