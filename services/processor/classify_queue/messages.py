"""Requests and replies as a profile writes them."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dropmesh.v1 import classification_pb2, error_reason_pb2, model_pb2, object_pb2
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

from services.common.base.errors import DropmeshError, InvalidArgument
from services.common.base.names import resource_name
from services.common.rpc.request_rules import Rules
from services.processor.media.job_results import ClassificationResult

LABELS = 5
_PLATFORM = "{platform}"
# RabbitMQ makes these names for a requester: of an exclusive queue, and of its direct replies.
_MADE_FOR_REQUESTERS = ("amq.gen-", "amq.rabbitmq.reply-to.")
_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Request:
    """An image to classify; its id is the sender's, of any JSON type."""

    image_id: Any
    image: bytes
    labels: int


def decode_request(profile: Profile, body: bytes, correlation_id: str | None) -> Request:
    """Reads a message; raises InvalidArgument, which names the field, for one that can never be answered."""
    if profile.requests.body == Profile.BINARY:
        return Request(_required(correlation_id, "correlation_id"), _required(body, "body"), LABELS)
    if profile.requests.body == Profile.MESSAGE:
        message = _parse(body)
        _RULES.check(message)
        return Request(message.image_id, message.image, message.labels or LABELS)
    fields = profile.requests.fields
    content = _json_object(body)
    image_id = content.get(fields["id"]) if "id" in fields else correlation_id
    try:
        image = base64.b64decode(_required(content.get(fields["image"]), fields["image"]), validate=True)
    except (ValueError, TypeError):
        raise _malformed(f"{fields['image']}: this is no base64") from None
    return Request(_required(image_id, fields.get("id", "correlation_id")), _required(image, fields["image"]), 1)


def reply_queue(profile: Profile, reply_to: str | None) -> str:
    """The queue for a reply; raises InvalidArgument if the request names one that is not for replies."""
    replies = profile.replies
    if not replies.reply_to:
        return replies.queue.name
    name = _required(reply_to, "reply_to")
    allowed = re.escape(replies.queue.name).replace(re.escape(_PLATFORM), r"[\w.-]+")
    if not re.fullmatch(allowed, name) and not name.startswith(_MADE_FOR_REQUESTERS):
        raise InvalidArgument(
            error_reason_pb2.INVALID_FIELD,
            f"reply_to: {name} is no queue for replies; it must be {replies.queue.name}, or named by RabbitMQ",
            metadata={"field": "reply_to"},
        )
    return str(name)


def id_of_unreadable(profile: Profile, body: bytes, correlation_id: str | None) -> Any:
    """The image that a message which cannot be read is about, as far as that can be known."""
    if profile.replies.match == Profile.CORRELATION_ID:
        return correlation_id
    try:
        return _json_object(body).get(profile.requests.fields["id"])
    except InvalidArgument:
        return None


def encode_reply(profile: Profile, image_id: Any, said: ClassificationResult, elapsed: timedelta) -> bytes:
    """The labels of an image."""
    if profile.replies.body == Profile.MESSAGE:
        model = said.model
        reply = classification_pb2.ClassificationReply(
            image_id=str(image_id),
            labels=[object_pb2.Label(label=label.label, score=label.score) for label in said.labels],
            model=model_pb2.ModelVersion(
                model=resource_name("models", model.model), version=model.version, sha256=model.sha256
            ),
        )
        reply.elapsed.FromTimedelta(elapsed)
        return _json(reply)
    best = said.labels[0]
    values = {"id": image_id, "label": best.label, "score": best.score, "model": said.model.model}
    fields = profile.replies.fields
    return json.dumps({field: values[what] for what, field in fields.items() if what in values}).encode()


def encode_error(profile: Profile, image_id: Any, error: DropmeshError) -> bytes | None:
    """Why an image has no labels; None where the profile has no word for it."""
    if profile.replies.body == Profile.MESSAGE:
        reason = error_reason_pb2.ErrorReason.Name(error.reason)
        said = classification_pb2.ClassificationError(reason=reason, message=error.message)
        return _json(classification_pb2.ClassificationReply(image_id=str(image_id), error=said))
    fields = profile.replies.fields
    if "error" not in fields:
        return None
    values = {"id": image_id, "error": error.message}
    return json.dumps({field: values[what] for what, field in fields.items() if what in values}).encode()


def _parse(body: bytes) -> classification_pb2.ClassificationRequest:
    try:
        return json_format.Parse(body, classification_pb2.ClassificationRequest(), ignore_unknown_fields=True)
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise _malformed(f"body: {error}") from None


def _json(message: classification_pb2.ClassificationReply) -> bytes:
    return json_format.MessageToJson(message, preserving_proto_field_name=True, indent=None).encode()


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _malformed(f"body: {error}") from None
    if not isinstance(content, dict):
        raise _malformed("body: this is no JSON object")
    return content


def _required(value: Any, field: str) -> Any:
    if value in (None, "", b""):
        raise _malformed(f"{field}: missing")
    return value


def _malformed(message: str) -> InvalidArgument:
    return InvalidArgument(error_reason_pb2.REQUEST_MALFORMED, message)
