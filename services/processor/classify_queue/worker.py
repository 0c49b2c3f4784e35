"""Answers requests for labels that come from RabbitMQ, several at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError, ChannelPreconditionFailed, DeliveryError
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

from services.common.base.errors import DropmeshError, FailedPrecondition, InvalidArgument
from services.common.base.telemetry import Metrics
from services.common.workers.errors import JobCrashed, JobFailed
from services.processor.classify_queue.messages import (
    Request,
    decode_request,
    encode_error,
    encode_reply,
    id_of_unreadable,
)
from services.processor.media.job_results import ClassificationResult

Classify = Callable[[bytes, int], Awaitable[ClassificationResult]]
"""Labels an image, at most so many of them."""

BROKEN = (AMQPError, ChannelInvalidStateError, ConnectionError, TimeoutError, OSError, RuntimeError)
REASON = "x-reason"
REPLY_SECONDS = 10.0
PAUSE_SECONDS = 1.0
ATTEMPTS_MOST = 3
log = logging.getLogger(__name__)


class ClassifyWorker:
    """Answers requests on the queues of a profile. Several workers may share the queues.

    A request is taken from its queue once RabbitMQ has confirmed the reply, or the dead letter with its reason.
    """

    def __init__(
        self, url: str, profile: Profile, classify: Classify, *, at_once: int, max_bytes: int, metrics: Metrics
    ) -> None:
        self._url = url
        self._profile = profile
        self._classify = classify
        # One more for each child is ready when it has finished one.
        self._prefetch = 2 * at_once
        self._max_bytes = max_bytes
        self._metrics = metrics

    async def run(self, stopping: asyncio.Event) -> None:
        """Answers until the event is set; an outage of RabbitMQ is waited out."""
        while not stopping.is_set():
            try:
                await self._session(stopping)
            except BROKEN as error:
                advice = "the queue has other arguments; see the profile" * isinstance(error, ChannelPreconditionFailed)
                log.warning("no requests for labels", extra={"cause": repr(error), "advice": advice})
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), PAUSE_SECONDS)

    async def _session(self, stopping: asyncio.Event) -> None:
        lost = asyncio.Event()
        connection = await aio_pika.connect(self._url, timeout=REPLY_SECONDS)
        try:
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            connection.close_callbacks.add(lambda *_: lost.set())
            channel.close_callbacks.add(lambda *_: lost.set())
            await channel.set_qos(prefetch_count=self._prefetch)
            if self._profile.dead.name:
                await _declare(channel, self._profile.dead)
            if not self._profile.replies.reply_to:
                await _declare(channel, self._profile.replies.queue)
            requests = await _declare(channel, self._profile.requests.queue)
            await requests.consume(lambda message: self._answer(channel, message, lost))
            log.info("answers requests for labels", extra={"queue": requests.name})
            waits = [asyncio.create_task(event.wait()) for event in (lost, stopping)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if lost.is_set():
                raise ConnectionError("the connection to RabbitMQ was lost")
        finally:
            # What is not answered goes back to the queue.
            with suppress(*BROKEN):
                await asyncio.wait_for(connection.close(), PAUSE_SECONDS)

    async def _answer(self, channel: AbstractChannel, message: AbstractIncomingMessage, lost: asyncio.Event) -> None:
        with self._metrics.work_in_progress.labels("classify").track_inprogress():
            try:
                outcome = await self._try(channel, message)
            except BROKEN:
                # Whether RabbitMQ has the answer is not known: with a new connection the request comes again.
                lost.set()
                outcome = "released"
        self._metrics.work_done.labels("classify", outcome).inc()

    async def _try(self, channel: AbstractChannel, message: AbstractIncomingMessage) -> str:
        try:
            request = self._decode(message)
        except InvalidArgument as error:
            image_id = id_of_unreadable(self._profile, message.body, message.correlation_id)
            return await self._give_up(channel, message, image_id, error)
        began = time.monotonic()
        try:
            said = await self._said(request)
        except (InvalidArgument, FailedPrecondition) as error:
            return await self._give_up(channel, message, request.image_id, error)
        except DropmeshError as error:
            log.warning("a request for labels is put off", extra={"cause": error.message})
            await asyncio.sleep(PAUSE_SECONDS)
            await message.nack(requeue=True)
            return "released"
        elapsed = timedelta(seconds=time.monotonic() - began)
        await self._reply(channel, message, encode_reply(self._profile, request.image_id, said, elapsed))
        await message.ack()
        return "finished"

    def _decode(self, message: AbstractIncomingMessage) -> Request:
        request = decode_request(self._profile, message.body, message.correlation_id)
        if len(request.image) > self._max_bytes:
            raise InvalidArgument(
                reasons.MEDIA_TOO_LARGE,
                f"image: {len(request.image)} bytes, and an image has {self._max_bytes} at most",
                metadata={"limit_bytes": str(self._max_bytes), "kind": "image"},
            )
        return request

    async def _said(self, request: Request) -> ClassificationResult:
        last: FailedPrecondition | None = None
        for _ in range(ATTEMPTS_MOST):
            try:
                return await self._classify(request.image, request.labels)
            except JobCrashed as error:
                # A child may have been killed for another's sake; only content that crashes each one is to blame.
                last = error
            except JobFailed:
                log.exception("a job failed unexpectedly", extra={"image": request.image_id})
        raise last or FailedPrecondition(reasons.PROCESSING_GIVEN_UP, f"each of {ATTEMPTS_MOST} attempts broke off")

    async def _reply(self, channel: AbstractChannel, message: AbstractIncomingMessage, body: bytes) -> None:
        replies = self._profile.replies
        target = message.reply_to if replies.reply_to else replies.queue.name
        if not target:
            return
        reply = aio_pika.Message(
            body,
            content_type="application/json",
            correlation_id=message.correlation_id if replies.match == Profile.CORRELATION_ID else None,
            delivery_mode=2 if replies.persistent else 1,
        )
        try:
            await asyncio.wait_for(channel.default_exchange.publish(reply, target), REPLY_SECONDS)
        except DeliveryError:
            log.warning("the reply's queue is gone", extra={"queue": target})

    async def _give_up(
        self, channel: AbstractChannel, message: AbstractIncomingMessage, image_id: Any, error: DropmeshError
    ) -> str:
        """Keeps a request that can never be answered, with the reason, and says so to the one that asks."""
        reason = f"{reasons.ErrorReason.Name(error.reason)}: {error.message}"
        log.warning("a request for labels cannot be answered", extra={"image": image_id, "cause": reason})
        said = None if image_id is None else encode_error(self._profile, image_id, error)
        if said is not None:
            await self._reply(channel, message, said)
        if not self._profile.dead.name:
            await message.reject(requeue=False)
            return "failed"
        dead = aio_pika.Message(
            message.body,
            content_type=message.content_type,
            correlation_id=message.correlation_id,
            reply_to=message.reply_to,
            headers={REASON: reason},
            delivery_mode=2,
        )
        await asyncio.wait_for(channel.default_exchange.publish(dead, self._profile.dead.name), REPLY_SECONDS)
        await message.ack()
        return "failed"


async def _declare(channel: AbstractChannel, queue: Profile.Queue) -> AbstractQueue:
    # JSON has one kind of number, and RabbitMQ wants whole ones.
    arguments: dict[str, Any] = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in json_format.MessageToDict(queue.arguments).items()
    }
    return await channel.declare_queue(
        queue.name, durable=queue.durable, passive=queue.passive, arguments=arguments or None
    )
