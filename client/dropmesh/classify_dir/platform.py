"""A run: finds images, sends them, stores the replies, and sends again what stays unanswered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from aio_pika.abc import AbstractIncomingMessage
from dropmesh.classify_dir.broker import BROKEN, REPLY_SECONDS, Broker
from dropmesh.classify_dir.ending import answer_within, end_all
from dropmesh.classify_dir.journal import Journal
from dropmesh.classify_dir.messages import Reply, ReplyUnreadable, decode_reply, encode_request
from dropmesh.classify_dir.options import Options
from dropmesh.classify_dir.pictures import Broken, Found, Picture, find_images, read_picture
from dropmesh.classify_dir.progress import Progress
from dropmesh.classify_dir.results import Results
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

SENDERS = 8
LOOK_SECONDS = 0.1
CLASSIFIER_LOOK_SECONDS = 1.0
LONGEST_PATIENCE = 8


class NoClassifier(Exception):
    """No classifier took requests for longer than `--classifier-seconds`."""


@dataclass(slots=True)
class _Waiting:
    """An image whose reply is awaited."""

    id: str
    found: Found
    attempts: int
    first_sent: float
    """In the loop's time, as is the deadline; infinite while RabbitMQ has not confirmed the image."""
    deadline: float = field(default=float("inf"))


