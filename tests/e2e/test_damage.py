"""Lost or damaged bytes, as a caller of the edge meets them: said, never served whole, and repaired by an upload."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from services.common.objects import Objects
from services.common.settings.reading import load_settings
from services.common.stores.open import open_objects
from tests.e2e.mesh import Mesh
from tests.support.pictures import encode

CUT_BYTES = 2_100_000


@pytest.fixture
def owner(mesh: Mesh) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=mesh.url, timeout=60) as client:
        yield client


def large_photo() -> bytes:
    """A picture of more than one chunk, of pixels that compress badly."""
    pixels = np.frombuffer(os.urandom(1100 * 1000 * 3), np.uint8).reshape(1000, 1100, 3)
    return encode(Image.fromarray(pixels), "PNG")


def damage(mesh: Mesh, content: dict[str, Any], data: bytes) -> None:
    """Puts other bytes in the place of a media's original."""

    async def put() -> None:
        objects: Objects = await open_objects(load_settings(mesh.environment))
        try:
            after = None
            while page := await objects.list("contents/", after=after):
                after = page[-1].key
                for info in page:
                    if info.size_bytes == int(content["size_bytes"]):
                        await objects.put(info.key, data)
        finally:
            await objects.close()

    asyncio.run(put())


def raw_answers(mesh: Mesh, requests: str) -> bytes:
    """What a connection gets for some requests, until the edge closes it."""
    answers = b""
    with socket.create_connection(("127.0.0.1", mesh.port), timeout=5) as connection:
        connection.sendall(requests.encode())
        while received := connection.recv(1 << 20):
            answers += received
    return answers


def test_a_body_that_breaks_off_ends_its_connection(mesh: Mesh, owner: httpx.Client) -> None:
    data = large_photo()
    media = owner.post("/v1/media", content=data).raise_for_status().json()["results"][0]["media"]
    damage(mesh, media["original"], data[:CUT_BYTES])
    get = f"GET /v1/{media['name']}/original HTTP/1.1\r\nhost: {mesh.address}\r\n\r\n"
    answers = raw_answers(mesh, get + get)
    assert answers.count(b"HTTP/1.1") == 1
    assert len(answers) < CUT_BYTES + 2000
    head = owner.head(f"/v1/{media['name']}/original")
    assert head.status_code == 500


def test_an_error_to_head_has_no_body(mesh: Mesh) -> None:
    head = f"HEAD /v1/media/none/original HTTP/1.1\r\nhost: {mesh.address}\r\n"
    answers = raw_answers(mesh, f"{head}\r\n{head}connection: close\r\n\r\n")
    assert answers.count(b"HTTP/1.1 404") == 2
    assert b"MEDIA_NOT_FOUND" not in answers


def raw(owner: httpx.Client, data: bytes, admin: dict[str, str]) -> Any:
    return owner.post("/v1/media", content=data)


def form(owner: httpx.Client, data: bytes, admin: dict[str, str]) -> Any:
    return owner.post("/v1/media", files={"photo": ("photo.png", data)})


def resumable(owner: httpx.Client, data: bytes, admin: dict[str, str]) -> Any:
    name = owner.post("/v1/uploads", json={}).raise_for_status().json()["name"]
    for start in range(0, len(data), 1 << 20):
        piece = data[start : start + (1 << 20)]
        owner.put(f"/v1/{name}:append", params={"offset": start}, content=piece).raise_for_status()
    return owner.post(f"/v1/{name}:finish", json={})


def invited(owner: httpx.Client, data: bytes, admin: dict[str, str]) -> Any:
    invite = owner.post("/v1/invites", json={"ttl": "600s"}, headers=admin).raise_for_status().json()
    return owner.post(httpx.URL(invite["uri"]).path, content=data)


@pytest.mark.parametrize("send", [raw, form, resumable, invited])
def test_every_way_of_uploading_repairs(
    mesh: Mesh, owner: httpx.Client, send: Callable[[httpx.Client, bytes, dict[str, str]], Any]
) -> None:
    data = large_photo()
    result = send(owner, data, mesh.admin).raise_for_status().json()["results"][0]
    media = owner.get(f"/v1/{result['media']['name']}", headers=mesh.admin).raise_for_status().json()
    damage(mesh, media["original"], data[:-1] + b"!")
    again = send(owner, data, mesh.admin).raise_for_status().json()["results"][0]
    assert (again["duplicate"], again["repaired"], again["media"]["name"]) == (True, True, media["name"])
    assert owner.get(f"/v1/{media['name']}/original", headers=mesh.admin).content == data
