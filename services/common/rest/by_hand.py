"""Answers whose JSON is written by hand, since they are read most; they become messages for gRPC alone."""

from __future__ import annotations

from abc import ABC, abstractmethod

from google.protobuf.message import Message

from services.common.rest.json import json_text


class ByHand(ABC):
    """Such an answer; to a gRPC server it is like its message."""

    __slots__ = ()

    @abstractmethod
    def message(self) -> Message:
        """The message."""

    @abstractmethod
    def json_text(self) -> bytes:
        """The bytes that the function `json_text` makes of the message."""

    def SerializeToString(self, *, deterministic: bool = False) -> bytes:
        """The bytes of the message."""
        return self.message().SerializeToString(deterministic=deterministic)


def answer_json(response: Message | ByHand) -> bytes:
    """The answer of a method as JSON."""
    return json_text(response) if isinstance(response, Message) else response.json_text()
