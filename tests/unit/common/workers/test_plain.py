from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from services.common.workers import plain
from services.common.workers.plain import decoder, encode, load
from services.common.workers.protocol import Misbehaviour


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    points: tuple[Point, ...]
    size: tuple[int, int]
    weights: Mapping[Colour, float] = field(default_factory=dict)
    file: Path = Path("/tmp")
    picture: bytes = b""
    is_done: bool = False


def there_and_back(hint: Any, value: Any) -> Any:
    text, content = encode(value)
    return decoder(hint)(load(text), content)


def test_a_value_comes_back_as_it_went() -> None:
    drawing = Drawing((Point(1.5, "ä"), Point(-2.0)), (3, 4), {Colour.BLUE: 0.5}, Path("/a b"), b"\0\xff", True)
    assert there_and_back(Drawing, drawing) == drawing
    assert there_and_back(tuple[Colour, ...], (Colour.RED,)) == (Colour.RED,)
    assert there_and_back(type(None), None) is None


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int, b"true"),
        (int, b"1.0"),
        (int, b"99999999999999999999"),
        (int, b"9223372036854775808"),
        (float, b'"1"'),
        (bool, b"1"),
        (str, b"null"),
        (bytes, b'"else"'),
        (Colour, b'"green"'),
        (Colour, b"[]"),
        (Point, b"[]"),
        (Point, b'{"x": 1}'),
        (Point, b'{"x": 1, "name": null, "more": 1}'),
        (Point, b'{"x": null, "name": null}'),
        (tuple[int, int], b"[1]"),
        (tuple[int, ...], b'"12"'),
        (tuple[int, ...], b'[1, "2"]'),
        (Mapping[Colour, float], b'{"green": 1}'),
        (Mapping[str, int], b"[]"),
    ],
)
def test_another_type_is_misbehaviour(hint: Any, text: bytes) -> None:
    with pytest.raises(Misbehaviour, match="a value that is no"):
        decoder(hint)(load(text), b"")


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"NaN", b"[" * 100_000, b"\x80\x04N."])
def test_what_is_no_json_is_misbehaviour(text: bytes) -> None:
    with pytest.raises(Misbehaviour, match="no JSON"):
        load(text)


def test_an_answer_of_millions_of_empty_lists_is_not_parsed() -> None:
    with pytest.raises(Misbehaviour, match="more than 8000000 values"):
        load(b"[" + b"[]," * (plain.MAX_VALUES // 2) + b"[]]")


def test_what_is_no_plain_value_does_not_travel() -> None:
    for value in (object(), {1, 2}, (b"one", b"other")):
        with pytest.raises(TypeError):
            encode(value)
