from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import InvalidArgument, ResourceExhausted
from services.common.media.model import Label, ModelVersion
from services.common.workers.errors import JobCrashed, JobFailed, JobMisbehaved, JobOutOfMemory, JobTimedOut
from services.processor.classify.classifier import ClassifierMissing
from services.processor.classify_queue.answering import (
    ATTEMPTS_MOST,
    Answered,
    Answering,
    PutBack,
    Received,
    Refused,
    fault_of,
)
from services.processor.classify_queue.profile import load_profile
from services.processor.media.job_results import ClassificationResult

SAID = ClassificationResult((Label("cat", 0.5),), ModelVersion("colours", "0123", "0123abcd"))
IMAGE = base64.b64encode(b"bytes").decode()
MINE = "dropmesh.classify.replies.0a1b"


class Fake:
    """A classifier that ends one attempt after the other as it is said, and then labels."""

    def __init__(self, *ends: Exception) -> None:
        self._ends = list(ends)

    async def __call__(self, image: bytes, labels: int) -> ClassificationResult:
        if self._ends:
            raise self._ends.pop(0)
        return SAID


def received(attempts: int = 0, reply_to: str | None = MINE, **changes: object) -> Received:
    body = json.dumps({"image_id": "a1", "image": IMAGE, **changes}).encode()
    return Received(body, "a1", reply_to, attempts)


async def answer(request: Received, *ends: Exception, profile: str = "dropmesh") -> object:
    return await Answering(load_profile(profile), Fake(*ends), max_bytes=100).answer(request)


async def test_the_labels_go_to_the_queue_that_the_request_names() -> None:
    outcome = await answer(received())
    assert isinstance(outcome, Answered)
    assert outcome.reply.queue == MINE
    assert json.loads(outcome.reply.body)["labels"] == [{"label": "cat", "score": 0.5}]


@pytest.mark.parametrize("name", ["amq.gen-3f", "amq.rabbitmq.reply-to.g1h2", "dropmesh.classify.replies.my-own_1"])
async def test_a_queue_that_was_made_for_a_requester_gets_the_reply(name: str) -> None:
    outcome = await answer(received(reply_to=name))
    assert isinstance(outcome, Answered)
    assert outcome.reply.queue == name


@pytest.mark.parametrize(
    "name", ["dropmesh.photos", "dropmesh.classify.dead", "dropmesh.classify.replies.", "amq.topic", "x" + MINE]
)
async def test_a_request_that_names_any_other_queue_is_refused_and_nothing_is_sent_there(name: str) -> None:
    outcome = await answer(received(reply_to=name))
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith(f"INVALID_FIELD: reply_to: {name} is no queue for replies")
    assert outcome.reply is None
    unreadable = await answer(received(reply_to=name, labels=101))
    assert isinstance(unreadable, Refused)
    assert unreadable.reason.startswith("INVALID_FIELD: labels")
    assert unreadable.reply is None


async def test_a_request_without_a_queue_for_its_reply_is_refused() -> None:
    outcome = await answer(received(reply_to=None))
    assert outcome == Refused("REQUEST_MALFORMED: reply_to: missing", None, 1)


async def test_replies_of_modelcls_go_to_its_one_queue_whatever_the_request_names() -> None:
    body = json.dumps({"image": IMAGE, "photo_id": 7}).encode()
    outcome = await answer(Received(body, None, "dropmesh.photos", 0), profile="modelcls")
    assert isinstance(outcome, Answered)
    assert outcome.reply.queue == "from_ai"
    assert json.loads(outcome.reply.body) == {"photo_id": 7, "label": "cat"}


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (InvalidArgument(reasons.MEDIA_UNREADABLE, "broken"), "MEDIA_UNREADABLE: broken"),
        (JobMisbehaved("an answer out of turn"), "MEDIA_UNREADABLE"),
        (JobTimedOut(timedelta(seconds=60)), "PROCESSING_TIMED_OUT"),
        (JobOutOfMemory(2**31), "PROCESSING_OUT_OF_MEMORY"),
    ],
)
async def test_an_image_that_can_never_be_labelled_is_refused_at_the_first_attempt(end: Exception, reason: str) -> None:
    outcome = await answer(received(), end)
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith(reason)
    assert outcome.reply is not None
    assert outcome.reply.queue == MINE
    assert json.loads(outcome.reply.body)["error"]["reason"] == outcome.reason.partition(":")[0]


async def test_an_image_that_is_too_large_is_refused() -> None:
    outcome = await answer(received(image=base64.b64encode(b"x" * 101).decode()))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "MEDIA_TOO_LARGE: image: 101 bytes, and an image has 100 at most"


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (JobCrashed(-11), "PROCESSING_CRASHED: the content crashed the process that worked on it"),
        (JobFailed("KeyError: 'x'"), "PROCESSING_GIVEN_UP: each of 5 attempts failed, the last one with JobFailed"),
        (RuntimeError("broken"), "PROCESSING_GIVEN_UP: each of 5 attempts failed, the last one with RuntimeError"),
    ],
)
async def test_an_image_that_fails_each_time_while_others_do_not_is_refused_after_its_attempts(
    end: Exception, reason: str
) -> None:
    attempts = 0
    for expected in range(1, ATTEMPTS_MOST):
        outcome = await answer(received(attempts), end)
        assert isinstance(outcome, PutBack)
        attempts = outcome.attempts
        assert attempts == expected
    outcome = await answer(received(attempts), end)
    assert isinstance(outcome, Refused)
    assert outcome.reason.startswith(reason)
    assert outcome.attempts == ATTEMPTS_MOST


@pytest.mark.parametrize(
    "end",
    [
        JobCrashed(-9),
        JobFailed("the setup failed"),
        RuntimeError("the event loop is closed"),
        ClassifierMissing(),
        JobTimedOut(timedelta(seconds=60)),
    ],
)
async def test_a_classifier_that_labels_nothing_costs_a_request_no_attempt(end: Exception) -> None:
    outcome = await answer(received(ATTEMPTS_MOST - 1), end, RuntimeError("the sound image fails too"))
    assert isinstance(outcome, PutBack)
    assert outcome.attempts == ATTEMPTS_MOST - 1


@pytest.mark.parametrize(
    "end", [OSError(11, "no more processes"), MemoryError(), ResourceExhausted(reasons.TOO_BUSY, "busy")]
)
async def test_a_machine_that_lacks_something_costs_a_request_no_attempt(end: Exception) -> None:
    outcome = await answer(received(ATTEMPTS_MOST - 1), end)
    assert isinstance(outcome, PutBack)
    assert outcome.attempts == ATTEMPTS_MOST - 1


def test_the_attempts_are_fewer_than_the_deliveries_after_which_rabbitmq_gives_a_request_up() -> None:
    arguments = load_profile("dropmesh").requests.queue.arguments
    assert arguments["x-delivery-limit"] > 2 * ATTEMPTS_MOST


async def test_the_fault_of_a_classifier_is_what_a_sound_image_ends_with() -> None:
    missing = ClassifierMissing()
    assert await fault_of(Fake(missing)) is missing
    assert await fault_of(Fake()) is None
