"""Callers that drop and read through the edge while services are killed, beside those that upload."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

FIRST_SECONDS = 1_600_000_000
PAUSE_SECONDS = 0.05
REFUSED_PAUSE_SECONDS = 0.1


@dataclass
class Dropped:
    """The acknowledged drops: receipt, instant, mean."""

    acknowledged: list[tuple[str, str, float]] = field(default_factory=list)


class DropCaller:
    """Drops one reading after another, each with a request id until it is acknowledged."""

    def __init__(self, http: httpx.AsyncClient, number: int, dropped: Dropped) -> None:
        self._http = http
        self._seconds = FIRST_SECONDS + number * 10_000_000
        self._dropped = dropped

    async def run(self, stopping: threading.Event) -> None:
        """Drops until the event is set."""
        while not stopping.is_set():
            self._seconds += 1
            instant = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._seconds))
            # Every tenth is large, and its raw bytes are an object.
            value = f'{{"time_stamp": "{instant}", "data": [{self._seconds}, {self._seconds + 2}]}}'
            body = value.ljust(70_000) if self._seconds % 10 == 0 else value
            parameters = {"request_id": str(uuid.uuid4())}
            receipt = await self._acknowledged(body, parameters)
            self._dropped.acknowledged.append((receipt, instant, float(self._seconds + 1)))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _acknowledged(self, body: str, parameters: dict[str, str]) -> str:
        while True:
            try:
                answer = await self._http.post("/v1/measurements", content=body, params=parameters)
            except httpx.HTTPError:
                answer = httpx.Response(503)
            if answer.is_success:
                return str(answer.json()["receipt"]["name"])
            await asyncio.sleep(REFUSED_PAUSE_SECONDS)


class Reader:
    """Downloads acknowledged originals: what comes whole is right."""

    def __init__(self, http: httpx.AsyncClient, acknowledged: Mapping[str, str], seed: int) -> None:
        self.reads = 0
        self.faults: list[str] = []
        self._http = http
        self._acknowledged = acknowledged
        self._chance = random.Random(f"{seed} reader")  # noqa: S311 - no secret

    async def run(self, stopping: threading.Event) -> None:
        """Reads until the event is set."""
        while not stopping.is_set():
            await asyncio.sleep(PAUSE_SECONDS)
            if not self._acknowledged:
                continue
            name, sha256 = self._chance.choice(list(self._acknowledged.items()))
            try:
                answer = await self._http.get(f"/v1/{name}/original")
            except httpx.HTTPError:
                # It broke off, and says so.
                continue
            if answer.status_code == 404:
                self.faults.append(f"{name} is not found")
            elif answer.is_success:
                self.reads += 1
                if hashlib.sha256(answer.content).hexdigest() != sha256:
                    self.faults.append(f"{name} came whole with other bytes")

    @staticmethod
    async def fault(http: httpx.AsyncClient, name: str, sha256: str) -> str | None:
        """Returns what is wrong with an original, once the kills have ended."""
        answer = await http.get(f"/v1/{name}/original")
        if not answer.is_success:
            return f"{name}: its original answers {answer.status_code} {answer.text[:200]}"
        is_same = hashlib.sha256(answer.content).hexdigest() == sha256
        return None if is_same else f"{name} has other bytes than were acknowledged"
