"""Many RFC 3339 texts as nanoseconds, by Arrow; one by one only where it finds something it cannot read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.common.base.timestamps import TimestampRefused, parse_timestamp
from services.common.series.points import Times
from services.ingest.series.formats.refusals import bad_time

INSTANT = pa.timestamp("ns", tz="UTC")


def parsed_times(texts: Sequence[str] | pa.Array, first_index: int) -> Times:
    """The instants of texts; `first_index` is the place of the first one in its body."""
    try:
        array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
        return instants(pc.cast(array, INSTANT), first_index)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return _one_by_one(texts, first_index)


def instants(array: Any, first_index: int) -> Times:
    """Nanoseconds of Arrow's timestamps of any unit; refuses what is missing."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count:
        missing = int(np.flatnonzero(array.is_null().to_numpy(zero_copy_only=False))[0])
        raise bad_time(first_index + missing, "is missing")
    times: Times = pc.cast(array, INSTANT).cast(pa.int64()).to_numpy()
    return times


def _one_by_one(texts: Any, first_index: int) -> Times:
    found = []
    for index, text in enumerate(texts if isinstance(texts, list) else texts.to_pylist()):
        try:
            found.append(parse_timestamp(text or ""))
        except TimestampRefused as refused:
            raise bad_time(first_index + index, str(refused)) from None
    return np.array(found, dtype=np.int64)
