"""A body as its format's reader gives it: what it says of the series, and its points block by block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from services.common.series.points import Times, Values

BLOCK_POINTS = 128 * 1024
EXACT_INTEGERS = 2**53


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
    """The bytes of a body: in memory, or in a file that is not written to."""

    data: bytes | None = None
    path: Path | None = None

    def start(self, size: int) -> bytes:
        """The first bytes."""
        if self.data is not None:
            return self.data[:size]
        with self._file().open("rb") as file:
            return file.read(size)

    def whole(self) -> bytes:
        """All bytes, in memory."""
        return self.data if self.data is not None else self._file().read_bytes()

    def opened(self) -> pa.NativeFile:
        """The bytes for a reader of Arrow's."""
        return pa.BufferReader(self.data) if self.data is not None else pa.OSFile(str(self._file()), "rb")

    def mapped(self) -> memoryview | npt.NDArray[np.uint8]:
        """The bytes as an array, which takes no memory where they are in a file."""
        return memoryview(self.data) if self.data is not None else np.memmap(self._file(), dtype=np.uint8, mode="r")

    @property
    def size_bytes(self) -> int:
        """How many bytes there are."""
        return len(self.data) if self.data is not None else self._file().stat().st_size

    def _file(self) -> Path:
        if self.path is None:
            raise AssertionError("a body is in memory or in a file")
        return self.path
