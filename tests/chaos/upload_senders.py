"""Callers that upload by every way in while ingest dies under them, and remember what was acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.support.media_samples import image_bytes

PART_BYTES = 64 * 1024
MOST_BYTES = 12 * 1024 * 1024
MULTIPART = {"content-type": "multipart/form-data; boundary=chaos"}
CREATED = 201
PHOTO = image_bytes("jpeg")


@dataclass
class Sent:
    """What was acknowledged, as sha256 by the media's name, and what a caller found wrong at once."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    unacknowledged: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, results: list[dict[str, Any]], files: list[bytes]) -> None:
        """Notes the media of an answer."""
        for result, file in zip(results, files, strict=True):
            if "media" in result:
                self.acknowledged[result["media"]["name"]] = hashlib.sha256(file).hexdigest()
            else:
                self.unacknowledged += 1


class Sender:
    """One caller with one way in. A file that was not acknowledged is sent again or given up, as chance has it."""

    def __init__(self, http: httpx.AsyncClient, way: str, link: str, seed: int, sent: Sent) -> None:
        self._http = http
        self._way = way
        self._link = link
        self._chance = random.Random(f"{seed} {way}")
        self._sent = sent

    async def run(self, stopping: threading.Event) -> None:
        """Uploads until told to stop; what is under way then is brought to its end."""
        send: Callable[[list[bytes]], Any] = {
            "raw": self._raw,
            "multipart": self._multipart,
            "invite": self._invite,
            "resumable": self._resumable,
        }[self._way]
        while not stopping.is_set():
            files = [self._file() for _ in range(2 if self._way == "multipart" else 1)]
            while not await self._accepted(send, files):
                if stopping.is_set() or self._chance.random() < 0.5:
                    break

    async def _accepted(self, send: Callable[[list[bytes]], Any], files: list[bytes]) -> bool:
        try:
            answer: httpx.Response = await send(files)
        except httpx.HTTPError:
            answer = httpx.Response(503)
        if answer.status_code == CREATED:
            self._sent.take(answer.json()["results"], files)
            return True
        self._sent.unacknowledged += len(files)
        if answer.status_code < 500:
            self._sent.faults.append(f"{self._way}: {answer.status_code} {answer.text[:200]}")
        await asyncio.sleep(0.1)
        return False

    def _file(self) -> bytes:
        # A photo and something behind its end, mostly little: both the short and the long way of the bytes are taken.
        size_bytes = int(MOST_BYTES ** self._chance.uniform(0.5, 1))
        return PHOTO + self._chance.randbytes(size_bytes)

    async def _raw(self, files: list[bytes]) -> httpx.Response:
        return await self._http.post("/v1/media", content=slowly(files[0]))

    async def _multipart(self, files: list[bytes]) -> httpx.Response:
        return await self._http.post("/v1/media", content=slowly(multipart(files)), headers=MULTIPART)

    async def _invite(self, files: list[bytes]) -> httpx.Response:
        return await self._http.post(self._link, content=slowly(multipart(files)), headers=MULTIPART)

    async def _resumable(self, files: list[bytes]) -> httpx.Response:
        """Goes on with one upload through all kills: what it acknowledged, it has to know."""
        created = await self._http.post("/v1/uploads", json={})
        if created.status_code != CREATED:
            return created
        name, acknowledged = created.json()["name"], 0
        while acknowledged < len(files[0]):
            upload = await self._until_answered("GET", f"/v1/{name}")
            committed = int(upload.json().get("committed_bytes", 0))
            if committed < acknowledged:
                self._sent.faults.append(f"{name} has {committed} bytes, and acknowledged {acknowledged}")
            piece = files[0][committed : committed + self._chance.randrange(1, MOST_BYTES // 2)]
            acknowledged = committed
            try:
                url = f"/v1/{name}:append?offset={committed}"
                appended = await self._http.put(url, content=slowly(piece))
            except httpx.HTTPError:
                continue
            if appended.status_code == 200:
                acknowledged = int(appended.json()["committed_bytes"])
        return await self._until_answered("POST", f"/v1/{name}:finish")

    async def _until_answered(self, method: str, url: str) -> httpx.Response:
        while True:
            try:
                answer = await self._http.request(method, url, json={} if method == "POST" else None)
            except httpx.HTTPError:
                answer = httpx.Response(503)
            if answer.status_code < 500:
                return answer
            await asyncio.sleep(0.1)


def multipart(files: list[bytes]) -> bytes:
    """A form of these files."""
    head = b'--chaos\r\ncontent-disposition: form-data; name="f"; filename="f.jpg"\r\n\r\n'
    return b"".join(head + file + b"\r\n" for file in files) + b"--chaos--\r\n"


async def slowly(data: bytes) -> AsyncIterator[bytes]:
    """Bytes with a little time between them, so that a kill may fall there."""
    for start in range(0, len(data), PART_BYTES):
        yield data[start : start + PART_BYTES]
        await asyncio.sleep(0.002)
