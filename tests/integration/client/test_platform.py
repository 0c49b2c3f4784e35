"""A run beside a broker that replies when the test says."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from dropmesh.classify_dir.broker import Broker
from dropmesh.classify_dir.journal import Journal
from dropmesh.classify_dir.options import Options
from dropmesh.classify_dir.platform import Platform
from dropmesh.classify_dir.profile import load_profile
from dropmesh.classify_dir.progress import Progress
from dropmesh.classify_dir.results import Results

from tests.support.classify_dir import draw_images


class Answer:
    """A reply as RabbitMQ hands it on."""

    def __init__(self, image_id: str) -> None:
        self.correlation_id = image_id
        self.body = json.dumps({"image_id": image_id, "labels": [{"label": "red", "score": 0.5}]}).encode()

    async def ack(self) -> None:
        """It is taken from the queue."""


class BrokerOfTwo:
    """Before it replies to the first image, it hands on an earlier run's reply to the other one, not sent yet."""

    def __init__(self, results_file: Path) -> None:
        self.replies: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: Counter[str] = Counter()
        self._file = results_file

    async def keep(self) -> None:
        await asyncio.Event().wait()

    async def has_classifier(self) -> bool:
        return True

    async def send(self, image_id: str, *_: object) -> None:
        self.sent[image_id] += 1
        if len(self.sent) == 1:
            other = await self._other(image_id, "FOUND")
            self.replies.put_nowait(Answer(other))
            await self._other(image_id, "DONE")
        self.replies.put_nowait(Answer(image_id))

    async def _other(self, image_id: str, state: str) -> str:
        while True:
            with closing(sqlite3.connect(self._file)) as connection:
                row = connection.execute(
                    "SELECT id FROM images WHERE id <> ? AND state = ?", (image_id, state)
                ).fetchone()
            if row is not None:
                return str(row[0])
            await asyncio.sleep(0.01)


async def test_an_image_is_not_waited_for_that_an_earlier_runs_reply_answered_before_it_was_sent(tmp_path) -> None:
    images = tmp_path / "images"
    draw_images(images, 2)
    options = Options(dir=images, results=tmp_path / "results.db", log=tmp_path / "run.log", in_flight=1)

    def now() -> datetime:
        return datetime.now(UTC)

    results, journal, broker = Results(options.results, now), Journal(options.log, now), BrokerOfTwo(options.results)
    results.begin(images, "dropmesh", "p")
    progress = Progress()
    platform = Platform(options, load_profile("dropmesh"), results, cast(Broker, broker), journal, progress, now)
    # Long before the image would be sent again.
    async with asyncio.timeout(options.reply_seconds / 4):
        await platform.run()
    assert (progress.done, progress.failed, progress.duplicates, progress.retried) == (2, 0, 1, 0)
    assert sorted(broker.sent.values()) == [1, 1]
    await results.close("ended")
    journal.close()
