"""Hypothesis strategies for drops, good ones and ones broken in every way, each with the reasons to refuse it for.

What is expected is known from how a drop was made, never from the code under test. Sizes stay small: the drops that
break the limits on bytes and points are few and heavy, and come from `oversized_drops`.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

FIRST_NS = 0
LAST_NS = (datetime(2262, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * 10**9 - 1
# Few enough that drops often meet at one instant.
SHARED_INSTANTS = [1_556_704_800 * 10**9 + step * 250_000_000 for step in range(200)]

T = TypeVar("T")


@dataclass(frozen=True)
class GeneratedDrop:
    """The bytes of a drop and the reasons, each at least once, it must be refused for: none for a good one."""

    raw: bytes
    reasons: frozenset[str]


def write_instant(time_ns: int, offset_minutes: int, extra_digits: int, style: str) -> str:
    """Write an instant as RFC 3339; `style` is the letter or space in the middle, then Z, z or nothing."""
    seconds, nanos = divmod(time_ns, 10**9)
    if style[1:]:
        offset_minutes = 0
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds, minutes=offset_minutes)
    digits = f"{nanos:09d}".rstrip("0")
    digits = digits.ljust(min(9, len(digits) + extra_digits), "0")
    sign = "-" if offset_minutes < 0 else "+"
    offset = style[1:] or f"{sign}{abs(offset_minutes) // 60:02d}:{abs(offset_minutes) % 60:02d}"
    return local.strftime(f"%Y-%m-%d{style[0]}%H:%M:%S") + (f".{digits}" if digits else "") + offset


def instants() -> st.SearchStrategy[int]:
    """Instants the catalog can keep, in nanoseconds; most of them shared by many drops."""
    return st.one_of(st.sampled_from(SHARED_INSTANTS), st.sampled_from(SHARED_INSTANTS), st.integers(FIRST_NS, LAST_NS))


def time_stamps() -> st.SearchStrategy[str]:
    """Good timestamps in every accepted spelling."""
    styles = st.sampled_from(["T", "T", "t", " ", "TZ", "TZ", "tz", "Tz", " Z"])
    return st.builds(write_instant, instants(), st.integers(-1439, 1439), st.integers(0, 3), styles)


def numbers() -> st.SearchStrategy[str]:
    """Texts of JSON numbers that are finite as float64."""
    return st.one_of(
        st.floats(allow_nan=False, allow_infinity=False).map(repr),
        st.floats(-1000, 1000).map(lambda value: f"{value:.3f}"),
        st.floats(0, 1e-3).map(lambda noise: repr(1e9 + noise)),
        st.integers(-(2**70), 2**70).map(str),
        st.integers(2**53, 2**64 + 1).map(str),
        st.sampled_from(["0", "-0", "-0.0", "1E+2", "1e-7", "5e-324", "1e-400", "1e308", "-1.7976931348623157e308"]),
        st.integers(10**300, 10**308).map(str),
    )


def point_lists() -> st.SearchStrategy[list[str]]:
    """One or more texts of good numbers."""
    return st.lists(numbers(), min_size=1, max_size=8)


# Strategies that stand within others are made once: making them costs more than drawing from them.
_SPACE = st.sampled_from(["", "", "", " ", "\n\t", "\r\n  "])
_KEYS = {
    name: st.sampled_from([f'"{name}"'] * 9 + [f'"\\u{ord(name[0]):04x}{name[1:]}"']) for name in ("time_stamp", "data")
}
_GOOD_TIME_STAMP = time_stamps().map(json.dumps)
_GOOD_DATA = point_lists().map(lambda points: f"[{', '.join(points)}]")
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_STRINGS = st.builds(lambda text, ascii_only: json.dumps(text, ensure_ascii=ascii_only), _TEXT, st.booleans())
_JSON_VALUES = st.recursive(
    st.one_of(
        st.sampled_from(["null", "true", "1e309", "0", '""', '"\\""', '"\\u00e9"', '"\\/"']), numbers(), _STRINGS
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
        st.dictionaries(_TEXT.map(json.dumps), inner, max_size=3).map(
            lambda items: "{" + ",".join(f"{key}:{value}" for key, value in items.items()) + "}"
        ),
    ),
    max_leaves=5,
)
_UNKNOWN_MEMBERS = st.one_of(
    *[st.just([])] * 4,
    st.dictionaries(_TEXT.filter(lambda name: name not in _KEYS), _JSON_VALUES, min_size=1, max_size=2).map(
        lambda members: [f"{json.dumps(name)}:{value}" for name, value in members.items()]
    ),
)


def objects(
    time_stamp: st.SearchStrategy[str] = _GOOD_TIME_STAMP,
    data: st.SearchStrategy[str] = _GOOD_DATA,
    more: tuple[str, ...] = (),
) -> st.SearchStrategy[str]:
    """The text of one object: members in any order, with any white space, and now and then an unknown key."""

    def write(keys: tuple[str, str], values: tuple[str, str], unknown: list[str], spaces: list[str], turn: int) -> str:
        before_colon, after_colon, before_comma, at_end = spaces
        texts = [f"{key}{before_colon}:{after_colon}{value}" for key, value in zip(keys, values, strict=True) if value]
        texts += [*more, *unknown]
        middle = turn % max(1, len(texts))
        texts = texts[middle:] + texts[:middle]
        return "{" + f"{before_comma},".join(texts if turn % 2 else reversed(texts)) + at_end + "}"

    keys = st.tuples(_KEYS["time_stamp"], _KEYS["data"])
    spaces = st.lists(_SPACE, min_size=4, max_size=4)
    return st.builds(write, keys, st.tuples(time_stamp, data), _UNKNOWN_MEMBERS, spaces, st.integers(0, 11))


_GOOD_OBJECT = objects()


def good_texts() -> st.SearchStrategy[str]:
    """The texts of good drops: one object, or an array of some."""
    batches = st.lists(_GOOD_OBJECT, min_size=1, max_size=4).map(lambda items: f"[{','.join(items)}]")
    return st.one_of(_GOOD_OBJECT, _GOOD_OBJECT, batches)


def good_drops() -> st.SearchStrategy[GeneratedDrop]:
    return good_texts().map(lambda text: GeneratedDrop(text.encode(), frozenset()))


def _bad(text: st.SearchStrategy[str], *reasons: str) -> st.SearchStrategy[GeneratedDrop]:
    return text.map(lambda broken: GeneratedDrop(broken.encode(), frozenset(reasons)))


def _time_stamped(texts: list[str], *reasons: str) -> st.SearchStrategy[GeneratedDrop]:
    return _in_any_place(objects(time_stamp=st.sampled_from(texts).map(json.dumps)), *reasons)


def _with_point(point: str | st.SearchStrategy[str], *reasons: str) -> st.SearchStrategy[GeneratedDrop]:
    bad = st.just(point) if isinstance(point, str) else point
    data = st.builds(
        lambda before, one, after: f"[{','.join([*before, one, *after])}]", point_lists(), bad, point_lists()
    )
    return _in_any_place(objects(data=data), *reasons)


def _in_any_place(element: st.SearchStrategy[str], *reasons: str) -> st.SearchStrategy[GeneratedDrop]:
    """The element alone, or among good ones in an array."""
    around = st.lists(_GOOD_OBJECT, max_size=2)
    batch = st.builds(lambda before, one, after: f"[{','.join([*before, one, *after])}]", around, element, around)
    return _bad(st.one_of(element, batch), *reasons)


def _cut(text: str) -> st.SearchStrategy[str]:
    return st.integers(1, len(text) - 1).map(lambda length: text[:length])


def _nested(levels: int) -> str:
    return "[" * levels + "]" * levels


BROKEN: dict[str, st.SearchStrategy[GeneratedDrop]] = {
    "not UTF-8": st.builds(
        lambda drop, byte: GeneratedDrop(drop.raw[:-1] + byte + drop.raw[-1:], frozenset({"NOT_UTF8"})),
        good_drops(),
        st.sampled_from([b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"]),
    ),
    "cut short": _bad(objects().flatmap(_cut), "NOT_JSON"),
    "not JSON": _bad(
        st.one_of(
            st.sampled_from(["", " ", "time_stamp=2019", "{]", "[1,]", "{'data': 1}", "01", ".5", '"a\tb"', "[nan]"]),
            good_texts().map(lambda text: text + "x"),
            good_texts().map(lambda text: "\ufeff" + text),
            good_texts().map(lambda text: text + text),
        ),
        "NOT_JSON",
    ),
    "half a surrogate pair": _in_any_place(objects(more=('"note":"\\ud800"',)), "LONE_SURROGATE"),
    "a key with half a surrogate pair": _in_any_place(objects(more=('"\\udfff":1',)), "LONE_SURROGATE"),
    "too deep": _in_any_place(objects(more=(f'"deep":{_nested(32)}',)), "TOO_DEEP"),
    "far too deep": _bad(
        st.sampled_from([_nested(5000), '{"a":' * 9000 + "1" + "}" * 9000, "[" * 100_000]), "TOO_DEEP"
    ),
    "duplicate timestamp": _in_any_place(objects(more=('"time_stamp":"2019-05-01T10:00:00Z"',)), "DUPLICATE_KEY"),
    "duplicate data": _in_any_place(objects(more=('"d\\u0061ta":[1]',)), "DUPLICATE_KEY"),
    "duplicate unknown key": _in_any_place(objects(more=('"note":{"a":1,"b":2,"a":1}',)), "DUPLICATE_KEY"),
    "empty batch": _bad(st.sampled_from(["[]", " [ ]\n"]), "EMPTY_BATCH"),
    "not an object": _in_any_place(st.sampled_from(["null", "true", "7", '"text"', '"{}"']), "NOT_AN_OBJECT"),
    "an array of arrays": _bad(good_texts().map(lambda text: f"[[{text}]]"), "NOT_AN_OBJECT"),
    "no timestamp": _in_any_place(objects(time_stamp=st.just("")), "MISSING_KEY"),
    "no data": _in_any_place(objects(data=st.just("")), "MISSING_KEY"),
    "neither": _in_any_place(
        st.sampled_from(["{}", '{"Time_Stamp":"2019-05-01T10:00:00Z","Data":[1]}']), "MISSING_KEY"
    ),
    "timestamp not a string": _in_any_place(
        objects(time_stamp=st.sampled_from(["1556704800", "null", "true", "[]", "{}", "1e309", "NaN"])),
        "TIMESTAMP_NOT_A_STRING",
    ),
    "timestamp malformed": _time_stamped(
        [
            "",
            "yesterday",
            "2019-05-01",
            "2019-05-01T06:00-04:00",
            "2019-05-01T06:00:00-0400",
            "2019-05-01T06:00:00-04",
            "2019-05-01T06:00:00,5Z",
            "2019-05-01T06:00:00.Z",
            "20190501T060000Z",
            "2019-W18-3T06:00:00Z",
            "2019-121T06:00:00Z",
            "12019-05-01T06:00:00Z",
            "-2019-05-01T06:00:00Z",
            " 2019-05-01T06:00:00Z",
            "2019-05-01T06:00:00Z\n",
            "2019-05-01T06:00:00 Z",
            "2019-05-01T06:00:00UTC",
            "2019-05-01T06:00:00\u221204:00",
            "\uff12\uff10\uff11\uff19-05-01T06:00:00Z",
            "\ud800",
        ],
        "TIMESTAMP_MALFORMED",
    ),
    "timestamp without offset": _time_stamped(
        ["2019-05-01T06:00:00", "2019-05-01 06:00:00", "2019-05-01T06:00:00.25"], "TIMESTAMP_WITHOUT_OFFSET"
    ),
    "impossible date or time": _time_stamped(
        [
            "2019-02-29T06:00:00Z",
            "2100-02-29T06:00:00Z",
            "2019-04-31T06:00:00Z",
            "2019-13-01T06:00:00Z",
            "2019-00-01T06:00:00Z",
            "2019-05-00T06:00:00Z",
            "2019-05-01T24:00:00Z",
            "2019-05-01T06:60:00Z",
            "2019-05-01T06:00:61Z",
        ],
        "TIMESTAMP_IMPOSSIBLE",
    ),
    "impossible offset": _time_stamped(
        ["2019-05-01T06:00:00+24:00", "2019-05-01T06:00:00-99:00", "2019-05-01T06:00:00+04:60"], "OFFSET_IMPOSSIBLE"
    ),
    "leap second": _time_stamped(["2016-12-31T23:59:60Z", "2016-12-31T18:59:60.5-05:00"], "LEAP_SECOND"),
    "too precise": _time_stamped(
        ["2019-05-01T06:00:00.1234567891Z", "2019-05-01T06:00:00.0000000000Z"], "TIMESTAMP_TOO_PRECISE"
    ),
    "impossible in three ways": _time_stamped(
        ["2019-02-30T06:00:60.0123456789+44:00"],
        "TIMESTAMP_IMPOSSIBLE",
        "LEAP_SECOND",
        "TIMESTAMP_TOO_PRECISE",
        "OFFSET_IMPOSSIBLE",
    ),
    "year out of range": _time_stamped(
        [
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+23:59",
            "1969-12-31T23:59:59.999999999Z",
            "1970-01-01T00:00:00+00:01",
            "2262-01-01T00:00:00Z",
            "2261-12-31T23:59:00-00:01",
            "9999-12-31T23:59:59-23:59",
        ],
        "TIMESTAMP_OUT_OF_RANGE",
    ),
    "data not an array": _in_any_place(
        objects(data=st.sampled_from(["null", "1.5", '"1,2"', "{}", "true", "1e309", "NaN"])), "DATA_NOT_AN_ARRAY"
    ),
    "data empty": _in_any_place(objects(data=st.sampled_from(["[]", "[ \n]"])), "DATA_EMPTY"),
    "not a number": _with_point(st.sampled_from(['"1"', "true", "false", "null", "{}", '"NaN"', '""']), "NOT_A_NUMBER"),
    "not finite": _with_point(
        st.sampled_from(["NaN", "Infinity", "-Infinity", "1e309", "-1e309", "1" + "0" * 309, "9" * 5000]), "NOT_FINITE"
    ),
    "not finite in an unknown key": _in_any_place(objects(more=('"note":[1,NaN]',)), "NOT_FINITE"),
    "nested array": _with_point(st.sampled_from(["[]", "[1,2]", "[[1]]"]), "NESTED_ARRAY"),
    "points of every bad kind": _with_point('null,[1],NaN,"1"', "NOT_A_NUMBER", "NESTED_ARRAY", "NOT_FINITE"),
    "bad in every part": _in_any_place(
        objects(time_stamp=st.just("7"), data=st.just("[]"), more=('"a":1,"a":2',)),
        "TIMESTAMP_NOT_A_STRING",
        "DATA_EMPTY",
        "DUPLICATE_KEY",
    ),
}


def broken_drops() -> st.SearchStrategy[GeneratedDrop]:
    """Drops broken in one of the ways of `BROKEN`."""
    return st.one_of(*BROKEN.values())


def drops() -> st.SearchStrategy[GeneratedDrop]:
    """Good and broken drops, about half and half."""
    return st.one_of(good_drops(), broken_drops())


def oversized_drops(max_bytes: int, max_points: int) -> list[GeneratedDrop]:
    """Drops just past the limits on bytes and on points."""
    start = b'{"time_stamp":"2019-05-01T10:00:00Z","data":['
    points = start + b"1," * max_points + b"1]}"
    size = start + b"1]}" + b" " * (max_bytes - len(start) - 2)
    return [GeneratedDrop(points, frozenset({"TOO_MANY_POINTS"})), GeneratedDrop(size, frozenset({"TOO_LARGE"}))]


def generate_drops(count: int, seed_number: int, repeat_share: float = 0.25) -> list[GeneratedDrop]:
    """Return `count` drops, the same for the same seed: broken in every way, in random order, with repeats."""
    chance = random.Random(seed_number)
    repeats = int(count * repeat_share)
    share = max(1, (count - repeats) // (2 * len(BROKEN)))
    fresh = [drop for broken in BROKEN.values() for drop in _examples(broken, share, seed_number)]
    fresh += _examples(good_drops(), max(0, count - repeats - len(fresh)), seed_number)
    chance.shuffle(fresh)
    fresh = fresh[: count - repeats]
    return chance.sample(fresh + chance.choices(fresh, k=repeats), count)


def _examples(strategy: st.SearchStrategy[T], count: int, seed_number: int) -> list[T]:
    collected: list[T] = []

    def collect(example: Any) -> None:
        collected.append(example)

    if count:
        run: Callable[[], None] = seed(seed_number)(
            settings(
                max_examples=count,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(strategy)(collect))
        )
        run()
    # Hypothesis stops early where it has seen all there is.
    return [collected[index % len(collected)] for index in range(count)]
