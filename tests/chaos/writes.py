"""Writes of every kind, by callers who remember what was acknowledged and look for it later."""

from __future__ import annotations

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
from PIL import Image

from tests.e2e.errors import reason_of
from tests.e2e.mesh import Mesh, eventually

PATIENCE_SECONDS = 60
# A caller who was refused comes again after this.
PAUSE_SECONDS = 0.2
# What is not found is looked for again, up to so many times.
LOOKS = 20
# How a write may fail without anybody being told a lie.
CLEAR = {"SERVICE_UNAVAILABLE", "STORE_UNAVAILABLE", "TIMED_OUT"}


@dataclass
class Ledger:
    """What was acknowledged, each with the way to see that it is there; and how the rest was refused."""

    kept: list[tuple[str, Callable[[httpx.Client], bool]]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def missing(self, http: httpx.Client) -> list[str]:
        """The acknowledged writes that cannot be found; a read may be refused while a store comes back."""
        lost = self.kept
        for _ in range(LOOKS):
            lost = [(name, is_there) for name, is_there in lost if not is_there(http)]
            if not lost:
                break
            time.sleep(PAUSE_SECONDS)
        return [name for name, _ in lost]


def picture(number: int) -> bytes:
    """A small picture, another one for each number."""
    output = io.BytesIO()
    Image.new("RGB", (32, 24), (number % 256, number // 256 % 256, 90)).save(output, "PNG")
    return output.getvalue()


def reading(number: int) -> bytes:
    """A drop of one measurement, of another minute for each number."""
    instant = f"2020-01-{number // 1440 + 1:02}T{number // 60 % 24:02}:{number % 60:02}:00Z"
    return json.dumps({"time_stamp": instant, "data": [number, number + 1]}).encode()


def write(http: httpx.Client, mesh: Mesh, number: int, ledger: Ledger) -> None:
    """One write, of a kind that its number chooses, noted in the ledger."""
    kinds = (_drop, _drop, _drop_large, _upload, _upload, _invite, _resumable)
    try:
        answer, name, is_there = kinds[number % len(kinds)](http, mesh, number)
    except httpx.TransportError as error:
        ledger.refused[type(error).__name__] += 1
        return
    if answer.is_success:
        ledger.kept.append((name(answer.json()), partial(is_there, answer.json())))
    else:
        ledger.refused[reason_of(answer)] += 1


Write = tuple[httpx.Response, Callable[[Any], str], Callable[[Any, httpx.Client], bool]]


def _drop(http: httpx.Client, mesh: Mesh, number: int) -> Write:
    return _dropped(http, reading(number))


def _drop_large(http: httpx.Client, mesh: Mesh, number: int) -> Write:
    return _dropped(http, reading(number).ljust(70_000))


def _dropped(http: httpx.Client, raw: bytes) -> Write:
    def is_there(told: Any, later: httpx.Client) -> bool:
        return later.get(f"/v1/{told['receipt']['name']}/raw").content == raw

    return http.post("/v1/measurements", content=raw), lambda told: told["receipt"]["name"], is_there


def _upload(http: httpx.Client, mesh: Mesh, number: int) -> Write:
    content = picture(number)

    def is_there(told: Any, later: httpx.Client) -> bool:
        return later.get(f"/v1/{told['results'][0]['media']['name']}/original").content == content

    return http.post("/v1/media", content=content), lambda told: told["results"][0]["media"]["name"], is_there


def _invite(http: httpx.Client, mesh: Mesh, number: int) -> Write:
    def is_there(told: Any, later: httpx.Client) -> bool:
        return later.get(f"/v1/{told['name']}", headers=mesh.admin).status_code == 200

    answer = http.post("/v1/invites", json={"display_name": str(number)}, headers=mesh.admin)
    return answer, lambda told: told["name"], is_there


def _resumable(http: httpx.Client, mesh: Mesh, number: int) -> Write:
    content = picture(number)
    answer = http.post("/v1/uploads", json={"filename": f"{number}.png"})
    if answer.is_success:
        answer = http.put(f"/v1/{answer.json()['name']}:append", params={"offset": 0}, content=content)

    def is_there(told: Any, later: httpx.Client) -> bool:
        found = later.get(f"/v1/{told['name']}").json()
        return int(found.get("committed_bytes", 0)) == len(content)

    return answer, lambda told: told["name"], is_there


def write_many(mesh: Mesh, numbers: range, ledger: Ledger, callers: int, before: Callable[[int], None]) -> None:
    """Makes a write for each number, several at once; `before` is told of each as it begins."""
    waiting = iter(numbers)
    turn = threading.Lock()

    def call() -> None:
        with httpx.Client(base_url=mesh.url, timeout=PATIENCE_SECONDS) as http:
            while True:
                with turn:
                    number = next(waiting, None)
                if number is None:
                    return
                before(number)
                refused = ledger.refused.total()
                write(http, mesh, number, ledger)
                if ledger.refused.total() > refused:
                    time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=call) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def recovers(mesh: Mesh, within_seconds: float = 60) -> None:
    """Waits until every service answers."""
    for method, path in (("POST", "/v1/measurements"), ("GET", "/v1/media"), ("GET", "/v1/models")):
        eventually(partial(_answers, mesh, method, path), within_seconds)


def _answers(mesh: Mesh, method: str, path: str) -> bool:
    return httpx.request(method, f"{mesh.url}{path}", timeout=PATIENCE_SECONDS).is_success


def unsettled(http: httpx.Client) -> list[str]:
    """The drops and media that still wait or are worked on."""
    return [
        f"{entry['name']} {entry['state']}"
        for path, state in (("/v1/receipts", "NEW"), ("/v1/media", "NEW"), ("/v1/media", "PROCESSING"))
        for entry in http.get(path, params={"state": state}).raise_for_status().json()[path.rpartition("/")[2]]
    ]
