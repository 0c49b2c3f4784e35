"""A folder is classified while everything that takes part is killed; each image has its labels once."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pika
import pytest

from tests.e2e.mesh import eventually
from tests.servers.rabbitmq import rabbitmq_node
from tests.servers.tools import Missing, find_tool
from tests.support.classify_dir import Processor, draw_images, install_colours, platform

IMAGES = 500
# Everything starts at once, beside other tests.
PATIENCE = 240
# A quorum queue that RabbitMQ 3.10 made less than a second before it is killed never answers again.
QUEUE_SECONDS = 2
DONE = "SELECT count(*) FROM images WHERE state = 'DONE'"


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A short path: the sockets of services lie in it, and the path of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        yield Path(folder)


@pytest.fixture
def models(tmp_path):
    install_colours(tmp_path / "models")
    return tmp_path / "models"


def dead_letters(url: str) -> list[tuple[bytes, str]]:
    """What the dead-letter queue holds, with the reasons."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    found = []
    while True:
        method, properties, body = channel.basic_get("dropmesh.classify.dead")
        if method is None:
            connection.close()
            return found
        found.append((body, (properties.headers or {}).get("x-reason", "")))


def plant(url: str, body: bytes) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().basic_publish("", "dropmesh.classify", body)
    connection.close()


@pytest.mark.timeout(900)
def test_five_hundred_images_survive_kills_of_the_platform_a_processor_and_rabbitmq(tmp_path, models):
    try:
        find_tool("rabbitmq")
    except Missing as missing:
        pytest.skip(str(missing))
    images, output = tmp_path / "images", tmp_path / "out"
    options = ("--reply-seconds", "60", "--in-flight", "16")
    with rabbitmq_node() as node:
        settings = {"DROPMESH_CLASSIFY_AMQP": node.url}
        processors = [Processor(tmp_path / f"processor-{number}", models, settings) for number in (1, 2)]
        try:
            draw_images(images, IMAGES)
            eventually(lambda: all(processor.is_ready() for processor in processors), PATIENCE)
            with platform(images, output, "--amqp", node.url, *options) as run:
                eventually(lambda: run.rows(DONE) >= [(50,)], PATIENCE)
                plant(node.url, b'{"image_id": "planted"}')
                run.kill()
            time.sleep(QUEUE_SECONDS)
            with platform(images, output, "--amqp", node.url, *options) as run:
                eventually(lambda: run.rows(DONE) >= [(150,)], PATIENCE)
                processors[0].kill()
                eventually(lambda: run.rows(DONE) >= [(200,)], PATIENCE)
                node.kill()
                processors[0] = Processor(tmp_path / "processor-1", models, settings)
                node.start_again()
                assert run.wait(PATIENCE) == 0, run.terminal
        finally:
            for processor in processors:
                processor.kill()
        assert run.rows("SELECT count(*), count(DISTINCT image), count(error) FROM results WHERE rank = 1") == [
            (IMAGES, IMAGES, 0)
        ]
        assert run.rows("SELECT count(*), count(DISTINCT path) FROM images WHERE state = 'DONE'") == [(IMAGES, IMAGES)]
        labels = dict(run.rows("SELECT label, count(*) FROM results WHERE rank = 1 GROUP BY 1"))
        assert labels == {"red": 250, "blue": 250}
        [(body, reason)] = dead_letters(node.url)
        assert json.loads(body) == {"image_id": "planted"}
        assert reason.startswith("INVALID_FIELD: image")
