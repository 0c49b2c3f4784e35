"""Uploads of bytes that are here already, with other options: each gets what it asks for."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.e2e.mesh import Mesh, bearer, eventually
from tests.support.media_samples import image_bytes

CHOICES: list[dict[str, Any]] = [
    {"objects": objects, "mode": mode}
    for mode in ("BLUR", "MOSAIC", "GRADIENT")
    for objects in (["FACE"], ["PERSON"], ["LICENSE_PLATE"], ["VEHICLE"], ["FACE", "PERSON"], ["PERSON", "VEHICLE"])
]
UNSAID = {"mode": "MODE_UNSPECIFIED", "shape": "SHAPE_UNSPECIFIED", "color": ""}
# What a form has no fields for.
FINER: list[dict[str, Any]] = [
    {"margin": 0.25},
    {"feather": 0.1},
    {"shape": "BOX"},
    {"sound": "BEEP", "keep_metadata": ["CAPTURE_TIME", "CAMERA"]},
    {"class_options": [{"object_class": "FACE", "threshold": 0.5, **UNSAID}]},
    {"regions": [{"box": {"left": 1, "top": 1, "right": 9, "bottom": 9}, "end": "2s", "keyframes": []}]},
    {"exempt": [{"box": {"left": 1, "top": 1, "right": 9, "bottom": 9}, "keyframes": []}]},
]
Send = Callable[["Sender", bytes, dict[str, Any]], dict[str, Any]]


class Sender:
    """An owner of a mesh, and a caller without a token."""

    def __init__(self, owner: httpx.Client, anyone: httpx.Client) -> None:
        self.owner = owner
        self.anyone = anyone


@pytest.fixture
def sender(tokens_mesh: Mesh) -> Iterator[Sender]:
    token = tokens_mesh.token(f"owner-{uuid.uuid4().hex[:12]}")
    with (
        httpx.Client(base_url=tokens_mesh.url, headers=bearer(token), timeout=60) as owner,
        httpx.Client(base_url=tokens_mesh.url, timeout=60) as anyone,
    ):
        yield Sender(owner, anyone)


def result(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    (only,) = answer.json()["results"]
    found: dict[str, Any] = only
    return found


def directly(sender: Sender, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    plain = {f"anonymize.{name}": value for name, value in options.items()}
    return result(sender.owner.post("/v1/media", content=data, params=plain))


def by_form(sender: Sender, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    fields = {"objects": ",".join(options["objects"]).lower(), "mode": options["mode"].lower()}
    return result(sender.owner.post("/v1/media", data=fields, files={"photo": ("a.jpg", data)}))


def in_pieces(sender: Sender, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    name = sender.owner.post("/v1/uploads", json={"anonymize": options}).json()["name"]
    sender.owner.put(f"/v1/{name}:append", params={"offset": 0}, content=data).raise_for_status()
    return result(sender.owner.post(f"/v1/{name}:finish", json={}))


def through_an_invite(sender: Sender, data: bytes, options: dict[str, Any]) -> dict[str, Any]:
    made = sender.owner.post("/v1/invites", json={"anonymize": options})
    assert made.status_code == 201, made.text
    found = result(sender.anyone.post(made.json()["uri"], content=data))
    link = made.json()["uri"].removesuffix("/media")
    told = sender.anyone.get(f"{link}/{found['media']['name']}").json()
    assert told["anonymize"] == found["media"]["anonymize"]
    return found


WAYS: dict[str, tuple[Send, list[dict[str, Any]]]] = {
    "direct": (directly, [*CHOICES, *({"margin": number / 20} for number in range(3, 10))]),
    "form": (by_form, [*CHOICES, *CHOICES[:7]]),
    "resumable": (in_pieces, [*CHOICES, *FINER]),
    "invite": (through_an_invite, [*CHOICES, *FINER]),
}


def asked(options: dict[str, Any]) -> dict[str, Any]:
    """What an answer must say of these options."""
    return {"objects": ["FACE", "LICENSE_PLATE"], "mode": "GRADIENT", "margin": 0.1, "feather": 0, **options}


@pytest.mark.parametrize("way", WAYS)
def test_every_upload_again_with_other_options_gets_what_it_asks_for(sender: Sender, way: str) -> None:
    send, choices = WAYS[way]
    assert len(choices) == 25
    data = image_bytes("jpeg") + os.urandom(16)
    first = result(sender.owner.post("/v1/media", content=data))
    names = {json.dumps(asked({}), sort_keys=True): first["media"]["name"]}
    for options in choices:
        found = send(sender, data, options)
        shown, expected = found["media"]["anonymize"], asked(options)
        assert {name: shown[name] for name in expected} == expected
        key = json.dumps(expected, sort_keys=True)
        assert found["duplicate"] == (key in names)
        assert names.setdefault(key, found["media"]["name"]) == found["media"]["name"]
        stored = sender.owner.get(f"/v1/{found['media']['name']}").json()
        assert {name: stored["anonymize"][name] for name in expected} == expected
        assert stored["original"]["sha256"] == first["media"]["original"]["sha256"]
    assert len(set(names.values())) == len(names)
    statistics = sender.owner.get("/v1/statistics").json()
    assert (statistics["media_count"], statistics["duplicate_count"]) == (str(len(names)), str(26 - len(names)))
    for name in names.values():
        assert sender.owner.get(f"/v1/{name}/original").content == data
        sender.owner.delete(f"/v1/{name}").raise_for_status()
        assert sender.owner.get(f"/v1/{name}/original").status_code == 410


def test_options_that_another_media_of_the_bytes_has_are_refused(sender: Sender) -> None:
    data = image_bytes("png") + os.urandom(16)
    blurred, solid = (directly(sender, data, {"mode": mode})["media"]["name"] for mode in ("BLUR", "SOLID"))
    answer = sender.owner.post(f"/v1/{blurred}:process", json={"anonymize": {"mode": "SOLID"}})
    assert answer.status_code == 409
    assert answer.json()["details"][0]["reason"] == "MEDIA_EXISTS"
    assert answer.json()["details"][0]["metadata"]["name"] == solid
    sender.owner.post(f"/v1/{blurred}:process", json={"anonymize": {"mode": "MOSAIC"}}).raise_for_status()
    assert directly(sender, data, {"mode": "MOSAIC"})["media"]["name"] == blurred
    assert not directly(sender, data, {"mode": "BLUR"})["duplicate"]


def test_each_media_of_the_same_bytes_has_a_result_of_its_own(sender: Sender) -> None:
    data = image_bytes("png", size=(64, 48)) + os.urandom(16)
    region = {"box": {"left": 8, "top": 8, "right": 40, "bottom": 40}}
    names = [
        in_pieces(sender, data, {"mode": "SOLID", "regions": regions})["media"]["name"] for regions in ([], [region])
    ]
    eventually(lambda: all(sender.owner.get(f"/v1/{name}").json()["state"] == "PROCESSED" for name in names), 120)
    plain, covered = (sender.owner.get(f"/v1/{name}/anonymized").content for name in names)
    assert plain != covered
    thumbnails = {sender.owner.get(f"/v1/{name}/thumbnail").headers["etag"] for name in names}
    assert len(thumbnails) == 2
