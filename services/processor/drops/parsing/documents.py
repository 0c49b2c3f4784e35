"""JSON read without losing what a parser usually swallows: duplicate keys, NaN and Infinity, lone surrogates."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """The text is not JSON; the message says where."""


class DuplicateKeys(dict[str, Any]):
    """An object in which a key stands more than once, with the last value of each key."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    @property
    def times(self) -> dict[str, int]:
        """How often each key that stands more than once stands there."""
        counts = Counter(key for key, _ in self._pairs)
        return {key: times for key, times in counts.items() if times > 1}


@dataclass(frozen=True, slots=True)
class NumberWord:
    """NaN, Infinity or -Infinity: what some encoders write and JSON does not know."""

    word: str


def read_document(text: str) -> Any:
    """Returns the document, with floats for all numbers (infinite beyond float64); raises NotJson or RecursionError."""
    if not text.strip(" \t\n\r"):
        raise NotJson("the body is empty")
    if text.startswith("\ufeff"):
        raise NotJson("the body begins with a byte order mark, which JSON does not know; save it as UTF-8 without one")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} (line {error.lineno}, column {error.colno})") from None


def holds_lone_surrogate(text: str) -> bool:
    """Returns whether the text cannot be written as UTF-8."""
    return not text.isascii() and _SURROGATE.search(text) is not None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    return plain if len(plain) == len(pairs) else DuplicateKeys(pairs)


# Made once: a drop may hold millions of them.
_WORDS = {word: NumberWord(word) for word in ("NaN", "Infinity", "-Infinity")}
_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=float, parse_constant=_WORDS.__getitem__)
