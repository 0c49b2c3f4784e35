"""Processing as a user meets it: a person's own corrections, progress, cancellation, and who waits for whom."""

from __future__ import annotations

import io
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.e2e.mesh import eventually, running_mesh
from tests.support.media_samples import image_bytes, video_bytes

ENDED = {"PROCESSED", "FAILED"}
WORKERS = 2


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    """A mesh with two worker processes."""
    with (
        tempfile.TemporaryDirectory(prefix="dropmesh-") as data,
        running_mesh(Path(data), {"DROPMESH_WORKERS": str(WORKERS)}) as mesh,
        httpx.Client(base_url=mesh.url, timeout=60) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def face(shared_data: Path) -> Image.Image:
    """A picture with a face."""
    with av.open(str(shared_data / "media" / "videos" / "faces_stage.mp4")) as container:
        frames = container.decode(video=0)
        picture = next(frame for number, frame in enumerate(frames) if number == 100)
        return picture.to_image()


def upload(http: httpx.Client, content: bytes, **options: str) -> str:
    answer = http.post("/v1/media", content=content, params=options)
    assert answer.status_code == 201, answer.text
    name: str = answer.json()["results"][0]["media"]["name"]
    return name


def settled(http: httpx.Client, name: str) -> dict[str, Any]:
    """The media once the processor is done with it."""
    last: dict[str, Any] = {}
    with http.stream("GET", f"/v1/{name}:watch") as answer:
        for line in answer.iter_lines():
            last = json.loads(line) if line else last
    return last


def again(http: httpx.Client, name: str, *exclude_objects: str, **options: object) -> dict[str, Any]:
    """The media once it was processed with other options, or without some of its objects."""
    body = {"anonymize": options} if options else {"exclude_objects": exclude_objects}
    http.post(f"/v1/{name}:process", json=body).raise_for_status()
    media = settled(http, name)
    assert media["state"] == "PROCESSED", media
    return media


def changes(http: httpx.Client, name: str, original: bytes) -> NDArray[np.int16]:
    """By how much each pixel of the anonymized content differs."""
    content = http.get(f"/v1/{name}/anonymized").raise_for_status().content
    before, after = (np.asarray(Image.open(io.BytesIO(one)).convert("RGB"), np.int16) for one in (original, content))
    return np.abs(before - after).max(axis=2)


def inside(box: dict[str, float]) -> tuple[slice, slice]:
    return slice(round(box["top"]), round(box["bottom"])), slice(round(box["left"]), round(box["right"]))


def test_a_person_corrects_what_was_covered(http: httpx.Client, face: Image.Image) -> None:
    out = io.BytesIO()
    face.save(out, "PNG")
    name = upload(http, out.getvalue(), objects="face")
    media = settled(http, name)
    assert media["state"] == "PROCESSED"
    first, *_, last = (step["step"] for step in media["processing"]["steps"])
    assert (first, last) == ("fetch", "store")
    found = http.get(f"/v1/{name}/objects").json()["objects"]
    assert found
    changed = changes(http, name, out.getvalue())
    assert all(changed[inside(one["box"])].mean() > 1 for one in found)
    assert not changed[:20].any()

    spared = found[0]
    assert again(http, name, spared["id"])["anonymize"]["exclude_objects"] == [spared["id"]]
    assert not changes(http, name, out.getvalue())[inside(spared["box"])].any()

    everywhere = {"left": 0, "top": 0, "right": face.width, "bottom": face.height}
    region = {"left": 8, "top": 4, "right": 40, "bottom": 24}
    again(http, name, objects=["FACE"], exempt=[{"box": everywhere}], regions=[{"box": region}], mode="SOLID")
    changed = changes(http, name, out.getvalue())
    drawn = np.zeros_like(changed, np.bool_)
    drawn[inside(region)] = True
    assert changed[drawn].any()
    assert not changed[~drawn].any()


def test_what_is_there_of_a_cut_off_photo_is_anonymized_with_a_warning(http: httpx.Client) -> None:
    whole = image_bytes("jpeg", size=(640, 480))
    media = settled(http, upload(http, whole[: len(whole) * 2 // 3]))
    assert media["state"] == "PROCESSED"
    assert any("ends early" in one["message"] for one in media["warnings"] if one["reason"] == "CONTENT_CHANGED")


def test_a_video_tells_how_far_it_is_ends_when_cancelled_and_can_be_processed_again(http: httpx.Client) -> None:
    name = upload(http, video_bytes("mp4", size=(320, 240), frames=600))
    told: list[dict[str, Any]] = []
    with http.stream("GET", f"/v1/{name}:watch") as answer:
        for line in answer.iter_lines():
            told += [json.loads(line)] if line else []
            if told[-1]["processing"]["progress"] > 0 and told[-1]["state"] == "PROCESSING":
                http.post(f"/v1/{name}:cancel", json={}).raise_for_status()
    assert (told[-1]["state"], told[-1]["processing"].get("error")) == ("CANCELLED", None)
    assert [media["name"] for media in http.get("/v1/media?state=cancelled").json()["media"]] == [name]
    under_way = [media["processing"] for media in told if media["processing"]["progress"] > 0]
    assert all(0 < int(one["frames_done"]) <= int(one["frames_total"]) == 600 for one in under_way)

    http.post(f"/v1/{name}:process", json={}).raise_for_status()
    media = settled(http, name)
    assert (media["state"], int(media["processing"]["frames_done"])) == ("PROCESSED", 600)


def test_no_photo_waits_behind_videos(http: httpx.Client) -> None:
    video = video_bytes("mp4", size=(640, 480), frames=1500)
    # What stands behind the end of a video is no part of it, and makes it another one.
    names = [upload(http, video + os.urandom(8)) for _ in range(WORKERS)]

    def states() -> list[str]:
        return [http.get(f"/v1/{name}").json()["state"] for name in names]

    eventually(lambda: "PROCESSING" in states())
    for _ in range(3):
        assert settled(http, upload(http, image_bytes("jpeg") + os.urandom(8)))["state"] == "PROCESSED"
    assert sorted(states()) == ["NEW", "PROCESSING"]
    for name in names:
        http.post(f"/v1/{name}:cancel", json={}).raise_for_status()
