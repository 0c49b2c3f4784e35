from __future__ import annotations

from enum import Enum
from pathlib import Path

import pytest

from services.common.settings import CHECKOUT, PREFIX, Mode, Settings, SettingsError, is_loopback
from services.common.settings.reading import load_settings

PAGE = Path(__file__).resolve().parents[4] / "docs" / "operations.md"


def test_nothing_given_means_everything_embedded():
    settings = load_settings({})
    assert settings.mode is Mode.OPEN
    assert settings.catalog_url == f"sqlite:///{settings.data}/catalog.sqlite"
    assert settings.objects_url == f"file:///{settings.data}/objects"
    assert settings.queue_url == "embedded"
    assert settings.operations_port == settings.edge_port + 1


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("EDGE_PORT", "70000", "less than or equal to 65535"),
        ("EDGE_PORT", "eighty", "valid integer"),
        ("EDGE_HOST", "example.com", "not an IP address"),
        ("MODE", "closed", "'open' or 'tokens'"),
        ("LOG_LEVEL", "LOUD", "DEBUG|INFO|WARNING|ERROR"),
        ("TLS_CERTIFICATE", "/never/was.pem", "the file does not exist"),
        ("ORIGINS", "https://app.example.com/page", "without a path"),
        ("MAX_DROP_BYTES", "0", "greater than or equal to 1"),
        ("PUBLIC_URL", "ftp://x", "not a URL such as https://"),
        ("PUBLIC_URL", "https://drop mesh.example", "not a URL such as https://"),
        ("PUBLIC_URL", "http://example.com:99999", "from 1 to 65535 (URL at which clients reach the edge"),
        ("OTLP_ENDPOINT", "http://collector:99999", "from 1 to 65535"),
        ("LISTEN", "127.0.0.1:99999", "from 1 to 65535 (host:port or unix:/path of a single service;"),
        ("LISTEN", "127.0.0.1:abc", "from 1 to 65535"),
        ("METRICS", "foo", "neither host:port nor unix:/path"),
        ("METRICS", "0.0.0.0:99999", "from 1 to 65535"),
        ("HTTP", "127.0.0.1:foo", "from 1 to 65535"),
    ],
)
def test_an_error_names_the_variable_what_it_held_and_what_it_takes(name, value, told):
    with pytest.raises(SettingsError) as caught:
        load_settings({f"DROPMESH_{name}": value})
    assert f"DROPMESH_{name} is {value!r}" in str(caught.value)
    assert told in str(caught.value)


def test_an_empty_variable_is_none_and_nothing_else_is_looked_at(monkeypatch):
    monkeypatch.setenv("DROPMESH_EDGE_PORT", "")
    assert load_settings().edge_port == 8080
    monkeypatch.setenv("DROPMESH_EDGE_PORT", "9000")
    assert load_settings().edge_port == 9000
    assert load_settings({}).edge_port == 8080


def test_a_certificate_needs_its_key():
    with pytest.raises(SettingsError, match="set both or neither"):
        load_settings({"DROPMESH_TLS_CERTIFICATE": __file__})


@pytest.mark.parametrize("ports", [{"EDGE_PORT": "65535"}, {"EDGE_PORT": "8080", "OPERATIONS": "8080"}])
def test_the_edge_and_the_operations_need_a_port_each(ports):
    with pytest.raises(SettingsError, match="set DROPMESH_OPERATIONS to another port"):
        load_settings({f"DROPMESH_{name}": value for name, value in ports.items()})


@pytest.mark.parametrize(
    ("host", "url"),
    [("localhost", "http://127.0.0.1:8080"), ("::1", "http://[::1]:8080"), ("[::1]", "http://[::1]:8080")],
)
def test_the_edge_is_told_by_its_address(host, url):
    assert load_settings({"DROPMESH_EDGE_HOST": host}).edge_url == url


def test_an_error_never_shows_a_secret(tmp_path):
    file = tmp_path / "settings"
    file.write_text("DROPMESH_S3_SECRET_KEY=hidden\nDROPMESH_EDGE_PORT=x\n")
    with pytest.raises(SettingsError) as caught:
        load_settings({"DROPMESH_SETTINGS": str(file)})
    assert "hidden" not in str(caught.value)


def test_the_environment_wins_over_the_file(tmp_path):
    file = tmp_path / "settings"
    file.write_text("# where\n\nDROPMESH_EDGE_PORT=9000\nDROPMESH_LOG_LEVEL=ERROR\n")
    settings = load_settings({"DROPMESH_SETTINGS": str(file), "DROPMESH_EDGE_PORT": "9001"})
    assert (settings.edge_port, settings.log_level) == (9001, "ERROR")


@pytest.mark.parametrize("name", ["DROPMESH_EDGE_PROT", "MODE", "mode", "dropmesh_MODE"])
def test_a_line_that_is_no_setting_is_named(tmp_path, name):
    file = tmp_path / "settings"
    file.write_text(f"# where\n{name}=tokens\n")
    with pytest.raises(SettingsError, match=f"line 2: '{name}' is not a setting; write lines as DROPMESH_NAME=value"):
        load_settings({"DROPMESH_SETTINGS": str(file)})


def test_a_file_that_is_not_utf_8_is_named(tmp_path):
    file = tmp_path / "settings"
    file.write_text("DROPMESH_DATA=/var/lib/ü\n", encoding="latin-1")
    with pytest.raises(SettingsError, match=f"DROPMESH_SETTINGS is '{file}': the file is not UTF-8; save it as UTF-8"):
        load_settings({"DROPMESH_SETTINGS": str(file)})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings({"DROPMESH_SETTINGS": str(tmp_path / "nothing")})


def test_mode_open_is_for_loopback_alone():
    with pytest.raises(SettingsError, match="mode open accepts only a loopback address"):
        load_settings({"DROPMESH_EDGE_HOST": "0.0.0.0"})
    assert load_settings({"DROPMESH_EDGE_HOST": "0.0.0.0", "DROPMESH_MODE": "tokens"}).edge_host == "0.0.0.0"


@pytest.mark.parametrize("name", ["DROPMESH_LISTEN", "DROPMESH_HTTP"])
def test_no_service_listens_for_other_machines_in_mode_open(name):
    with pytest.raises(SettingsError, match=f"{name} is '0.0.0.0:9000': other machines reach it"):
        load_settings({name: "0.0.0.0:9000"})
    for address in ("127.0.0.1:9000", "[::1]:9000", "unix:/run/a.sock"):
        load_settings({name: address})
    load_settings({name: "0.0.0.0:9000", "DROPMESH_MODE": "tokens"})


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("a.b", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host, answer):
    assert is_loopback(host) is answer


def row(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default.value if isinstance(field.default, Enum) else field.default
    default = default.relative_to(CHECKOUT) if isinstance(default, Path) else default
    told = "" if default in ("", None) else f"`{default}`"
    return f"| `{PREFIX}{name.upper()}` | {told} | {field.description} |"


def test_the_page_tells_every_setting_as_it_is_and_no_other():
    told = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{PREFIX}")]
    expected = [f"| `{PREFIX}SETTINGS` |  | a file of settings |", *map(row, Settings.model_fields)]
    assert told == expected
