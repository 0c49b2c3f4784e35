"""Points as a table that is sent, and how a file format takes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.common.series.model import Series
from services.common.series.points import Points

TEXT_VALUES = 32 * 1024
BINARY_VALUES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Table:
    """The points to send: `points`, or the series' own if None, with their number if known."""

    series: Series
    columns: tuple[str, ...]
    points: Points | None = None
    count: int | None = None
    is_rollup: bool = False

    @property
    def is_of_all_points(self) -> bool:
        """Whether each point of the series, or of a range of it, is there."""
        return self.points is None


class TableWriter(Protocol):
    """Turns points into bytes; all points are handed over `passes` times, in order."""

    passes: int
    most_values: int
    """How many values, with the instants, it takes at a time: a text is several times as large."""

    def wanted(self, take: int) -> Sequence[int] | None:
        """The columns that a pass looks at; None for all."""
        ...

    def write(self, take: int, points: Points) -> bytes:
        """Returns the bytes of some more rows."""
        ...

    def finish(self, take: int) -> bytes:
        """Returns the last bytes of the file."""
        ...
