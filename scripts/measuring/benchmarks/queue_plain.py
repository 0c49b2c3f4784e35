"""The reference of `scripts/bench queue`: a platform and a classifier as one would first write them, with pika.

No confirmations, nothing durable, no retries. Run with `classifier URL MODELS` and with `platform URL DIR`.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pika


def classifier(url: str, models: Path) -> None:
    """Answers until it is killed."""
    from services.processor.classify.classifier import open_classifier
    from services.processor.models.registry import load_registry
    from services.processor.models.runtime import Provider, Runtime
    from services.processor.models.store import ModelStore
    from services.processor.photo.photo import read_picture

    model = open_classifier(load_registry(models), ModelStore(models), Runtime(Provider.CPU, 1))
    if model is None:
        sys.exit(f"no classifier in {models}")
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.queue_declare("plain_requests")
    channel.basic_qos(prefetch_count=4)

    def answer(_channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        request = json.loads(body)
        picture, _ = read_picture(base64.b64decode(request["image"]))
        labels = [(label.label, label.score) for label in model.classify(picture, 5)]
        channel.basic_publish("", "plain_replies", json.dumps({"id": request["id"], "labels": labels}))
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume("plain_requests", answer)
    print("ready", flush=True)
    channel.start_consuming()


def platform(url: str, folder: Path) -> None:
    """Sends every image, then stores every reply."""
    channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
    channel.queue_declare("plain_replies")
    results = sqlite3.connect(folder.parent / "plain.db")
    results.execute("CREATE TABLE IF NOT EXISTS results (id TEXT, label TEXT, score REAL)")
    files = sorted(folder.rglob("*.jpg"))
    if not files:
        return
    for file in files:
        image = base64.b64encode(file.read_bytes()).decode()
        channel.basic_publish("", "plain_requests", json.dumps({"id": file.name, "image": image}))
    for count, (_, _, body) in enumerate(channel.consume("plain_replies", auto_ack=True), 1):
        reply = json.loads(body or b"")
        results.executemany(
            "INSERT INTO results VALUES (?, ?, ?)", [(reply["id"], *label) for label in reply["labels"]]
        )
        if count == len(files):
            break
    results.commit()


if __name__ == "__main__":
    role, address, place = sys.argv[1:]
    (classifier if role == "classifier" else platform)(address, Path(place))
