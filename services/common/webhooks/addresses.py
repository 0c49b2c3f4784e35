"""Which addresses events may be sent to: those of the public internet, unless a setting allows more."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Translators turn these into the IPv4 address in their last 32 bits.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def url_fault(url: str, *, allow_http: bool, allow_private: bool) -> str:
    """Returns why no event may be sent to a URL, or nothing. A name is judged by its addresses, at each delivery."""
    if any(ord(character) <= 32 or ord(character) > 126 for character in url):
        return "has a character that a URL must escape"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in {"https", "http"} or not host:
        return "is not a URL such as https://example.com/events"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or a password"
    if parts.scheme == "http" and not allow_http:
        return "must begin with https:// (DROPMESH_WEBHOOK_HTTP allows http)"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return "" if allow_private or is_public(address) else private_fault(address)


def private_fault(address: Address) -> str:
    """Why no event is sent to an address."""
    return f"{address} is not an address of the public internet (DROPMESH_WEBHOOK_PRIVATE allows it)"


def is_public(address: Address) -> bool:
    """Whether an address is one of the public internet, and no way into a private network."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast


def host_and_port(url: str) -> tuple[SplitResult, str, int]:
    """The parts of a URL, its host and its port."""
    parts = urlsplit(url)
    return parts, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
