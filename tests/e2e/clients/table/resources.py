"""What the requests of one client are about: made over REST before its turn, so that no client uses up another's."""

from __future__ import annotations

import hashlib
import json
import math
import time
import uuid
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import httpx

from tests.support.media_samples import image_bytes

SECONDS = 60


class Made:
    """Makes resources by calls that must succeed."""

    def __init__(self, http: httpx.Client, client: str, number: int) -> None:
        self._http = http
        self._client = client
        self._number = number

    def all(self) -> dict[str, str]:
        """The resources by their names in the rows."""
        photo, other = self._photo("one"), self._photo("two")
        found = {"photo": _base64(photo), "other_photo": _base64(other), "sha256": hashlib.sha256(photo).hexdigest()}
        return {**found, **self._media(), **self._uploads(), **self._links(), **self._drops(), **self._others()}

    def call(self, verb: str, path: str, **more: Any) -> Any:
        """Calls a method; returns what it answers."""
        answer = self._http.request(verb, f"/v1/{path}", **more)
        assert answer.is_success, f"{verb} {path}: {answer.text}"
        return answer.json()

    def _photo(self, word: str) -> bytes:
        # What follows a picture makes it another content, with the same pixels.
        return image_bytes("jpeg", size=(320, 240)) + f"{self._client} {word}".encode()

    def _media(self) -> dict[str, str]:
        kinds = ("media", "media_again", "media_doomed")
        names = {kind: self._uploaded(self._photo(kind)) for kind in kinds}
        for name in names.values():
            self._until(lambda name=name: self.call("GET", name)["state"] == "PROCESSED")
        cancel_id = str(uuid.uuid4())
        return {**names, "media_cancelled": self._cancelled(cancel_id), "cancel_id": cancel_id}

    def _uploaded(self, content: bytes) -> str:
        return str(self.call("POST", "media", content=content)["results"][0]["media"]["name"])

    def _cancelled(self, request_id: str) -> str:
        """A media whose processing was cancelled in time by this request."""
        picture = image_bytes("png", size=(2400, 1800))
        for attempt in range(20):
            name = self._uploaded(picture + f"{self._client} {attempt}".encode())
            answer = self._http.post(f"/v1/{name}:cancel", json={"request_id": request_id})
            if answer.is_success:
                return name
        raise AssertionError("no media was cancelled in time")

    def _uploads(self) -> dict[str, str]:
        names = {
            kind: self.call("POST", "uploads", json={"filename": "a.jpg"})["name"]
            for kind in ("upload", "upload_full", "upload_doomed")
        }
        full = names["upload_full"]
        self.call("PUT", f"{full}:append", params={"offset": 0}, content=self._photo("pieces"))
        return names

    def _links(self) -> dict[str, str]:
        made = {
            kind: self.call("POST", "invites", json={"ttl": "3600s", "download": "ALL"})
            for kind in ("invite", "invite_revoked", "invite_doomed")
        }
        link = made["invite"]["uri"].rpartition("/invites/")[2].removesuffix("/media")
        sent = self.call("POST", f"invites/{link}/media", content=self._photo("sent"))["results"][0]["media"]["name"]
        self._until(lambda: self.call("GET", sent)["state"] == "PROCESSED")
        return {kind: invite["name"] for kind, invite in made.items()} | {"link": link, "sent": sent}

    def _drops(self) -> dict[str, str]:
        names = {}
        for hour, kind in ((10, "measurement"), (11, "measurement_doomed"), (12, "of_doomed_receipt")):
            instant = f"2019-05-01T{hour}:0{self._number}:00Z"
            dropped = self.call("POST", "measurements", params={"wait": "10s"}, content=_drop(instant))
            names[kind] = f"measurements/{instant}"
            names[f"receipt of {kind}"] = dropped["receipt"]["name"]
        self.call("POST", f"sources/{self._client}/measurements", content=_drop("2019-05-01T10:00:00Z"), params=WAIT)
        bad = self.call("POST", "measurements", content=b"not JSON")["receipt"]["name"]
        self._until(lambda: self.call("GET", bad)["state"] == "QUARANTINED")
        return {
            "measurement": names["measurement"],
            "measurement_doomed": names["measurement_doomed"],
            "receipt": names["receipt of measurement"],
            "receipt_doomed": names["receipt of of_doomed_receipt"],
            "receipt_bad": bad,
            "source": f"sources/{self._client}",
            "drop": _base64(_drop(f"2019-05-01T13:0{self._number}:00Z")),
        }

    def _others(self) -> dict[str, str]:
        wave = [math.sin(place / 5) for place in range(600)]
        points = {"values": wave, "sample_rate_hz": 100, "start_time": "2026-01-01T00:00:00Z"}
        kinds = ("series", "series_longer", "series_doomed")
        series = {kind: self.call("POST", "series", json=points)["name"] for kind in kinds}
        url = {"url": "https://example.com/events", "disabled": True}
        webhooks = {kind: self.call("POST", "webhooks", json=url)["name"] for kind in ("webhook", "webhook_doomed")}
        return {
            **series,
            **webhooks,
            "points": _base64(json.dumps(points).encode()),
            "more_points": _base64(b'{"values": [0.5, -0.1]}'),
            "lines": _base64(f"pump,client={self._client} level=1.5 1700000000000000000".encode()),
            "stranger": f"stranger-of-{self._client}",
            "erasure": self.call("POST", f"owners/gone-for-{self._client}:erase", json={})["name"],
            "model": self.call("GET", "models")["models"][0]["name"],
        }

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.1)


WAIT = {"wait": "10s"}


def _drop(instant: str) -> bytes:
    return json.dumps({"time_stamp": instant, "data": [0.5, 1.5]}).encode()


def _base64(data: bytes) -> str:
    return b64encode(data).decode()


def filled(value: Any, resources: dict[str, str]) -> Any:
    """A request with the resources in the places of their names."""
    if isinstance(value, dict):
        return {key: filled(inner, resources) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, resources) for inner in value]
    if isinstance(value, str) and value.startswith("{"):
        return resources[value[1:-1]]
    return value
