from __future__ import annotations

import ipaddress

import pytest

from services.common.webhooks.addresses import is_public, url_fault

PRIVATE = (
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_no_event_goes_into_a_private_network(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    assert url_fault(f"https://{host}/", allow_http=False, allow_private=False)
    assert not url_fault(f"https://{host}/", allow_http=False, allow_private=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822"])
def test_the_public_internet_is_allowed(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://example.com/", "https"),
        ("ftp://example.com/", "not a URL"),
        ("https://", "not a URL"),
        ("example.com", "not a URL"),
        ("https://user:secret@example.com/", "password"),
        ("https://example.com/a b", "escape"),
        ("https://example.com/\r\nhost: other", "escape"),
        ("https://example.com:99999/", "not a URL"),
    ],
)
def test_a_url_that_is_not_allowed_is_explained(url: str, problem: str) -> None:
    assert problem in url_fault(url, allow_http=False, allow_private=False)


def test_http_is_allowed_by_a_setting() -> None:
    assert not url_fault("http://example.com/", allow_http=True, allow_private=False)
