"""Sends one stream of drops and reads its answers: lines over REST, or messages over gRPC."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import grpc
from dropmesh.v1 import ingest_service_pb2_grpc
from dropmesh.v1.ingest_service_pb2 import StreamDropsRequest

HEAD = b"POST /v1/measurements:stream HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
LINES_AT_ONCE = 500


def send_lines(port: int, drops: list[bytes]) -> int:
    """Sends drops as the lines of one body; returns how many were answered with a receipt."""
    size = sum(map(len, drops)) + len(drops)
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(HEAD % size)

        def send() -> None:
            for start in range(0, len(drops), LINES_AT_ONCE):
                connection.sendall(b"\n".join([*drops[start : start + LINES_AT_ONCE], b""]))

        sender = threading.Thread(target=send)
        sender.start()
        answered = 0
        # A receipt's field may lie across two pieces.
        end = b""
        while piece := connection.recv(262_144):
            seen = end + piece
            answered += seen.count(b'"receipt":{"name"') - end.count(b'"receipt":{"name"')
            end = seen[-16:]
        sender.join()
    return answered


def send_messages(port: int, drops: list[bytes]) -> int:
    """Sends drops as the messages of one call; returns how many were answered with a receipt."""

    def requests() -> Iterator[StreamDropsRequest]:
        for drop in drops:
            yield StreamDropsRequest(drop=drop)

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answers = ingest_service_pb2_grpc.IngestServiceStub(channel).StreamDrops(requests(), timeout=300)
        return sum(answer.HasField("receipt") for answer in answers)
