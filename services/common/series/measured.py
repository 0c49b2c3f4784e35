"""The measurements of a source as a series: nothing is copied, the points are read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import NotFound
from services.common.base.names import resource_id
from services.common.drops.names import named_source, source_name
from services.common.drops.sources import Source, Sources, source_not_found
from services.common.rpc.identity import Caller
from services.common.series.model import Channel, Series
from services.common.series.store import SeriesStore

# The first is what a forecast is made of where no channel is asked for.
CHANNELS = tuple(map(Channel, ("mean", "population_stddev", "sample_stddev", "min", "max", "count")))
DRAWN = ("mean", "min", "max")
_STORED = "series/"


@dataclass(frozen=True, slots=True)
class MeasuredSeries(Series):
    """The series of a source; `viewed_as` is its name for the caller."""

    source: str = ""
    viewed_as: str = ""
    first_ns: int = 0
    latest_ns: int = 0

    @property
    def name(self) -> str:
        """See Series."""
        return self.viewed_as

    @property
    def ends(self) -> tuple[int, int] | None:
        """See Series."""
        return self.first_ns, self.latest_ns


class SeriesFinder:
    """Finds series by name: those that were stored, and those that are a source's measurements."""

    def __init__(self, store: SeriesStore, sources: Sources) -> None:
        self._store = store
        self._sources = sources

    async def get(self, caller: Caller, name: str) -> Series:
        """A series that the caller may read, or NotFound."""
        if name.startswith(_STORED):
            return await self._store.get(caller, resource_id(name))
        named = named_source(name.removesuffix("/series"), caller)
        source = await self._sources.get(named.owner, named.source) if caller.may_use(named.owner) else None
        if source is None:
            raise source_not_found(source_name(named.owner, named.source, caller.owner))
        return _measured_series(source, caller.owner)


def with_channels(series: Series, names: Sequence[str]) -> Series:
    """The series with these channels alone, in its own order; with all where none is named; else NotFound."""
    if not names:
        return series
    known = {channel.name for channel in series.channels}
    for name in names:
        if name not in known:
            raise channel_not_found(series, name)
    return replace(series, channels=tuple(channel for channel in series.channels if channel.name in names))


def channel_not_found(series: Series, name: str) -> NotFound:
    """The series has no such channel."""
    return NotFound(
        reasons.SERIES_CHANNEL_NOT_FOUND,
        f"channel: {series.name} has no channel {name!r}",
        metadata={"channel": name},
    )


def _measured_series(source: Source, viewer: str) -> MeasuredSeries:
    return MeasuredSeries(
        id="",
        owner=source.owner,
        subject="",
        display_name=source.source,
        labels={},
        channels=CHANNELS,
        allow_gaps=True,
        create_time_ns=0,
        update_time_ns=0,
        point_count=source.count,
        revision=0,
        source=source.source,
        viewed_as=f"{source_name(source.owner, source.source, viewer)}/series",
        first_ns=source.first_ns,
        latest_ns=source.latest_ns,
    )
