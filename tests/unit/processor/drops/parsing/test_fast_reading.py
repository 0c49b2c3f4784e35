from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.processor.drops.parsing.exact_reading import examine_drop
from services.processor.drops.parsing.fast_reading import parse_drop, parse_plain_drop
from services.processor.drops.parsing.outcomes import DropLimits, ParsedDrop, RefusedDrop
from services.processor.drops.parsing.statistics import compute_statistics
from tests.support.drop_strategies import BROKEN, GeneratedDrop, generate_drops, good_drops, oversized_drops
from tests.support.reference_measurements import Row, reference_measurements

LIMITS = DropLimits()
TEN_O_CLOCK_NS = 1_556_704_800_000_000_000
PIECES = [b'"', b"[", b"]", b"{", b"}", b",", b":", b"0", b"-", b"e", b".", b"", b" ", b"\\", b"\x00", b"\xff"]
TIME = '"time_stamp":"2019-05-01T10:00:00Z"'


def parsed(text: str, limits: DropLimits = LIMITS) -> ParsedDrop:
    outcome = parse_drop(text.encode(), limits)
    assert isinstance(outcome, ParsedDrop), outcome
    return outcome


def refused(text: str, limits: DropLimits = LIMITS) -> RefusedDrop:
    outcome = parse_drop(text.encode(), limits)
    assert isinstance(outcome, RefusedDrop), outcome
    return outcome


def where(outcome: RefusedDrop) -> list[tuple[str, str]]:
    return [(failure.reason.value, failure.path) for failure in outcome.failures]


def contents(outcome: ParsedDrop | RefusedDrop | None) -> object:
    """All that an outcome says, comparable; the sign of a zero is no part of it."""
    if not isinstance(outcome, ParsedDrop):
        return outcome
    measured = [(one.path, one.time_ns, (one.points + 0.0).tobytes()) for one in outcome.measurements]
    return measured, outcome.warnings, outcome.more_warnings


def test_an_object_is_one_measurement() -> None:
    (one,) = parsed('{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}').measurements
    assert (one.path, one.time_ns, one.points.tolist()) == ("$", TEN_O_CLOCK_NS, [0.379, 1.589, 2.188])
    assert one.points.dtype == np.float64


def test_an_array_is_a_measurement_for_each_element() -> None:
    drop = parsed(f'[{{{TIME},"data":[1]}},{{"time_stamp":"2019-05-01T10:00:00.5Z","data":[2,3]}}]')
    assert [(one.path, one.time_ns - TEN_O_CLOCK_NS, one.points.tolist()) for one in drop.measurements] == [
        ("$[0]", 0, [1.0]),
        ("$[1]", 500_000_000, [2.0, 3.0]),
    ]


def test_the_later_of_two_elements_of_one_instant_wins() -> None:
    drop = parsed(f'[{{{TIME},"data":[1]}},{{"time_stamp":"2019-05-01T06:00:00-04:00","data":[2]}}]')
    assert [(one.path, one.points.tolist()) for one in drop.measurements] == [("$[1]", [2.0])]
    ((reason, path, message),) = [(one.reason.value, one.path, one.message) for one in drop.warnings]
    assert (reason, path) == ("SAME_INSTANT_IN_DROP", "$[0]")
    assert "$[1]" in message


def test_one_bad_element_refuses_the_whole_array() -> None:
    outcome = refused(f'[{{{TIME},"data":[1]}},{{{TIME},"data":[1,"2",null]}},{{"data":[]}}]')
    assert where(outcome) == [
        ("NOT_A_NUMBER", "$[1].data[1]"),
        ("NOT_A_NUMBER", "$[1].data[2]"),
        ("DATA_EMPTY", "$[2].data"),
        ("MISSING_KEY", "$[2].time_stamp"),
    ]


