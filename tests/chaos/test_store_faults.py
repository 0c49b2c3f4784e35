"""Faults between services and stores: calls fail clearly or wait, nothing is lost, and all goes on by itself."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.chaos.writes import CLEAR, PATIENCE_SECONDS, Ledger, recovers, unsettled, write, write_many
from tests.e2e.mesh import Mesh, eventually, running_mesh
from tests.servers.store_settings import store_settings
from tests.servers.toxiproxy import Link

WRITES = 14
FAULTS: dict[str, Callable[[Link], None]] = {
    "cut": Link.cut,
    "delayed": partial(Link.delay, seconds=2),
    "reset": Link.reset,
}


@dataclass
class Linked:
    """A mesh on real servers, each behind a link that can be broken."""

    mesh: Mesh
    links: dict[str, Link]
    ledger: Ledger
    next_number: int = 0

    def numbers(self) -> range:
        self.next_number += WRITES
        return range(self.next_number - WRITES, self.next_number)


@pytest.fixture(scope="module")
def linked(request: pytest.FixtureRequest) -> Iterator[Linked]:
    s3 = request.getfixturevalue("s3")
    servers = {
        "catalog": request.getfixturevalue("mongo_url").rstrip("/"),
        "queue": request.getfixturevalue("amqp_url"),
        "objects": s3.endpoint,
    }
    toxiproxy = request.getfixturevalue("toxiproxy")
    with ExitStack() as stack:
        links = {name: stack.enter_context(toxiproxy.before(url)) for name, url in servers.items()}
        s3 = replace(s3, endpoint=links["objects"].url)
        settings = store_settings(links["catalog"].url, links["queue"].url, s3)
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="dropmesh-"))
        mesh = stack.enter_context(running_mesh(Path(data), settings))
        yield Linked(mesh, links, Ledger())
        for link in links.values():
            link.heal()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", list(FAULTS))
@pytest.mark.parametrize("store", ["catalog", "objects", "queue"])
def test_a_fault_before_a_store_passes(linked, store, fault):
    mesh, link, ledger = linked.mesh, linked.links[store], linked.ledger
    recovers(mesh)
    before = ledger.refused.copy()
    numbers = linked.numbers()

    def breaks(number: int) -> None:
        if number == numbers.start + WRITES // 3:
            FAULTS[fault](link)

    try:
        write_many(mesh, numbers, ledger, callers=3, before=breaks)
    finally:
        link.heal()
    refused = ledger.refused - before
    assert set(refused) <= CLEAR, refused
    with httpx.Client(base_url=mesh.url, timeout=PATIENCE_SECONDS) as http:
        eventually(partial(_writes_again, http, linked), 60)
        assert ledger.missing(http) == []
        eventually(lambda: not unsettled(http), 90)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [Link.cut, Link.swallow], ids=["cut", "black hole"])
@pytest.mark.parametrize("store", ["catalog", "objects", "queue"])
def test_a_service_says_which_store_does_not_answer(linked, store, fault):
    link = linked.links[store]
    eventually(lambda: _not_ready(linked.mesh) == [], 60)
    fault(link)
    try:
        eventually(lambda: _not_ready(linked.mesh) == [store], 30)
        assert httpx.get(f"{linked.mesh.operations_url}/healthz").status_code == 200
        if store == "catalog":
            eventually(lambda: _refused_at_once(linked.mesh, store), 30)
    finally:
        link.heal()
    eventually(lambda: _not_ready(linked.mesh) == [], 120)


def _not_ready(mesh: Mesh) -> list[str]:
    """The stores that do not answer ingest."""
    answer = httpx.get(f"{mesh.operations_url}/readyz/ingest")
    stores = answer.json()["stores"]
    assert (answer.status_code == 200) == all(state == "answers" for state in stores.values())
    return [store for store, state in stores.items() if state != "answers"]


def _refused_at_once(mesh: Mesh, store: str) -> bool:
    """Whether a read is refused before a driver would give up."""
    try:
        answer = httpx.get(f"{mesh.url}/v1/media", timeout=4)
    except httpx.TimeoutException:
        return False
    (info, *_) = answer.json()["details"]
    return bool(answer.headers["retry-after"] and answer.status_code == 503 and info["metadata"] == {"store": store})


def _writes_again(http: httpx.Client, linked: Linked) -> bool:
    """Whether a write of every kind succeeds."""
    attempt = Ledger()
    for number in linked.numbers():
        write(http, linked.mesh, number, attempt)
        if attempt.refused:
            return False
    linked.ledger.kept += attempt.kept
    return True
