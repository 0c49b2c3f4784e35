"""Requests and replies as a profile writes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dropmesh.classify_dir.pictures import Picture
from dropmesh.v1 import classification_pb2
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format


class ReplyUnreadable(Exception):
    """A reply that names no image, or does not have the form of the profile."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label of an image; a classifier without scores gives none."""

    label: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Reply:
    """A classifier's answer about an image: labels, the most certain one first, or an error."""

    image_id: str
    labels: tuple[Label, ...] = ()
    model: str | None = None
    elapsed: timedelta | None = None
    error: str | None = None


def encode_request(profile: Profile, picture: Picture, labels: int) -> bytes:
    """The body of a request."""
    match profile.requests.body:
        case Profile.BINARY:
            return picture.content
        case Profile.MESSAGE:
            request = classification_pb2.ClassificationRequest(
                image_id=picture.id,
                image=picture.content,
                file_name=picture.name,
                content_type=picture.content_type,
                size_bytes=len(picture.content),
                sha256=picture.sha256,
                width=picture.width,
                height=picture.height,
                labels=labels,
            )
            return json_format.MessageToJson(request, preserving_proto_field_name=True, indent=None).encode()
    values: dict[str, str | int] = {
        "image": base64.b64encode(picture.content).decode(),
        "id": picture.id,
        "file_name": picture.name,
        "content_type": picture.content_type,
        "size_bytes": len(picture.content),
        "sha256": picture.sha256,
        "width": picture.width,
        "height": picture.height,
    }
    fields = profile.requests.fields
    return json.dumps({field: values[what] for what, field in fields.items()}).encode()


def decode_reply(profile: Profile, body: bytes, correlation_id: str | None) -> Reply:
    """Reads a reply; raises ReplyUnreadable."""
    matched = correlation_id if profile.replies.match == Profile.CORRELATION_ID else None
    if profile.replies.match == Profile.CORRELATION_ID and not matched:
        raise ReplyUnreadable("it has no correlation_id")
    try:
        if profile.replies.body == Profile.MESSAGE:
            return _from_message(body, matched)
        return _from_fields(profile.replies.fields, body, matched)
    except (ValueError, OverflowError, RecursionError, json_format.ParseError) as error:
        raise ReplyUnreadable(str(error)) from None


def _from_message(body: bytes, matched: str | None) -> Reply:
    reply = json_format.Parse(body, classification_pb2.ClassificationReply(), ignore_unknown_fields=True)
    image_id = matched or reply.image_id
    if not image_id:
        raise ValueError("it has no image_id")
    if reply.HasField("error"):
        return Reply(image_id, error=f"{reply.error.reason}: {reply.error.message}")
    if not reply.labels:
        return Reply(image_id, error="the classifier gave no label and no error")
    return Reply(
        image_id,
        tuple(Label(label.label, label.score) for label in reply.labels),
        f"{reply.model.model.removeprefix('models/')} {reply.model.version}".strip() or None,
        reply.elapsed.ToTimedelta() if reply.HasField("elapsed") else None,
    )


def _from_fields(fields: Mapping[str, str], body: bytes, matched: str | None) -> Reply:
    content: Any = json.loads(body)
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the sender's mistake
    values = {what: content.get(field) for what, field in fields.items()}
    image_id = matched or values.get("id")
    if image_id is None:
        raise ValueError(f"it has no {fields.get('id')}")
    if values.get("error"):
        return Reply(_text(image_id), error=_text(values["error"]))
    if values.get("label") is None:
        return Reply(_text(image_id), error=f"the reply has no {fields['label']}")
    score = values.get("score")
    label = Label(_text(values["label"]), float(score) if isinstance(score, int | float) else None)
    model = values.get("model")
    return Reply(_text(image_id), (label,), None if model is None else _text(model))


def _text(value: Any) -> str:
    """A value as text that SQLite can store: JSON may hold halves of characters."""
    return str(value).encode(errors="replace").decode()
