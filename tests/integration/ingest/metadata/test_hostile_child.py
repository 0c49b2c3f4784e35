from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.media.model import Metadata
from services.common.media.refusals import DamagedMedia
from services.common.media.types import sniff
from services.common.workers.confinement import ChildLimits
from services.common.workers.jobs import job
from services.common.workers.worker import Worker
from services.ingest.metadata.jobs import Answer, load_parsers
from services.ingest.metadata.limits import MediaLimits
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.reader import MetadataReader
from tests.integration.common.workers import hostile
from tests.support.fuzz_media import in_memory
from tests.support.media_samples import image_bytes


@job
def lie(_worker: Worker[Any], width: int, seconds: float) -> Answer:
    return Answer(MetadataReading(Metadata(width, 48, duration_seconds=seconds)))


LIMITS = ChildLimits(1 << 30, result_bytes=1 << 20)
TURNS: list[tuple[Any, ...]] = [
    *((hostile.play, trick) for trick in ("a pickle as a result", "4 GiB of text", "another type", "nonsense")),
    (hostile.fall_silent,),
    (lie, 2**40, 1.0),
    (lie, 2**63, 1.0),
    (lie, 64, 1e300),
]


async def test_a_media_that_takes_its_process_over_is_refused_as_damaged_and_the_next_one_read(tmp_path: Path) -> None:
    mark, data = tmp_path / "mark", image_bytes("jpeg")
    async with hostile.TakenOver(load_parsers, children=1, threads=1, limits=LIMITS) as pool:
        pool.turns = [(*turn, mark) if turn[0] is hostile.play else turn for turn in TURNS]
        reader = MetadataReader(MediaLimits(), pool, silent=timedelta(seconds=5))
        for _ in TURNS:
            with pytest.raises(DamagedMedia) as caught:
                await reader.read(in_memory(data), len(data), sniff(data))
            assert caught.value.reason == reasons.MEDIA_UNREADABLE
            assert caught.value.metadata == {"format": "jpeg"}
        assert (await reader.read(in_memory(data), len(data), sniff(data))).metadata.width == 48
    assert not mark.exists()