def test_unknown_keys_are_a_warning() -> None:
    drop = parsed(f'{{{TIME},"data":[1],"device":{{"id":"a"}},"a b":[["x"]],"é":1e309}}')
    assert [(one.reason.value, one.path) for one in drop.warnings] == [
        ("UNKNOWN_KEY", "$.device"),
        ("UNKNOWN_KEY", '$["a b"]'),
        ("UNKNOWN_KEY", '$["\\u00e9"]'),
    ]


@pytest.mark.parametrize(
    ("text", "failures"),
    [
        ("", [("NOT_JSON", "$")]),
        ("[]", [("EMPTY_BATCH", "$")]),
        ("NaN", [("NOT_AN_OBJECT", "$")]),
        ("[[1]]", [("NOT_AN_OBJECT", "$[0]")]),
        (f'{{{TIME},"data":[NaN,-Infinity,1e309]}}', [("NOT_FINITE", f"$.data[{index}]") for index in range(3)]),
        (f'{{{TIME},"data":[true,[1]]}}', [("NOT_A_NUMBER", "$.data[0]"), ("NESTED_ARRAY", "$.data[1]")]),
        (f'{{{TIME},{TIME},"data":[1]}}', [("DUPLICATE_KEY", "$.time_stamp")]),
        (f'{{{TIME},"data":[1],"a":[{{"b":1,"b":2}}]}}', [("DUPLICATE_KEY", "$.a[0].b")]),
        (f'{{{TIME},"data":[1],"a":[0,NaN,"\\udc00"]}}', [("NOT_FINITE", "$.a[1]"), ("LONE_SURROGATE", "$.a[2]")]),
        (f'{{{TIME},"data":[1],"\\udc00":1}}', [("LONE_SURROGATE", '$["\\udc00"]')]),
        ('{"time_stamp":7,"data":{}}', [("TIMESTAMP_NOT_A_STRING", "$.time_stamp"), ("DATA_NOT_AN_ARRAY", "$.data")]),
    ],
)
def test_a_failure_says_where_it_is(text: str, failures: list[tuple[str, str]]) -> None:
    assert where(refused(text)) == failures


@pytest.mark.parametrize("name", BROKEN)
def test_a_drop_is_refused_for_exactly_its_reasons(name: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(BROKEN[name])
    def check(drop: GeneratedDrop) -> None:
        outcome = parse_drop(drop.raw, LIMITS)
        assert isinstance(outcome, RefusedDrop)
        assert {failure.reason.value for failure in outcome.failures} == drop.reasons
        for failure in outcome.failures:
            assert failure.path.startswith("$")
            (failure.path + failure.message).encode()

    check()


@given(good_drops())
@settings(deadline=None)
def test_the_fast_reading_says_what_the_exact_one_says(drop: GeneratedDrop) -> None:
    exact = examine_drop(drop.raw, LIMITS)
    assert isinstance(exact, ParsedDrop)
    plain = parse_plain_drop(drop.raw, LIMITS)
    if b"\\" not in drop.raw and b"1e309" not in drop.raw and len(drop.raw) < 768:
        assert plain is not None
    if plain is not None:
        assert contents(plain) == contents(exact)


@given(good_drops(), st.data())
@settings(deadline=None)
def test_the_fast_reading_is_never_more_lenient(drop: GeneratedDrop, data: st.DataObject) -> None:
    raw = bytearray(drop.raw)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(raw) - 1))
        raw[position : position + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(PIECES))
    plain = parse_plain_drop(bytes(raw), LIMITS)
    if plain is not None:
        assert contents(plain) == contents(examine_drop(bytes(raw), LIMITS))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.integers(-(2**80), 2**80).map(str)))
def test_numbers_are_the_nearest_float64(texts: list[str]) -> None:
    (one,) = parsed(f'{{{TIME},"data":[0.0,{",".join([*texts, "9007199254740993"])}]}}').measurements
    assert one.points.tolist() == [0.0, *(float(text) for text in texts), 9007199254740992.0]


