"""Sends one delivery over HTTP/1.1: to an address that was checked, without following redirects."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from http import HTTPStatus

from services.common.webhooks.addresses import host_and_port, is_public, url_fault

Resolve = Callable[[str, int], Awaitable[list[str]]]

SECONDS_MOST = 10.0
# Only the status is read: a receiver that sends more is cut off.
HEAD_BYTES = 64 * 1024


class NotArrived(Exception):
    """A delivery failed; its text says why, for the webhook's owner."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Sender:
    """Sends deliveries. Every address of a host must be allowed, and the connection goes to one that was checked."""

    def __init__(
        self,
        *,
        allow_private: bool,
        allow_http: bool,
        resolve: Resolve = resolve,
        seconds_most: float = SECONDS_MOST,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._allow_http = allow_http
        self._resolve = resolve
        self._seconds_most = seconds_most
        self._tls = tls or ssl.create_default_context()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> None:
        """Returns once the receiver has answered with a status of 2xx; else raises NotArrived."""
        # The setting may have changed since the webhook was made.
        if fault := url_fault(url, allow_http=self._allow_http, allow_private=self._allow_private):
            raise NotArrived(f"the URL {fault}")
        try:
            async with asyncio.timeout(self._seconds_most):
                status = await self._post(url, headers, body)
        except TimeoutError:
            raise NotArrived(f"the receiver did not answer within {self._seconds_most:g} s") from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise NotArrived(f"the connection failed: {error}"[:300]) from None
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
            raise NotArrived(f"the receiver answered {status}; redirects are not followed")
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise NotArrived(f"the receiver answered {status}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        parts, host, port = host_and_port(url)
        reader, writer = await self._connect(host, port, tls=parts.scheme == "https")
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            lines = [f"POST {path} HTTP/1.1", f"host: {parts.netloc}", "connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += ["content-type: application/json", f"content-length: {len(body)}", "user-agent: dropmesh", "", ""]
            writer.write("\r\n".join(lines).encode() + body)
            await writer.drain()
            while (status := _status(await reader.readuntil(b"\r\n\r\n"))) < HTTPStatus.OK:
                pass
            return status
        finally:
            writer.close()

    async def _connect(self, host: str, port: int, *, tls: bool) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        context, name = (self._tls, host) if tls else (None, None)
        *others, last = await self._checked_addresses(host, port)
        for address in others:
            with suppress(OSError):
                return await asyncio.open_connection(address, port, ssl=context, server_hostname=name, limit=HEAD_BYTES)
        return await asyncio.open_connection(last, port, ssl=context, server_hostname=name, limit=HEAD_BYTES)

    async def _checked_addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host; one with an address that is not allowed is refused as a whole."""
        try:
            addresses = await self._resolve(host, port)
        except OSError:
            addresses = []
        if not addresses:
            raise NotArrived(f"{host} has no address")
        # The part behind a percent sign names an interface of this machine.
        parsed = [ipaddress.ip_address(address.partition("%")[0]) for address in addresses]
        if not self._allow_private and not all(map(is_public, parsed)):
            raise NotArrived(f"{host} has an address outside the public internet (DROPMESH_WEBHOOK_PRIVATE allows it)")
        return addresses


def _status(head: bytes) -> int:
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        raise NotArrived("the receiver's answer is not HTTP/1.1")
    return int(words[1])
