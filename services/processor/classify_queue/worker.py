"""Takes requests for labels from RabbitMQ, several at once, and brings back what became of them."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aio_pika.exceptions import ChannelPreconditionFailed, DeliveryError
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from services.common.base.loops import Backoff, is_cancelled, pause, wait_for_any
from services.common.base.telemetry import Metrics
from services.common.queue.rabbitmq.connection import BROKEN, REPLY_SECONDS, open_connection
from services.common.queue.rabbitmq.names import ATTEMPTS, DEAD_SINCE, DELIVERIES, REASON
from services.processor.classify_queue.answering import Answered, Answering, PutBack, Received, Refused, Reply
from services.processor.classify_queue.dead_letters import CLASSIFICATIONS
from services.processor.classify_queue.queues import declare

PAUSE_SECONDS = 1.0
SET_UP_SECONDS = 30.0
COUNTED_EVERY_SECONDS = 2.0
log = logging.getLogger(__name__)


class ClassifyWorker:
    """Answers requests on the queues of a profile. Several workers may share the queues.

    A request is taken from its queue once RabbitMQ has confirmed the reply, the dead letter with its reason, or the
    same request for another attempt. If the connection is lost before that, RabbitMQ delivers it again.
    """

    def __init__(
        self,
        url: str,
        profile: Profile,
        answering: Answering,
        *,
        at_once: int,
        metrics: Metrics,
        first_pause: float = PAUSE_SECONDS,
        longest_pause: float = 30.0,
    ) -> None:
        self._url = url
        self._profile = profile
        self._answering = answering
        # One more for each child is ready when it has finished one.
        self._prefetch = 2 * at_once
        self._metrics = metrics
        self._backoff = Backoff(first_pause, longest_pause)
        self._in_work = 0

    async def run(self, stopping: asyncio.Event) -> None:
        """Answers until the event is set; an outage of RabbitMQ is waited out."""
        while not stopping.is_set():
            try:
                await self._session(stopping)
            except asyncio.CancelledError:
                # A connection that closes cancels those who wait for its answers.
                if is_cancelled():
                    raise
                log.warning("no requests for labels", extra={"cause": "the connection was closed", "advice": ""})
            except BROKEN as error:
                advice = "the queue has other arguments; see the profile" * isinstance(error, ChannelPreconditionFailed)
                log.warning("no requests for labels", extra={"cause": repr(error), "advice": advice})
            await pause(PAUSE_SECONDS, stopping)

    async def _session(self, stopping: asyncio.Event) -> None:
        """Answers over one connection, until it is lost or the event is set."""
        ended = asyncio.Event()
        connection = await open_connection(self._url)
        try:
            connection.close_callbacks.add(lambda *_: ended.set())
            async with asyncio.timeout(SET_UP_SECONDS):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                channel.close_callbacks.add(lambda *_: ended.set())
                await channel.set_qos(prefetch_count=self._prefetch)
                dead = await declare(channel, self._profile.dead) if self._profile.dead.name else None
                if not self._profile.replies.reply_to:
                    await declare(channel, self._profile.replies.queue)
                requests = await declare(channel, self._profile.requests.queue)

                async def handle(message: AbstractIncomingMessage) -> None:
                    await self._handle(channel, message, ended)

                await requests.consume(handle)
            log.info("answers requests for labels", extra={"queue": requests.name})
            counting = asyncio.create_task(self._count(channel, requests, dead, ended))
            await wait_for_any(ended, stopping)
            counting.cancel()
            if ended.is_set():
                raise ConnectionError("the connection to RabbitMQ was lost")
        finally:
            ended.set()
            # What is not answered goes back to the queue.
            with suppress(*BROKEN):
                await asyncio.wait_for(connection.close(), PAUSE_SECONDS)

    async def _handle(self, channel: AbstractChannel, message: AbstractIncomingMessage, ended: asyncio.Event) -> None:
        self._in_work += 1
        try:
            with self._metrics.work_in_progress.labels(CLASSIFICATIONS.name).track_inprogress():
                outcome = await self._answering.answer(_received(message))
                try:
                    name = await self._bring(channel, message, outcome, ended)
                except BROKEN as error:
                    # Whether RabbitMQ has it is not known: over a new connection the request comes again.
                    log.warning("a request for labels waits for another connection", extra={"cause": repr(error)})
                    ended.set()
                    name = "released"
        finally:
            # Also where the client cancels this, whose connection was lost.
            self._in_work -= 1
        self._metrics.work_done.labels(CLASSIFICATIONS.name, name).inc()

    async def _bring(
        self,
        channel: AbstractChannel,
        message: AbstractIncomingMessage,
        outcome: Answered | Refused | PutBack,
        ended: asyncio.Event,
    ) -> str:
        match outcome:
            case Answered(reply):
                self._backoff.succeeded()
                await self._reply(channel, message, reply)
                await message.ack()
                return "finished"
            case Refused(reason, reply, attempts):
                fields = {"correlation_id": message.correlation_id, "reason": reason}
                log.warning("a request for labels cannot be answered", extra=fields)
                if reply is not None:
                    await self._reply(channel, message, reply)
                await self._bury(channel, message, reason, attempts)
                return "failed"
            case PutBack(_, attempts):
                if not await pause(self._backoff.failed(), ended):
                    await self._put_back(channel, message, attempts)
                return "released"

    async def _reply(self, channel: AbstractChannel, message: AbstractIncomingMessage, reply: Reply) -> None:
        replies = self._profile.replies
        content = aio_pika.Message(
            reply.body,
            content_type="application/json",
            correlation_id=message.correlation_id if replies.match == Profile.CORRELATION_ID else None,
            delivery_mode=2 if replies.persistent else 1,
        )
        try:
            await channel.default_exchange.publish(content, reply.queue, timeout=REPLY_SECONDS)
        except DeliveryError:
            log.warning("the queue for the reply does not exist", extra={"queue": reply.queue})

    async def _bury(
        self, channel: AbstractChannel, message: AbstractIncomingMessage, reason: str, attempts: int
    ) -> None:
        """Keeps a request that can never be answered, with the reason."""
        if not self._profile.dead.name:
            await message.reject(requeue=False)
            return
        dead = aio_pika.Message(
            message.body,
            content_type=message.content_type,
            correlation_id=message.correlation_id,
            message_id=secrets.token_hex(8),
            reply_to=message.reply_to,
            headers={REASON: reason, ATTEMPTS: attempts, DEAD_SINCE: time.time_ns()},
            delivery_mode=2,
        )
        await channel.default_exchange.publish(dead, self._profile.dead.name, timeout=REPLY_SECONDS)
        await message.ack()

    async def _put_back(self, channel: AbstractChannel, message: AbstractIncomingMessage, attempts: int) -> None:
        """Publishes the request anew: a rejected one would count towards the delivery limit of its queue."""
        headers = {name: value for name, value in message.headers.items() if name != DELIVERIES}
        again = aio_pika.Message(
            message.body,
            content_type=message.content_type,
            correlation_id=message.correlation_id,
            message_id=message.message_id,
            reply_to=message.reply_to,
            expiration=message.expiration,
            headers={**headers, ATTEMPTS: attempts},
            delivery_mode=message.delivery_mode,
        )
        await channel.default_exchange.publish(again, self._profile.requests.queue.name, timeout=REPLY_SECONDS)
        await message.ack()

    async def _count(
        self, channel: AbstractChannel, requests: AbstractQueue, dead: AbstractQueue | None, ended: asyncio.Event
    ) -> None:
        """Keeps the metrics of the queues up to date."""
        depth = self._metrics.queue_depth.labels(CLASSIFICATIONS.name)
        letters = self._metrics.dead_letters.labels(CLASSIFICATIONS.name)
        while True:
            try:
                depth.set(await _length(channel, requests) + self._in_work)
                if dead is not None:
                    letters.set(await _length(channel, dead))
            except BROKEN as error:
                log.warning("the requests for labels cannot be counted", extra={"cause": repr(error)})
                ended.set()
                return
            await asyncio.sleep(COUNTED_EVERY_SECONDS)


async def _length(channel: AbstractChannel, queue: AbstractQueue) -> int:
    found = await channel.declare_queue(queue.name, passive=True, timeout=REPLY_SECONDS)
    return found.declaration_result.message_count or 0


def _received(message: AbstractIncomingMessage) -> Received:
    attempts = message.headers.get(ATTEMPTS, 0)
    return Received(
        message.body, message.correlation_id, message.reply_to, attempts if isinstance(attempts, int) else 0
    )
