from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import bson
import pytest

from services.common.catalog.documents import from_document, to_document


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Point:
    id: str
    x: float
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    id: str
    owner: str
    created_ns: int
    color: Color
    raw: bytes = b""
    closed: bool = False
    title: str | None = None
    shade: Color | None = None
    start: Point | None = None
    points: tuple[Point, ...] = ()
    tags: list[str] = field(default_factory=list)
    colors: list[Color] = field(default_factory=list)
    size: tuple[int, int] = (0, 0)
    paint: tuple[Color, float] | None = None
    counts: dict[str, int] = field(default_factory=dict)
    by_color: Mapping[Color, Point] = field(default_factory=dict)
    value: str | int | float | None = None
    kind: Literal["a", "b"] = "a"
    anything: Any = None
    version: int = 0


FULL = Drawing(
    id="d1",
    owner="o",
    created_ns=2**60,
    color=Color.RED,
    raw=b"\x00\xff",
    closed=True,
    title="t",
    shade=Color.BLUE,
    start=Point("p", 1.5),
    points=(Point("p", 1.5, 2.5), Point("q", 0.0)),
    tags=["a", "b"],
    colors=[Color.BLUE],
    size=(3, 4),
    paint=(Color.BLUE, 0.5),
    counts={"n": 1},
    by_color={Color.RED: Point("r", 9.0)},
    value=2.5,
    kind="b",
    anything=[1, {"a": None}],
    version=7,
)


def test_a_model_comes_back_from_what_bson_makes_of_it() -> None:
    for drawing in (FULL, Drawing("d2", "o", 1, Color.BLUE)):
        read = from_document(Drawing, bson.decode(bson.encode(to_document(drawing))))
        assert read == drawing
        assert type(read.color) is Color
        assert type(read.points) is tuple


def test_stored_names_and_values() -> None:
    document = to_document(FULL)
    assert document["_id"] == "d1"
    assert document["_version"] == 7
    assert "id" not in document
    assert document["start"] == {"id": "p", "x": 1.5, "y": None}
    assert type(document["color"]) is str
    assert document["size"] == [3, 4]
    assert document["by_color"] == {"red": {"id": "r", "x": 9.0, "y": None}}


def test_models_grow() -> None:
    stored = {"_id": "d", "owner": "o", "created_ns": 1, "color": "blue", "unheard_of": 1}
    assert from_document(Drawing, stored) == Drawing("d", "o", 1, Color.BLUE)


def test_what_must_be_there_is_named() -> None:
    with pytest.raises(ValueError, match="a stored Drawing lacks created_ns"):
        from_document(Drawing, {"_id": "d", "owner": "o"})


@dataclass(frozen=True)
class Single:
    only: int


def test_a_model_of_one_field() -> None:
    assert to_document(Single(only=5)) == {"only": 5}
    assert from_document(Single, {"only": 5}) == Single(only=5)


@dataclass(frozen=True)
class Ambiguous:
    which: Single | Point


@dataclass(frozen=True)
class Unstorable:
    what: complex


@dataclass(frozen=True)
class Keyed:
    by_number: dict[int, str]


@pytest.mark.parametrize("value", [Ambiguous(Single(only=1)), Unstorable(1j), Keyed({})])
def test_a_model_that_cannot_be_stored_says_which_field(value: Any) -> None:
    with pytest.raises(TypeError, match=r"\w+\.(which|what|by_number) cannot be stored"):
        to_document(value)
