"""CPU of an answer's JSON: services/common/rest/json.py, beside protobuf's json_format, in turns."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from dropmesh.v1 import ingest_service_pb2, measurement_pb2, media_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from services.common.rest.json import json_text

ROUNDS = 7


def main() -> None:
    """Prints the median of each pair."""
    parser = argparse.ArgumentParser(prog="scripts/bench json_answers", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="answers in each round")
    count = parser.parse_args().count
    for name, message in _answers().items():
        seen: dict[Callable[[Message], object], list[float]] = {json_text: [], _by_library: []}
        for _ in range(ROUNDS):
            for convert, found in seen.items():
                started = time.process_time()
                for _ in range(count):
                    convert(message)
                found.append((time.process_time() - started) / count * 1e6)
        ours, other = map(statistics.median, seen.values())
        print(f"{name:20} {ours:6.1f} µs beside {other:6.1f} µs, {other / ours:.1f} times", flush=True)


def _by_library(message: Message) -> str:
    return json_format.MessageToJson(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True, indent=None
    )


def _answers() -> dict[str, Message]:
    receipt = measurement_pb2.Receipt(
        name="receipts/06gv3k2m9x8p7q6r5s4t", state=measurement_pb2.Receipt.NEW, sha256="ab" * 32, size_bytes=74
    )
    receipt.receive_time.FromNanoseconds(1_556_704_800_123_456_789)
    media = media_pb2.Media(name="media/06gv3k2m9x8p7q6r5s4t", filename="IMG_0001.jpg", state=media_pb2.Media.NEW)
    media.create_time.CopyFrom(receipt.receive_time)
    result = ingest_service_pb2.UploadResult(filename="IMG_0001.jpg", media=media)
    return {
        "a drop": ingest_service_pb2.DropMeasurementsResponse(receipt=receipt),
        "an upload": ingest_service_pb2.UploadMediaResponse(results=[result]),
    }


if __name__ == "__main__":
    main()
