"""The bytes of a gRPC answer over HTTP/1.1: messages in chunks, and the status in the trailers after the last one."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from services.common.base.errors import DropmeshError
from services.common.rpc.call import HTTP_STATUS, REQUEST_ID, Call
from services.common.rpc.status import error_headers, error_status

_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_START = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ngrpc-accept-encoding: identity,deflate,gzip\r\n"


def answer_head(call: Call) -> bytes:
    """The head of an answer that goes on in chunks."""
    headers = {HTTP_STATUS: str(call.http_status), **call.answer_headers} if call.http_status is not None else {}
    return f"{_START}{_lines(headers)}transfer-encoding: chunked\r\n\r\n".encode()


def messages_chunk(messages: Iterable[bytes]) -> bytes:
    """Messages in one chunk."""
    frames = b"".join([b"\0%b%b" % (len(message).to_bytes(4), message) for message in messages])
    return b"%x\r\n%b\r\n" % (len(frames), frames)


def answer_end(call: Call, error: DropmeshError | None = None) -> bytes:
    """The end of an answer in chunks."""
    return f"0\r\n{_lines(_status(call, error))}\r\n".encode()


def refusal(call: Call, error: DropmeshError) -> bytes:
    """The whole answer of a call that failed before its first message."""
    return f"{_START}{_lines(_status(call, error))}content-length: 0\r\n\r\n".encode()


def _status(call: Call, error: DropmeshError | None) -> Mapping[str, str]:
    if error is None:
        return {"grpc-status": "0", REQUEST_ID: call.request_id}
    told = {
        "grpc-status": str(error.code.value),
        "grpc-message": quote(error.message, safe=_PRINTABLE),
        "grpc-status-details-bin": b64encode(error_status(error).SerializeToString()).decode().rstrip("="),
        REQUEST_ID: call.request_id,
        **error_headers(error),
    }
    return told if error.http_status is None else {**told, HTTP_STATUS: str(error.http_status)}


def _lines(headers: Mapping[str, str]) -> str:
    return "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
