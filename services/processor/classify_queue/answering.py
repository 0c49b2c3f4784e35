"""Decides what becomes of a request: a reply, a refusal with its reason, or another attempt. It knows no RabbitMQ."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from services.common.base.errors import (
    DropmeshError,
    FailedPrecondition,
    InvalidArgument,
    ResourceExhausted,
    Unavailable,
)
from services.common.workers.errors import JobCrashed
from services.processor.classify_queue.messages import (
    Request,
    decode_request,
    encode_error,
    encode_reply,
    id_of_unreadable,
    reply_queue,
)
from services.processor.media.job_results import ClassificationResult
from services.processor.media.machine import cause_of

Classify = Callable[[bytes, int], Awaitable[ClassificationResult]]
"""Labels an image, with at most so many of them."""

ATTEMPTS_MOST = 5
_SOUND_IMAGE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c49444154789c63606060000000040001f61738550000000049454e44ae426082"
)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """A message from the queue of requests; `attempts` is how often it has failed."""

    body: bytes
    correlation_id: str | None
    reply_to: str | None
    attempts: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply and its queue."""

    body: bytes
    queue: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The labels."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Refused:
    """The request can never be answered. The requester gets the reason if the profile has a place for it."""

    reason: str
    reply: Reply | None
    attempts: int


@dataclass(frozen=True, slots=True)
class PutBack:
    """Another attempt may succeed."""

    cause: str
    attempts: int


Outcome: TypeAlias = Answered | Refused | PutBack


class Answering:
    """Answers requests as a profile says.

    An attempt counts only if the request alone fails: after a failure the classifier must label a sound image. So a
    worker process that cannot start costs no request an attempt, and an image that crashes each process is refused.
    """

    def __init__(self, profile: Profile, classify: Classify, *, max_bytes: int) -> None:
        self._profile = profile
        self._classify = classify
        self._max_bytes = max_bytes

    async def answer(self, received: Received) -> Outcome:
        """Raises nothing: any failure is an outcome."""
        try:
            request = self._decode(received)
            queue = reply_queue(self._profile, received.reply_to)
        except InvalidArgument as error:
            image_id = id_of_unreadable(self._profile, received.body, received.correlation_id)
            return self._refused(received, image_id, error)
        began = time.monotonic()
        try:
            said = await self._classify(request.image, request.labels)
        except InvalidArgument as error:
            return self._refused(received, request.image_id, error)
        except Exception as error:  # noqa: BLE001 - the message must neither be lost nor end the others
            return await self._failed(received, request, error)
        elapsed = timedelta(seconds=time.monotonic() - began)
        return Answered(Reply(encode_reply(self._profile, request.image_id, said, elapsed), queue))

    async def _failed(self, received: Received, request: Request, error: Exception) -> Outcome:
        log.warning("an attempt to label an image failed", extra={"image": request.image_id, "cause": cause_of(error)})
        is_of_machine = isinstance(error, (Unavailable, ResourceExhausted, MemoryError, OSError))
        if is_of_machine or await fault_of(self._classify):
            return PutBack(cause_of(error), received.attempts)
        if isinstance(error, FailedPrecondition) and not isinstance(error, JobCrashed):
            return self._refused(received, request.image_id, error)
        attempts = received.attempts + 1
        if attempts < ATTEMPTS_MOST:
            return PutBack(cause_of(error), attempts)
        if not isinstance(error, DropmeshError):
            text = f"each of {ATTEMPTS_MOST} attempts failed, the last one with {cause_of(error)}"
            error = FailedPrecondition(reasons.PROCESSING_GIVEN_UP, text)
        return self._refused(received, request.image_id, error)

    def _decode(self, received: Received) -> Request:
        request = decode_request(self._profile, received.body, received.correlation_id)
        if len(request.image) > self._max_bytes:
            raise InvalidArgument(
                reasons.MEDIA_TOO_LARGE,
                f"image: {len(request.image)} bytes, and an image has {self._max_bytes} at most",
                metadata={"limit_bytes": str(self._max_bytes), "kind": "image"},
            )
        return request

    def _refused(self, received: Received, image_id: Any, error: DropmeshError) -> Refused:
        reason = f"{reasons.ErrorReason.Name(error.reason)}: {error.message}"
        body = None if image_id is None else encode_error(self._profile, image_id, error)
        try:
            reply = None if body is None else Reply(body, reply_queue(self._profile, received.reply_to))
        except InvalidArgument:
            # It names no queue that may get a reply.
            reply = None
        return Refused(reason, reply, received.attempts + 1)


async def fault_of(classify: Classify) -> Exception | None:
    """Returns what keeps the classifier from labelling a sound image; None if nothing does."""
    try:
        await classify(_SOUND_IMAGE, 1)
    except Exception as error:  # noqa: BLE001 - any failure is the answer
        return error
    return None