class Platform:
    """Classifies the images of a folder."""

    def __init__(
        self,
        options: Options,
        profile: Profile,
        results: Results,
        broker: Broker,
        journal: Journal,
        progress: Progress,
        now: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._profile = profile
        self._results = results
        self._broker = broker
        self._journal = journal
        self._progress = progress
        self._now = now
        self._known: dict[str, tuple[int, int]] = {}
        self._files: asyncio.Queue[Found] = asyncio.Queue(SENDERS)
        self._waiting: dict[str, _Waiting] = {}
        self._room = asyncio.Event()
        self._storing = asyncio.Lock()
        self._replied_at = float("-inf")
        self.found: dict[str, tuple[int, int]] = {}
        """The files that were found: sizes and times of change, by path."""

    async def run(self) -> None:
        """Returns when every image has its labels or an error; with --follow it goes on until cancelled.

        Raises NoClassifier, and what the broker and the results file raise.
        """
        self._resume()
        senders = [self._send_files() for _ in range(SENDERS)]
        helpers = (self._broker.keep(), self._store_replies(), self._watch(), self._require_classifier(), *senders)
        tasks = [asyncio.create_task(work) for work in helpers]
        whole = asyncio.create_task(self._all_images())
        try:
            await asyncio.wait((whole, *tasks), return_when=asyncio.FIRST_COMPLETED)
            for task in (whole, *tasks):
                if task.done():
                    # A helper ends only with an error, which is raised here.
                    task.result()
        finally:
            await end_all((whole, *tasks))

    def _resume(self) -> None:
        """Waits for the replies to images that an earlier run sent."""
        loop_now, now = asyncio.get_running_loop().time(), self._now()
        self._known = self._results.known()
        for sent in self._results.unanswered():
            size, modified = self._known[sent.path]
            found = Found(self._options.dir / sent.path, sent.path, size, modified)
            sent_at = loop_now - (now - sent.sent_at).total_seconds()
            deadline = sent_at + self._options.reply_seconds
            self._waiting[sent.id] = _Waiting(sent.id, found, sent.attempts, sent_at, deadline)

    async def _all_images(self) -> None:
        """Hands every new image to the senders, again and again with --follow, and waits for the last reply."""
        unsettled: dict[str, tuple[int, int]] = {}
        while True:
            for found in await asyncio.to_thread(lambda: list(find_images(self._options.dir))):
                state = (found.size_bytes, found.modified_ns)
                is_new = found.name not in self.found
                if self._known.get(found.name) == state:
                    if is_new:
                        self.found[found.name] = state
                        self._progress.found += 1
                        self._progress.before += not any(w.found.name == found.name for w in self._waiting.values())
                    continue
                if self._options.follow and unsettled.get(found.name) != state and self._is_recent(found):
                    # It may still be written: it is taken once two scans find it the same.
                    unsettled[found.name] = state
                    continue
                unsettled.pop(found.name, None)
                self.found[found.name] = self._known[found.name] = state
                self._progress.found += 1
                await self._files.put(found)
            if not self._options.follow:
                break
            await asyncio.sleep(self._options.scan_seconds)
        await self._files.join()
        while self._waiting:
            await self._wait_for_room()
        async with self._storing:
            # The last replies are stored; now they are taken from the queue as well.
            pass

    def _is_recent(self, found: Found) -> bool:
        return self._now().timestamp() - found.modified_ns / 1e9 < 2 * self._options.scan_seconds

    async def _send_files(self) -> None:
        while True:
            found = await self._files.get()
            await self._take(found)
            self._files.task_done()

    async def _take(self, found: Found) -> None:
        picture = await self._read(found)
        state = await self._results.add(found, picture)
        if isinstance(picture, Broken):
            self._journal.write("found", found.name, f"{found.size_bytes} bytes")
            self._failed(found.name, picture.reason)
            return
        if state != "FOUND":
            # The same content as before; only its time of change is new.
            self._progress.before += state != "SENT"
            return
        size = f"{picture.content_type} {picture.width}x{picture.height}"
        self._journal.write("found", found.name, f"{size}, {len(picture.content)} bytes, id {picture.id}")
        while len(self._waiting) >= self._options.in_flight:
            await self._wait_for_room()
        waiting = _Waiting(picture.id, found, 0, asyncio.get_running_loop().time())
        self._waiting[picture.id] = waiting
        await self._send(waiting, picture)

    async def _read(self, found: Found) -> Picture | Broken:
        options = self._options
        return await asyncio.to_thread(read_picture, found, options.max_image_bytes, options.max_megapixels * 1e6)

    async def _send(self, waiting: _Waiting, picture: Picture) -> None:
        waiting.attempts += 1
        waiting.deadline = float("inf")
        body = encode_request(self._profile, picture, self._options.labels)
        # Longer each time: a classifier that is only slow must not be given the same work again and again.
        patience = self._options.reply_seconds * min(2 ** (waiting.attempts - 1), LONGEST_PATIENCE)
        await self._broker.send(picture.id, body, picture.content_type, patience)
        waiting.deadline = asyncio.get_running_loop().time() + patience
        self._progress.sent += 1
        self._progress.retried += waiting.attempts > 1
        self._journal.write(
            "sent" if waiting.attempts == 1 else "retried", waiting.found.name, f"attempt {waiting.attempts}"
        )
        await self._results.sent(picture.id, waiting.attempts)

    async def _watch(self) -> None:
        """Sends an image again whose reply is late, or gives it up."""
        loop = asyncio.get_running_loop()
        while True:
            self._progress.waiting = len(self._waiting)
            for waiting in [one for one in self._waiting.values() if one.deadline < loop.time()]:
                if waiting.id in self._waiting:
                    await self._overdue(waiting)
            await asyncio.sleep(LOOK_SECONDS)

    async def _require_classifier(self) -> None:
        """Ends the run where images wait and there is nothing that takes them."""
        loop = asyncio.get_running_loop()
        limit, since = self._options.classifier_seconds, loop.time()
        while limit:
            await asyncio.sleep(CLASSIFIER_LOOK_SECONDS)
            if not self._waiting or await self._broker.has_classifier():
                since = loop.time()
            # A classifier that asks for messages one by one shows only by its replies.
            elif loop.time() - max(since, self._replied_at) > limit:
                raise NoClassifier(
                    f"no classifier took requests for {limit:g} s; start one, and run this again to go on"
                )
        await loop.create_future()

    async def _overdue(self, waiting: _Waiting) -> None:
        if waiting.attempts >= self._options.attempts:
            await self._give_up(waiting, f"no reply to {waiting.attempts} attempts")
            return
        picture = await self._read(waiting.found)
        if isinstance(picture, Broken):
            await self._give_up(waiting, picture.reason)
        elif picture.id != waiting.id:
            await self._give_up(waiting, "the file was changed while a reply was awaited")
        else:
            await self._send(waiting, picture)

    async def _give_up(self, waiting: _Waiting, reason: str) -> None:
        await self._results.fail(waiting.id, reason)
        if self._answered(waiting.id):
            self._failed(waiting.found.name, reason)

    async def _store_replies(self) -> None:
        """Stores replies, those that came together in one commit, and only then takes them from the queue."""
        replies = self._broker.replies
        while True:
            messages = [await replies.get()]
            self._replied_at = asyncio.get_running_loop().time()
            while not replies.empty():
                messages.append(replies.get_nowait())
            async with self._storing:
                await asyncio.gather(*map(self._store, messages))
                await _acknowledge(messages)

    async def _store(self, message: AbstractIncomingMessage) -> None:
        try:
            reply = decode_reply(self._profile, message.body, message.correlation_id)
        except ReplyUnreadable as reason:
            self._journal.write("ignored", "a reply", str(reason))
            self._progress.duplicates += 1
            return
        waiting = self._waiting.get(reply.image_id)
        name = waiting.found.name if waiting else reply.image_id
        self._journal.write("replied", name, _summary(reply))
        seconds = asyncio.get_running_loop().time() - waiting.first_sent if waiting else None
        if not await self._results.store(reply, seconds):
            self._journal.write("ignored", name, "its labels are stored already, or it is of another folder")
            self._progress.duplicates += 1
            # The reply to an earlier run's request may have been stored before this run sent the image.
            self._answered(reply.image_id)
        elif reply.error is not None:
            if self._answered(reply.image_id):
                self._failed(name, reply.error)
        else:
            self._journal.write("stored", name, reply.labels[0].label)
            self._progress.done += 1
            if not self._answered(reply.image_id):
                # It had been given up.
                self._progress.failed -= self._progress.failed > 0

    def _answered(self, image_id: str) -> bool:
        """Waits no more for an image; False when that was so before."""
        known = self._waiting.pop(image_id, None) is not None
        self._room.set()
        return known

    def _failed(self, name: str, reason: str) -> None:
        self._progress.failed += 1
        self._journal.write("failed", name, reason)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        await self._room.wait()


async def _acknowledge(messages: Iterable[AbstractIncomingMessage]) -> None:
    for message in messages:
        # Where the connection is gone RabbitMQ sends the reply again, and it is ignored.
        with suppress(*BROKEN):
            await answer_within(REPLY_SECONDS, message.ack())


def _summary(reply: Reply) -> str:
    if reply.error is not None:
        return f"error: {reply.error}"
    return ", ".join(
        label.label if label.score is None else f"{label.label} {label.score:.2f}" for label in reply.labels
    )
