"""The classifier on a real RabbitMQ, with models that crash, fail or are away for a while."""

from __future__ import annotations

import asyncio
import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from services.common.base.telemetry import Metrics
from services.common.media.model import Label, ModelVersion
from services.common.workers.errors import JobCrashed, JobFailed
from services.processor.classify_queue.answering import ATTEMPTS_MOST, Answering
from services.processor.classify_queue.profile import load_profile
from services.processor.classify_queue.queues import declare
from services.processor.classify_queue.worker import ClassifyWorker
from services.processor.media.job_results import ClassificationResult

SAID = ClassificationResult((Label("cat", 0.5),), ModelVersion("colours", "0123", "0123abcd"))
SECONDS = 30


@dataclass
class Model:
    """Crashes on the image `poison`, and fails on each one while it is broken."""

    broken: Exception | None = None
    asked: list[bytes] = field(default_factory=list)

    async def __call__(self, image: bytes, labels: int) -> ClassificationResult:
        self.asked.append(image)
        if self.broken is not None:
            raise self.broken
        if image == b"poison":
            raise JobCrashed(-11)
        return SAID


@pytest.fixture
def profile() -> Profile:
    """Dropmesh's own, on queues of the test's own."""
    mine = load_profile("dropmesh")
    name = f"test.{uuid.uuid4().hex}"
    mine.requests.queue.name = name
    mine.requests.queue.arguments["x-dead-letter-routing-key"] = f"{name}.dead"
    mine.dead.name = f"{name}.dead"
    mine.replies.queue.name = f"{name}.replies.{{platform}}"
    return mine


@pytest.fixture
async def channel(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(amqp_url)
    yield await connection.channel()
    await connection.close()


@asynccontextmanager
async def running(url: str, profile: Profile, model: Model, metrics: Metrics | None = None) -> AsyncIterator[None]:
    stopping = asyncio.Event()
    answering = Answering(profile, model, max_bytes=1000)
    worker = ClassifyWorker(
        url, profile, answering, at_once=2, metrics=metrics or Metrics(), first_pause=0.05, longest_pause=0.1
    )
    task = asyncio.create_task(worker.run(stopping))
    try:
        yield
    finally:
        stopping.set()
        await task


@dataclass
class Requester:
    """Sends requests and waits for replies, and looks into the dead letters."""

    channel: AbstractChannel
    profile: Profile
    replies: str

    async def send(self, image_id: str, image: bytes, reply_to: str | None = None) -> None:
        body = {"image_id": image_id, "image": base64.b64encode(image).decode()}
        message = aio_pika.Message(
            json.dumps(body).encode(), correlation_id=image_id, reply_to=reply_to or self.replies, delivery_mode=2
        )
        await self.channel.default_exchange.publish(message, self.profile.requests.queue.name)

    async def reply(self) -> dict[str, object]:
        message = await self._next(self.replies)
        content: dict[str, object] = json.loads(message.body)
        return content

    async def dead(self) -> AbstractIncomingMessage:
        return await self._next(self.profile.dead.name)

    async def _next(self, name: str) -> AbstractIncomingMessage:
        queue = await self.channel.get_queue(name)
        async with asyncio.timeout(SECONDS):
            while (message := await queue.get(fail=False, no_ack=True)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return message


@pytest.fixture
async def requester(channel: AbstractChannel, profile: Profile) -> Requester:
    replies = profile.replies.queue.name.format(platform="me")
    await declare(channel, profile.requests.queue)
    await declare(channel, profile.dead)
    await channel.declare_queue(replies, durable=True)
    return Requester(channel, profile, replies)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_poison_is_a_dead_letter_after_its_attempts_and_the_others_have_their_labels(
    amqp_url: str, profile: Profile, requester: Requester
) -> None:
    model, metrics = Model(), Metrics()
    async with running(amqp_url, profile, model, metrics):
        await requester.send("p", b"poison")
        for number in range(20):
            await requester.send(f"{number}", b"good")
        replies = {reply["image_id"]: reply for reply in [await requester.reply() for _ in range(21)]}
        assert replies.keys() == {"p", *map(str, range(20))}
        refused = replies.pop("p")
        assert refused["error"] == {
            "reason": "PROCESSING_CRASHED",
            "message": "the content crashed the process that worked on it",
        }
        assert all("error" not in reply for reply in replies.values())
        await until(lambda: metrics.registry.get_sample_value("dropmesh_dead_letters", {"topic": "classify"}) == 1)
        letter = await requester.dead()
    assert letter.headers["x-reason"] == "PROCESSING_CRASHED: the content crashed the process that worked on it"
    assert letter.headers["x-attempts"] == ATTEMPTS_MOST
    assert letter.correlation_id == "p"
    assert model.asked.count(b"poison") == ATTEMPTS_MOST


@pytest.mark.parametrize(
    "fault", [RuntimeError("can't start new thread"), JobCrashed(-9), JobFailed("the setup failed"), OSError(11, "no")]
)
async def test_while_no_process_works_requests_wait_and_none_is_lost_or_a_dead_letter(
    amqp_url: str, profile: Profile, requester: Requester, fault: Exception
) -> None:
    model, metrics = Model(broken=fault), Metrics()
    async with running(amqp_url, profile, model, metrics):
        for number in range(6):
            await requester.send(f"{number}", b"good")
        # More often than the attempts that each of them has.
        await until(lambda: model.asked.count(b"good") > 6 * ATTEMPTS_MOST)
        model.broken = None
        assert {str((await requester.reply())["image_id"]) for _ in range(6)} == set(map(str, range(6)))
        await until(lambda: metrics.registry.get_sample_value("dropmesh_dead_letters", {"topic": "classify"}) == 0)


async def test_a_reply_goes_into_no_queue_that_is_not_for_replies(
    amqp_url: str, profile: Profile, requester: Requester, channel: AbstractChannel
) -> None:
    others = await channel.declare_queue(f"test.{uuid.uuid4().hex}", durable=True)
    async with running(amqp_url, profile, Model()):
        await requester.send("theirs", b"good", reply_to=others.name)
        letter = await requester.dead()
        assert str(letter.headers["x-reason"]).startswith(f"INVALID_FIELD: reply_to: {others.name} is no queue")
        await requester.send("mine", b"good")
        assert (await requester.reply())["image_id"] == "mine"
    assert await others.get(fail=False) is None
    await others.delete()


async def test_a_requester_may_use_an_exclusive_queue_and_direct_replies(
    amqp_url: str, profile: Profile, requester: Requester, channel: AbstractChannel
) -> None:
    exclusive = await channel.declare_queue(exclusive=True)
    direct: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    pseudo = await channel.get_queue("amq.rabbitmq.reply-to", ensure=False)
    await pseudo.consume(direct.put, no_ack=True)
    async with running(amqp_url, profile, Model()):
        await requester.send("a", b"good", reply_to=exclusive.name)
        await requester.send("b", b"good", reply_to="amq.rabbitmq.reply-to")
        async with asyncio.timeout(SECONDS):
            assert json.loads((await direct.get()).body)["image_id"] == "b"
            while (found := await exclusive.get(fail=False, no_ack=True)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    assert json.loads(found.body)["image_id"] == "a"
