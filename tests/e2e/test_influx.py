"""InfluxDB's senders at the edge: its own client, and its server's answers."""

from __future__ import annotations

import gzip
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.mesh import Mesh, bearer
from tests.servers.toxiproxy import Toxiproxy

SCRIPT = Path(__file__).resolve().parents[1] / "support" / "influx_writer.py"
COUNT = 10_000
TELEGRAF = """
[agent]
  metric_batch_size = 500
  omit_hostname = true
[[outputs.influxdb_v2]]
  urls = ["{url}"]
  token = "{token}"
  organization = "any"
  bucket = "plant"
[[inputs.mem]]
[[inputs.file]]
  files = ["{file}"]
  data_format = "influx"
"""


@pytest.fixture
def token(tokens_mesh: Mesh) -> str:
    return tokens_mesh.token(f"sender-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def sender(tokens_mesh: Mesh, token: str) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Token {token}"}
    with httpx.Client(base_url=tokens_mesh.url, headers=headers, timeout=120) as client:
        yield client


def write(client: httpx.Client, body: str | bytes, **query: str) -> httpx.Response:
    return client.post("/api/v2/write", content=body, params={"bucket": "plant", "org": "any", **query})


def test_lines_become_series_by_measurement_tags_and_field(sender: httpx.Client) -> None:
    body = "pump,site=berlin temperature=21.5,pressure=3i 1767225600\npump,site=berlin temperature=22.5 1767225610\n"
    for sent in (body.encode(), gzip.compress(body.encode())):
        answer = write(sender, sent, precision="s")
        assert (answer.status_code, answer.content) == (204, b"")
    found = sender.get("/v1/series", params={"labels": ["site=berlin", "_field=temperature"]}).json()["series"]
    assert [(one["display_name"], one["point_count"]) for one in found] == [("pump.temperature", "2")]
    assert found[0]["labels"] == {
        "site": "berlin",
        "_measurement": "pump",
        "_field": "temperature",
        "_bucket": "plant",
    }
    points = sender.get(f"/v1/{found[0]['name']}/points").json()
    assert points["timestamps"] == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"]
    assert points["channels"][0]["values"] == [21.5, 22.5]
    assert sender.get("/v1/series:count").json() == {"count": "2"}


def test_errors_have_the_shape_of_influxdb(sender: httpx.Client, tokens_mesh: Mesh) -> None:
    partial = write(sender, "m f=1 1\nm f=oops 2\nm f=3 3")
    assert partial.status_code == 400
    assert partial.json().keys() == {"code", "message", "line"}
    assert (partial.json()["code"], partial.json()["line"]) == ("invalid", 2)
    assert "partial write" in partial.json()["message"]
    assert "unable to parse 'm f=oops 2': invalid number" in partial.json()["message"]
    (series,) = sender.get("/v1/series").json()["series"]
    assert series["point_count"] == "2"
    assert write(sender, "m f=1 1", precision="hours").json()["code"] == "invalid"
    without = httpx.post(f"{tokens_mesh.url}/api/v2/write", content="m f=1 1")
    assert (without.status_code, without.json()["code"]) == (401, "unauthorized")
    wrong = httpx.post(f"{tokens_mesh.url}/api/v2/write", content="m f=1", headers={"authorization": "Token dm_a_b"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthorized")
    reader = tokens_mesh.token("reader", "read")
    refused = httpx.post(f"{tokens_mesh.url}/api/v2/write", content="m f=1", headers=bearer(reader))
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_influxdbs_own_client_writes_each_point_once_over_a_cut_connection(
    sender: httpx.Client, tokens_mesh: Mesh, token: str, toxiproxy: Toxiproxy, tool: Callable[[str], Path]
) -> None:
    python = tool("influxdb-client")
    with (
        toxiproxy.before(tokens_mesh.url) as link,
        subprocess.Popen(
            [python, SCRIPT, link.url, token, str(COUNT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as writer,
    ):
        assert writer.stdin is not None
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        # Batches are under way: some are cut off before, some after they were stored.
        link.reset()
        writer.stdin.write("\n")
        writer.stdin.flush()
        time.sleep(2)
        link.heal()
        stop = threading.Timer(240, writer.kill)
        stop.start()
        lost = writer.stdout.read()
        stop.cancel()
        assert (lost, writer.wait()) == ("0\n", 0)
    (series,) = sender.get("/v1/series").json()["series"]
    assert series["point_count"] == str(COUNT)
    points = sender.get(f"/v1/{series['name']}/points").json()
    assert points["channels"][0]["values"] == [number / 7 for number in range(COUNT)]


def test_telegraf_writes_series_unchanged(
    sender: httpx.Client, tokens_mesh: Mesh, token: str, tool: Callable[[str], Path], tmp_path: Path
) -> None:
    lines = [f"pump,site=berlin temperature={number / 7!r} {1767225600 + number}000000000" for number in range(3000)]
    (tmp_path / "lines").write_text("\n".join(lines) + "\n")
    configuration = tmp_path / "telegraf.conf"
    configuration.write_text(TELEGRAF.format(url=tokens_mesh.url, token=token, file=tmp_path / "lines"))
    subprocess.run([tool("telegraf"), "--config", configuration, "--once"], check=True, timeout=120)
    found = {one["display_name"]: one for one in sender.get("/v1/series", params={"page_size": 100}).json()["series"]}
    assert found["pump.temperature"]["labels"]["site"] == "berlin"
    points = sender.get(f"/v1/{found['pump.temperature']['name']}/points").json()
    assert points["channels"][0]["values"] == [number / 7 for number in range(3000)]
    assert found["mem.used_percent"]["point_count"] == "1"
