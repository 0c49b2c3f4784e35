"""Two of each service on servers: a rolling restart under load fails no call."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from scripts.measuring.loading.mesh import is_ready
from scripts.mesh.instances import names
from tests.e2e.mesh import SIGNS, Mesh, children, eventually, running_mesh, words
from tests.servers.mongodb import mongodb
from tests.servers.private import was_started
from tests.servers.store_settings import store_settings


@pytest.fixture
def own_mongo_url(mongo_url: str) -> Iterator[str]:
    """A server for this test alone: the shared one answers late while another test scans a large collection."""
    if not was_started("mongodb"):
        yield mongo_url
        return
    with mongodb() as url:
        yield url


@pytest.mark.timeout(600)
def test_a_rolling_restart_of_two_of_each_fails_no_call(own_mongo_url, amqp_url, s3):
    settings = {**store_settings(own_mongo_url, amqp_url, s3), "DROPMESH_INSTANCES": "ingest=2,processor=2,query=2"}
    failed: list[str] = []
    restarted: list[str] = []
    done, stop = [0], threading.Event()
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data), settings) as mesh:

        def running(service: str) -> list[int]:
            return [pid for pid in children(mesh.supervisor) if SIGNS[service] in words(pid)]

        def call(caller: int) -> None:
            with httpx.Client(base_url=mesh.url, timeout=60) as http:
                number = 0
                # Not more: the test server of MongoDB's protocol scans what is written here.
                while not stop.wait(0.2):
                    number += 1
                    instant = f"2020-01-{caller + 1:02}T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
                    drop = json.dumps({"time_stamp": instant, "data": [number]})
                    for answer in (http.post("/v1/measurements", content=drop), http.get("/v1/media")):
                        done[0] += 1
                        if not answer.is_success and not _is_of_a_silent_store(answer, restarted[-1:]):
                            failed.append(f"{answer.request.method} during {restarted}: {answer.text[:200]}")

        callers = [threading.Thread(target=call, args=(number,)) for number in range(2)]
        for caller in callers:
            caller.start()
        try:
            for service in ("ingest", "processor", "query"):
                for pid in running(service):
                    eventually(lambda: _are_ready(mesh, service), 120)  # noqa: B023
                    # The edge asks an instance that was down four times a second.
                    time.sleep(2)
                    restarted.append(service)
                    os.kill(pid, signal.SIGTERM)
                    eventually(lambda: pid not in running(service) and len(running(service)) == 2, 60)  # noqa: B023
        finally:
            stop.set()
            for caller in callers:
                caller.join()
    assert failed == []
    assert done[0] > 20


def _is_of_a_silent_store(answer: httpx.Response, restarting: list[str]) -> bool:
    """Whether a service that is not restarting refused because its store did not answer: other tests starve servers."""
    answering = "ingest" if answer.request.method == "POST" else "query"
    return answering not in restarting and "STORE_UNAVAILABLE" in answer.text


def _are_ready(mesh: Mesh, service: str) -> bool:
    return all(is_ready(mesh.data / "run" / f"{name}.metrics.sock") for name in names(service, 2))
