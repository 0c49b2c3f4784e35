"""Answers of an HTTP door as HTTP/1.1: heads, and errors as the edge makes them of a gRPC method's."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from services.common.base.errors import DropmeshError
from services.common.rest.json import message_values, values_text
from services.common.rpc.status import error_details

OK = 200
NO_CONTENT = 204
JSON = "application/json"
LAST_CHUNK = b"0\r\n\r\n"
_STARTS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: " for status in HTTPStatus}


def http_head(status: int, size_bytes: int, more: Mapping[str, str], content_type: str = JSON) -> bytes:
    """The head of an answer."""
    headers = _lines(more)
    if status == NO_CONTENT:
        return f"HTTP/1.1 204 No Content\r\n{headers}\r\n".encode()
    return f"{_STARTS[status]}{content_type}\r\n{headers}content-length: {size_bytes}\r\n\r\n".encode()


def stream_head(status: int, more: Mapping[str, str], content_type: str) -> bytes:
    """The head of an answer in chunks."""
    return f"{_STARTS[status]}{content_type}\r\n{_lines(more)}transfer-encoding: chunked\r\n\r\n".encode()


def error_json(error: DropmeshError) -> bytes:
    """An error as google.rpc.Status."""
    details = [
        {"@type": f"type.googleapis.com/{detail.DESCRIPTOR.full_name}", **message_values(detail)}
        for detail in error_details(error)
    ]
    return values_text({"code": error.code.value, "message": error.message, "details": details})


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
