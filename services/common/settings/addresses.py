"""The form of addresses to listen at and of URLs, so that a wrong one is reported before it is used."""

from __future__ import annotations

import ipaddress
import re

MOST_PORT = 65535
WRONG_PORT = f"the port is not a number from 1 to {MOST_PORT}"
_NAME = re.compile(r"[\w.-]+")


def listening_fault(address: str) -> str | None:
    """Returns the fault of an address to listen at; None if it has none."""
    if re.fullmatch("unix:/.+", address):
        return None
    host, _, port = address.rpartition(":")
    if address.startswith("unix:") or not _is_host(host):
        return "it is neither host:port nor unix:/path"
    return None if _is_port(port) else WRONG_PORT


def url_fault(url: str) -> str | None:
    """Returns the fault of a URL to which paths are added; None if it has none."""
    found = re.fullmatch(r"https?://(?P<host>\[[^]/]*\]|[^:/?#\s]*)(?::(?P<port>[^/?#\s]*))?(?:/[^?#\s]*)?", url)
    if found is None or not _is_host(found["host"]):
        return "it is not a URL such as https://dropmesh.example.com, without a user, query or fragment"
    return None if found["port"] is None or _is_port(found["port"]) else WRONG_PORT


def host_and_port(address: str) -> tuple[str, int]:
    """Splits host:port; a host in brackets is an IPv6 address."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return _NAME.fullmatch(host) is not None
    try:
        return host.endswith("]") and bool(ipaddress.IPv6Address(host[1:-1]))
    except ValueError:
        return False


def _is_port(port: str) -> bool:
    return re.fullmatch("[0-9]{1,5}", port) is not None and 1 <= int(port) <= MOST_PORT
