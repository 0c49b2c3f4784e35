"""Names of measurements and sources, made and read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.base.errors import InvalidArgument
from services.common.drops.names import (
    NamedMeasurement,
    NamedSource,
    measurement_name,
    named_measurement,
    named_source,
    source_name,
)
from services.common.rpc.identity import Caller, Scope

ANNA = Caller("anna", "anna", frozenset({Scope.READ, Scope.WRITE}))
ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))
TEN_NS = 1_556_704_800_000_000_000
OWNERS = st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable() and "%" not in text)
SOURCES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True).filter(lambda text: text != "default")


def test_the_plain_name_is_that_of_a_measurement_without_a_source() -> None:
    assert measurement_name("anna", "", TEN_NS, "anna") == "measurements/2019-05-01T10:00:00Z"
    assert measurement_name("anna", "a", TEN_NS, "anna") == "sources/a/measurements/2019-05-01T10:00:00Z"
    assert measurement_name("an na", "", TEN_NS, "root") == "owners/an%20na/measurements/2019-05-01T10:00:00Z"
    assert source_name("anna", "", "anna") == "sources/default"


@given(OWNERS, st.one_of(st.just(""), SOURCES))
def test_a_name_is_read_as_it_was_made(owner: str, source: str) -> None:
    name = measurement_name(owner, source, TEN_NS, ADMIN.owner)
    assert named_measurement(name, "name", ADMIN) == NamedMeasurement(owner, source, TEN_NS)
    assert named_source(source_name(owner, source, ADMIN.owner), ADMIN) == NamedSource(owner, source)


def test_the_default_source_may_be_named() -> None:
    found = named_measurement("sources/default/measurements/2019-05-01T06:00:00-04:00", "name", ANNA)
    assert found == NamedMeasurement("anna", "", TEN_NS)


def test_an_instant_that_is_none_is_refused_with_its_field() -> None:
    with pytest.raises(InvalidArgument) as refusal:
        named_measurement("measurements/yesterday", "parent", ANNA)
    assert refusal.value.metadata == {"field": "parent"}
