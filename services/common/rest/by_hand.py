"""Answers whose JSON is written by hand, since they are read most; they become messages for gRPC alone."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message

from services.common.rest.json import json_text


class ByHand(Protocol):
    """Such an answer; to a gRPC server it is like its message."""

    def json_text(self) -> bytes:
        """The bytes that `json_text` makes of the message."""
        ...

    def SerializeToString(self) -> bytes:
        """The bytes of the message."""
        ...


def answer_json(response: Message | ByHand) -> bytes:
    """The answer of a method as JSON."""
    return json_text(response) if isinstance(response, Message) else response.json_text()
