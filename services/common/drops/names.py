"""The names of measurements and sources, as a caller sees them: those of another owner begin with owners/{owner}/.

A drop without a source has the source "" in the stores, no source in a measurement's name, and "default" where a
request or a source's name needs a word for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from services.common.base.errors import InvalidField
from services.common.base.timestamps import TimestampRefused, format_timestamp, parse_timestamp
from services.common.rpc.identity import Caller

DEFAULT_SOURCE = "default"
# Characters of an owner that stand in a name as they are.
_PLAIN = "_.-~@"


@dataclass(frozen=True, slots=True)
class NamedSource:
    """An owner and a source, as read from a name."""

    owner: str
    source: str


@dataclass(frozen=True, slots=True)
class NamedMeasurement:
    """An owner, a source and an instant, as read from a name."""

    owner: str
    source: str
    time_ns: int


def stored_source(asked: str) -> str:
    """The source as it is stored."""
    return "" if asked == DEFAULT_SOURCE else asked


def measurement_name(owner: str, source: str, time_ns: int, viewer: str) -> str:
    """The name of a measurement, for a caller who owns what `viewer` owns."""
    collection = f"sources/{source}/measurements" if source else "measurements"
    return f"{_prefix(owner, viewer)}{collection}/{format_timestamp(time_ns)}"


def source_name(owner: str, source: str, viewer: str) -> str:
    """The name of a source, for a caller who owns what `viewer` owns."""
    return f"{_prefix(owner, viewer)}sources/{source or DEFAULT_SOURCE}"


def named_measurement(name: str, field: str, caller: Caller) -> NamedMeasurement:
    """Reads a name, however the offset of its instant is written; `field` is where the name was given."""
    of, _, time = name.rpartition("measurements/")
    owner, rest = _owner(of, caller)
    try:
        time_ns = parse_timestamp(time)
    except TimestampRefused as refused:
        raise InvalidField(field, str(refused)) from None
    return NamedMeasurement(owner, stored_source(rest.removeprefix("sources/").removesuffix("/")), time_ns)


def named_source(name: str, caller: Caller) -> NamedSource:
    """Reads a name."""
    owner, rest = _owner(name, caller)
    return NamedSource(owner, stored_source(rest.removeprefix("sources/")))


def _prefix(owner: str, viewer: str) -> str:
    return "" if owner == viewer else f"owners/{quote(owner, safe=_PLAIN)}/"


def _owner(name: str, caller: Caller) -> tuple[str, str]:
    if not name.startswith("owners/"):
        return caller.owner, name
    owner, _, rest = name.removeprefix("owners/").partition("/")
    return unquote(owner), rest
