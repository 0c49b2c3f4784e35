"""A classifier that exists and cannot be changed, played exactly: `python -m tests.support.plain_classifier URL`.

It takes {"image": base64, "photo_id": any} from to_ai, answers {"photo_id", "label"} on from_ai, declares from_ai with
default arguments on each reply, sets no correlation_id, and rejects with requeue on any error.
"""

from __future__ import annotations

import base64
import io
import json
import sys
import time

import pika
from pika.adapters.blocking_connection import BlockingChannel
from PIL import Image


def label_of(content: bytes) -> str:
    red, _, blue = Image.open(io.BytesIO(content)).convert("RGB").resize((1, 1)).getpixel((0, 0))
    return "red" if red > blue else "blue"


def on_request(channel: BlockingChannel, method, properties, body: bytes) -> None:
    try:
        request = json.loads(body)
        label = label_of(base64.b64decode(request["image"]))
    except Exception:  # noqa: BLE001 - that is how it is
        channel.basic_reject(method.delivery_tag, requeue=True)
        return
    channel.queue_declare("from_ai")
    reply = json.dumps({"photo_id": request["photo_id"], "label": label})
    channel.basic_publish("", "from_ai", reply)
    channel.basic_ack(method.delivery_tag)


def main(url: str) -> None:
    while True:
        try:
            channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
            channel.basic_consume("to_ai", on_request)
            channel.start_consuming()
        except pika.exceptions.AMQPError as error:
            print(repr(error), flush=True)
            time.sleep(0.3)


if __name__ == "__main__":
    main(sys.argv[1])
