"""Typed values as JSON and raw bytes, and back with each field checked against its type.

A value is text, numbers, booleans, bytes, paths, enumerations, tuples, mappings, dataclasses, and each of these or
None. One bytes value at most travels beside the JSON. What comes back has exactly the fields and types of the hint.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import orjson

from services.common.workers.protocol import Misbehaviour

Decode = Callable[[Any, bytes], Any]

MAX_VALUES: Final = 8_000_000
"""Of one answer: a small JSON of empty lists would fill twenty times its size in memory."""

_CONTENT_MARK: Final = "content"


def encode(value: Any) -> tuple[bytes, bytes]:
    """The JSON and the raw bytes of a value; raises TypeError where it is no plain value."""
    contents: list[bytes] = []

    def other(part: Any) -> Any:
        if isinstance(part, bytes) and not contents:
            contents.append(part)
            return _CONTENT_MARK
        if isinstance(part, Path):
            return str(part)
        raise TypeError(f"{type(part).__name__} is no plain value")

    text = orjson.dumps(value, other, orjson.OPT_NON_STR_KEYS)
    return text, contents[0] if contents else b""


def load(text: bytes) -> Any:
    """The JSON of a child, bounded in depth and in the number of its values."""
    if len(text) > MAX_VALUES and sum(map(text.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise Misbehaviour(f"more than {MAX_VALUES} values")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Misbehaviour("no JSON") from None


@cache
def decoder(hint: Any) -> Decode:
    """A function that makes a value of this type from parsed JSON and raw bytes, or raises Misbehaviour."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in {str, bool, type(None)}:
        return _exactly(hint)
    if hint is int:
        return _int
    if hint is float:
        return _float
    if hint is bytes:
        return _content
    if hint is Path:
        text = decoder(str)
        return lambda value, content: Path(text(value, content))
    if origin in {Union, types.UnionType} and len(arguments) == 2 and type(None) in arguments:
        return _optional(decoder(next(choice for choice in arguments if choice is not type(None))))
    if origin is tuple:
        return _items(decoder(arguments[0])) if arguments[1:] == (...,) else _places(tuple(map(decoder, arguments)))
    if origin is Mapping:
        return _mapping(*map(decoder, arguments))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _enumeration(hint)
    if isinstance(hint, type) and is_dataclass(hint):
        return _dataclass(hint)
    raise TypeError(f"{hint} is no type of plain values")


def _wrong(expected: str) -> Misbehaviour:
    return Misbehaviour(f"a value that is no {expected}")


def _exactly(kind: type[Any]) -> Decode:
    def decode(value: Any, _content: bytes) -> Any:
        if type(value) is not kind:
            raise _wrong(kind.__name__)
        return value

    return decode


def _int(value: Any, _content: bytes) -> int:
    # No store and no field of the contract takes more than 64 bits.
    if type(value) is not int or value >= 2**63:
        raise _wrong("int")
    return value


def _float(value: Any, _content: bytes) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    raise _wrong("float")


def _content(value: Any, content: bytes) -> bytes:
    if value != _CONTENT_MARK:
        raise _wrong("bytes")
    return content


def _optional(decode: Decode) -> Decode:
    return lambda value, content: None if value is None else decode(value, content)


def _items(decode: Decode) -> Decode:
    def decode_items(value: Any, content: bytes) -> tuple[Any, ...]:
        if type(value) is not list:
            raise _wrong("list")
        return tuple([decode(item, content) for item in value])

    return decode_items


def _places(decoders: tuple[Decode, ...]) -> Decode:
    def decode(value: Any, content: bytes) -> tuple[Any, ...]:
        if type(value) is not list or len(value) != len(decoders):
            raise _wrong(f"list of {len(decoders)}")
        return tuple([place(item, content) for place, item in zip(decoders, value, strict=True)])

    return decode


def _mapping(decode_key: Decode, decode_value: Decode) -> Decode:
    def decode(value: Any, content: bytes) -> dict[Any, Any]:
        if type(value) is not dict:
            raise _wrong("mapping")
        return {decode_key(key, content): decode_value(item, content) for key, item in value.items()}

    return decode


def _enumeration(kind: type[Enum]) -> Decode:
    members = {member.value: member for member in kind}

    def decode(value: Any, _content: bytes) -> Enum:
        if type(value) is not str or value not in members:
            raise _wrong(kind.__name__)
        return members[value]

    return decode


def _dataclass(kind: type[Any]) -> Decode:
    hints = get_type_hints(kind)
    decoders = [(field.name, decoder(hints[field.name])) for field in fields(kind)]
    names = {name for name, _ in decoders}

    def decode(value: Any, content: bytes) -> Any:
        if type(value) is not dict or value.keys() != names:
            raise _wrong(kind.__name__)
        return kind(**{name: decode_field(value[name], content) for name, decode_field in decoders})

    return decode
