from __future__ import annotations

import random
from pathlib import Path

from services.common.objects.directory import DirectoryObjects
from services.ingest.metadata.stored_ranges import BLOCK_BYTES, BLOCKS_KEPT, StoredRanges


async def test_any_range_is_what_was_stored(tmp_path: Path) -> None:
    numbers = random.Random(1)
    data = numbers.randbytes((BLOCKS_KEPT + 3) * BLOCK_BYTES + 7)
    objects = await DirectoryObjects.open(tmp_path)
    await objects.put("one", data)
    ranges = StoredRanges(objects, "one")
    starts = [0, BLOCK_BYTES - 1, len(data) - 3, len(data), *(numbers.randrange(len(data)) for _ in range(50))]
    for start in starts:
        for count in (0, 1, 10, BLOCK_BYTES + 2):
            assert await ranges.read(start, count) == data[start : start + count]
