"""Metrics and readiness of a service over plain HTTP, for operators; and for the edge, whether a token holds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import json_format
from prometheus_client.exposition import generate_latest

from services.common.base.errors import DropmeshError, Unauthenticated
from services.common.base.probes import DAMAGED
from services.common.base.telemetry import Metrics
from services.common.rpc.status import error_status
from services.common.settings.addresses import host_and_port


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a service can do its work, and if not, what is missing."""

    stores: Mapping[str, str]
    failing_loops: list[str]
    put_off: Mapping[str, str]
    """Kinds of work that are put off, each with the cause."""
    is_leaving: bool
    is_ready: bool


async def serve_operations(
    address: str,
    metrics: Metrics,
    readiness: Callable[[], Readiness],
    recognize: Callable[[str | None], Awaitable[None]],
) -> asyncio.AbstractServer:
    """Answers /readyz with the readiness, /damage with the stores that are damaged, /serving with whether calls are
    welcome, all else with the metrics.

    Below /authorize it answers 200 where `recognize` takes the request's token, so that the edge may read its body.
    """

    async def answer(head: bytes) -> tuple[str, str, bytes]:
        path = head.split(b" ", 2)[1] if head.count(b" ") > 1 else b""
        if path.startswith(b"/readyz"):
            return _readiness(readiness())
        if path.startswith(b"/damage"):
            return _damage(readiness())
        if path.startswith(b"/authorize/"):
            return await _authorization(head, recognize)
        if path.startswith(b"/serving"):
            return _serving(readiness())
        return _metrics(metrics)

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            is_last = False
            while not is_last:
                head = await reader.readuntil(b"\r\n\r\n")
                # The edge asks again and again over one connection.
                is_last = b"HTTP/1.1\r\n" not in head or b"\r\nconnection: close\r\n" in head.lower()
                status, kind, body = await answer(head)
                more = "connection: close\r\n" if is_last else ""
                headers = f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}"
                writer.write(f"HTTP/1.1 {status}\r\n{headers}\r\n".encode() + body)
                await writer.drain()
        writer.close()

    clear_socket(address)
    if address.startswith("unix:"):
        return await asyncio.start_unix_server(converse, address.removeprefix("unix:"))
    return await asyncio.start_server(converse, *host_and_port(address))


def clear_socket(address: str) -> None:
    """Removes the socket that an earlier process left at unix:/path, and makes its folder."""
    if address.startswith("unix:"):
        path = Path(address.removeprefix("unix:"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)


def _metrics(metrics: Metrics) -> tuple[str, str, bytes]:
    return "200 OK", "text/plain; version=0.0.4", generate_latest(metrics.registry)


async def _authorization(head: bytes, recognize: Callable[[str | None], Awaitable[None]]) -> tuple[str, str, bytes]:
    lines = head.split(b"\r\n")
    found = (line.partition(b":")[2] for line in lines if line.lower().startswith(b"authorization:"))
    token = next(found, None)
    try:
        await recognize(None if token is None else token.strip().decode("latin-1"))
    except Unauthenticated as error:
        told = json_format.MessageToJson(error_status(error), indent=None)
        return "401 Unauthorized\r\nwww-authenticate: Bearer", "application/json", told.encode()
    except DropmeshError as error:
        return "503 Service Unavailable", "text/plain", error.message.encode()
    return "200 OK", "text/plain", b""


def _damage(readiness: Readiness) -> tuple[str, str, bytes]:
    damaged = {store: state for store, state in readiness.stores.items() if state.startswith(DAMAGED)}
    status = "503 Service Unavailable" if damaged else "200 OK"
    return status, "application/json", json.dumps({"damaged": damaged}).encode() + b"\n"


def _serving(readiness: Readiness) -> tuple[str, str, bytes]:
    if readiness.is_leaving:
        return "503 Service Unavailable", "text/plain", b"leaving\n"
    return "200 OK", "text/plain", b"serving\n"


def _readiness(readiness: Readiness) -> tuple[str, str, bytes]:
    told = {
        "ready": readiness.is_ready,
        "stores": dict(readiness.stores),
        "failing_loops": readiness.failing_loops,
        "put_off": dict(readiness.put_off),
    }
    status = "200 OK" if readiness.is_ready else "503 Service Unavailable"
    return status, "application/json", json.dumps(told).encode() + b"\n"