@given(st.integers(0, 2**64 - 1), st.integers(1, 1100))
@example(0, 1100)
def test_numbers_half_way_between_two_float64_are_rounded_as_python_does(bits: int, decimals: int) -> None:
    value = struct.unpack("<d", struct.pack("<Q", bits))[0]
    if not math.isfinite(value) or abs(value) > 1e300:
        return
    (a, b), (c, d) = abs(value).as_integer_ratio(), math.nextafter(abs(value), math.inf).as_integer_ratio()
    numerator, denominator = a * d + c * b, 2 * b * d
    digits = f"{numerator * 10**decimals // denominator}e-{decimals}"
    (one,) = parsed(f'{{{TIME},"data":[{digits}]}}').measurements
    assert one.points.tolist() == [float(digits)]


def test_a_missing_hundred_is_counted_and_not_told() -> None:
    outcome = refused(f'{{{TIME},"data":[{",".join(["null"] * 250)}]}}')
    assert (len(outcome.failures), outcome.more_failures) == (100, 150)


def test_each_limit_can_be_reached_and_not_passed() -> None:
    limits = DropLimits(max_bytes=200, max_points=3, max_measurements=2, max_depth=4)
    element = f'{{{TIME},"data":[1,2,3]}}'
    deep = f'[{{{TIME},"data":[1],"a":[{{}}]}}]'
    for good in (element, f"[{element},{element}]", deep, element + " " * (200 - len(element))):
        parsed(good, limits)
    assert where(refused(element + " " * (201 - len(element)), limits)) == [("TOO_LARGE", "$")]
    assert where(refused(element.replace("3", "3,4"), limits))[:1] == [("TOO_MANY_POINTS", "$.data")]
    assert where(refused("[{},{},{}]", limits)) == [("TOO_MANY_MEASUREMENTS", "$")]
    assert where(refused(deep.replace("{}", "{},[[]]"), limits)) == [("TOO_DEEP", "$[0].a[1][0]")]
    (failure,) = refused(element + " " * 200, limits).failures
    assert "200" in failure.message


def test_the_standing_limits_hold() -> None:
    for drop in oversized_drops(LIMITS.max_bytes, LIMITS.max_points):
        outcome = parse_drop(drop.raw, LIMITS)
        assert isinstance(outcome, RefusedDrop)
        assert {failure.reason.value for failure in outcome.failures} == drop.reasons


def test_nesting_too_deep_for_any_parser_is_found_where_it_begins() -> None:
    limits = DropLimits(max_depth=4)
    text = f'[{{{TIME},"a":["]",{{"b c":{"[" * 200_000}'
    assert where(refused(text, limits)) == [("TOO_DEEP", '$[0].a[1]["b c"]')]


def test_a_byte_order_mark_is_named() -> None:
    (failure,) = refused("\ufeff{}").failures
    assert "byte order mark" in failure.message


def test_a_long_key_is_cut_in_the_path() -> None:
    (warning,) = parsed(f'{{{TIME},"data":[1],"{"k" * 100_000}":1}}').warnings
    assert len(warning.path) < 100


def test_what_generated_drops_come_to_is_what_the_reference_says_to_the_last_bit() -> None:
    drops = generate_drops(count=600, seed_number=4)
    rows: dict[int, Row] = {}
    accepted = []
    for drop in drops:
        outcome = parse_drop(drop.raw, DropLimits())
        accepted.append(isinstance(outcome, ParsedDrop))
        if isinstance(outcome, ParsedDrop):
            for one in outcome.measurements:
                of = compute_statistics(one.points)
                deviations = of.population_stddev, of.sample_stddev
                rows[one.time_ns] = (of.count, of.mean, *deviations, of.min, of.max)
    assert (rows, accepted) == reference_measurements(drop.raw for drop in drops)
    assert accepted == [not drop.reasons for drop in drops]
    assert len({reason for drop in drops for reason in drop.reasons}) == 21


def test_the_same_seed_generates_the_same_drops() -> None:
    assert generate_drops(count=60, seed_number=5) == generate_drops(count=60, seed_number=5)
