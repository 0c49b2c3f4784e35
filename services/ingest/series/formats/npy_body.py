"""A series as NumPy's .npy: points, or points by channels."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.lib import format as npy

from services.common.series.points import Values
from services.ingest.series.formats.body import BLOCK_POINTS, EXACT_INTEGERS, Block, ParsedBody, RawBody
from services.ingest.series.formats.refusals import inexact_integer, unreadable

FORMAT = "npy"
MAGIC = b"\x93NUMPY"
MOST_CHANNELS = 64
_HEADER_BYTES = 64 * 1024


def parse_npy(raw: RawBody) -> ParsedBody:
    """Reads the header; the values are taken from the bytes as they are asked for."""
    file = io.BytesIO(raw.start(_HEADER_BYTES))
    try:
        version = npy.read_magic(file)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, is_fortran, dtype = read(file, max_header_size=10_000)
    except Exception as error:  # noqa: BLE001 - NumPy lets through what its tokenizer and its evaluation raise
        raise unreadable(FORMAT, str(error).splitlines()[0][:200] if str(error) else type(error).__name__) from None
    if dtype.kind not in "fiu" or dtype.itemsize > 8 or dtype.hasobject:
        raise unreadable(FORMAT, f"its numbers are {dtype}; they must be float64, float32 or integers")
    if len(shape) not in (1, 2) or any(size < 0 for size in shape):
        raise unreadable(FORMAT, f"its shape is {shape}; it must be points, or points by channels")
    points, channels = (shape[0], 1) if len(shape) == 1 else shape
    if not 1 <= channels <= MOST_CHANNELS:
        raise unreadable(FORMAT, f"{channels} channels; a series has 1 to {MOST_CHANNELS}")
    data_bytes = raw.size_bytes - file.tell()
    if data_bytes != points * channels * dtype.itemsize:
        raise unreadable(FORMAT, f"{data_bytes} bytes follow the header, which does not match the shape {shape}")
    flat = np.frombuffer(raw.data, dtype=dtype, offset=file.tell(), count=points * channels)
    array = flat.reshape((points, channels), order="F" if is_fortran else "C")
    return ParsedBody((None,) * channels, False, _blocks(raw, array))


def _blocks(raw: RawBody, array: np.ndarray) -> Iterator[Block]:
    for start in range(0, len(array), BLOCK_POINTS):
        part = array[start : start + BLOCK_POINTS]
        yield Block(None, tuple(as_float64(part[:, at], "value", start) for at in range(array.shape[1])))
        raw.give_back()


def as_float64(values: np.ndarray, name: str, first_index: int) -> Values:
    """The same numbers as float64; an integer that float64 cannot hold is refused."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8:
        inexact = (
            (values > EXACT_INTEGERS) | (values < -EXACT_INTEGERS)
            if values.dtype.kind == "i"
            else values > EXACT_INTEGERS
        )
        if inexact.any():
            raise inexact_integer(first_index + int(inexact.argmax()), name)
    return np.ascontiguousarray(values, dtype=np.float64)
