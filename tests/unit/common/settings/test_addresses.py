from __future__ import annotations

import pytest

from services.common.settings.addresses import WRONG_PORT, host_and_port, listening_fault, url_fault


@pytest.mark.parametrize(
    "address", ["127.0.0.1:9000", "0.0.0.0:65535", "localhost:1", "[::1]:9000", "[::]:9000", "unix:/run/a.sock"]
)
def test_a_service_listens_at_host_and_port_or_at_a_socket(address):
    assert listening_fault(address) is None


@pytest.mark.parametrize(
    "address", ["foo", ":9000", "::1:9000", "[foo]:9000", "[::1:9000", "a b:9000", "unix:a.sock", "unix:/"]
)
def test_what_is_no_address_is_refused(address):
    assert listening_fault(address) == "it is neither host:port nor unix:/path"


@pytest.mark.parametrize("port", ["99999", "0", "abc", "", "-1", "9000 ", "٩"])
def test_a_port_is_a_number_up_to_65535(port):
    assert listening_fault(f"127.0.0.1:{port}") == WRONG_PORT
    assert url_fault(f"http://example.com:{port}") is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://dropmesh.example.com",
        "https://dropmesh.example.com/",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "https://example.com:8443/mesh",
    ],
)
def test_a_url_names_a_host_and_perhaps_a_port_and_a_path(url):
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "foo",
        "ftp://x",
        "https://",
        "https:///a",
        "https://drop mesh.example",
        "https://x.example/a b",
        "https://x.example/a?b",
        "https://x.example#a",
        "https://ann@x.example",
        "http://[x]",
        "http://::1",
        "https://x.example\n",
    ],
)
def test_what_is_no_url_is_refused(url):
    assert url_fault(url) is not None


@pytest.mark.parametrize(("address", "parts"), [("0.0.0.0:9000", ("0.0.0.0", 9000)), ("[::1]:9000", ("::1", 9000))])
def test_an_ipv6_address_is_split_without_its_brackets(address, parts):
    assert host_and_port(address) == parts
