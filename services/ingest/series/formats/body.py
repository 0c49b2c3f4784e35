"""A body as its format's reader gives it: what it says of the series, and its points block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import ACCESS_READ, MADV_DONTNEED, mmap
from pathlib import Path

import numpy as np
import pyarrow as pa

from services.common.series.points import Times, Values

BLOCK_POINTS = 128 * 1024
EXACT_INTEGERS = 2**53


def reaches(values: Values, magnitude: int) -> bool:
    """Whether a value is at or beyond the magnitude; makes no copy of the values."""
    return bool(np.fmax.reduce(values, initial=0) >= magnitude or np.fmin.reduce(values, initial=0) <= -magnitude)


@dataclass(frozen=True, slots=True)
class Block:
    """Some consecutive points as they came; without instants where the body has none."""

    times_ns: Times | None
    columns: tuple[Values, ...]


@dataclass(frozen=True, slots=True)
class Declared:
    """The description of a series in a body, besides the points; None or empty if it is not given."""

    sample_rate_hz: float | None = None
    start_ns: int | None = None
    units: tuple[str, ...] = ()
    display_name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    allow_gaps: bool = False


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """`names` are the channels' names, None where the format has none; `blocks` can be read once."""

    names: tuple[str | None, ...]
    has_times: bool
    blocks: Iterator[Block]
    declared: Declared = field(default_factory=Declared)


@dataclass(frozen=True, slots=True)
class RawBody:
    """The bytes of a body: in memory, or mapped from a file that is not written to."""

    data: bytes | mmap

    @classmethod
    def of_file(cls, path: Path) -> RawBody:
        """Those of a file, which need not be there any longer afterwards."""
        with path.open("rb") as file:
            return cls(mmap(file.fileno(), 0, access=ACCESS_READ))

    def start(self, size: int) -> bytes:
        """The first bytes."""
        return self.data[:size]

    def opened(self, begin: int = 0, end: int | None = None) -> pa.NativeFile:
        """The bytes from `begin` to `end`, for a reader of Arrow's."""
        return pa.BufferReader(pa.py_buffer(self.data)[begin:end])

    def give_back(self) -> None:
        """Frees the memory of the bytes that were read from the file; they are read again where they are needed."""
        if isinstance(self.data, mmap):
            self.data.madvise(MADV_DONTNEED)

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return len(self.data)
