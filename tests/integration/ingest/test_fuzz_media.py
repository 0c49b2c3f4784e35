from __future__ import annotations

from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.reader import MetadataReader, open_readers
from tests.support.fuzz_media import fuzz, mutants, seeds
from tests.support.media_samples import IMAGE_FORMATS, VIDEO_FORMATS


async def test_mutated_media_are_read_or_refused_and_nothing_else() -> None:
    async with open_readers(1) as pool:
        reader = MetadataReader(MediaLimits(), pool)
        report = await fuzz(reader, mutants(seeds(IMAGE_FORMATS + VIDEO_FORMATS), 400, seed=1))
    assert report.escaped == []
    assert report.lost_workers == []
    assert {"read", "read with warnings", "DamagedMedia", "UnsupportedMedia"} <= set(report.outcomes)
