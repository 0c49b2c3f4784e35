"""A mesh's stores with media of three owners in three days, and measurements; on the embedded and the real stores."""

from __future__ import annotations

import argparse
import random
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from scripts.measuring.loading.media_entries import entries
from services.common.base.instants import SECOND_NS
from services.common.catalog import Insert
from services.common.drops.measurements import Measurement, Measurements, measurement_key
from services.common.media.model import NOTHING, Media
from services.common.media.store import MEDIA, media_document
from services.common.settings import Settings
from services.common.statistics.store import StatisticsStore
from services.common.stores.open import Stores, open_stores

DAY_NS = 86_400 * SECOND_NS
OWNERS = ("ann", "bob", "eve/ und Söhne")
SOURCES = ("", "press-7")


@dataclass
class Filled:
    """The stores of a mesh, and what is in them."""

    stores: Stores
    settings: Settings
    now_ns: int
    measurements: list[Measurement]

    def arguments(self, **values: object) -> argparse.Namespace:
        return argparse.Namespace(**values)

    async def add_media(self, count: int, seed: int = 1) -> list[Media]:
        """Media as workers left them, counted in the statistics."""
        chance = random.Random(seed)
        added = []
        for media in entries(count, self.now_ns):
            created_ns = self.now_ns - chance.randrange(2 * 86_400) * SECOND_NS
            one = replace(
                media,
                id=f"{seed}-{media.id}",
                owner=chance.choice(OWNERS),
                create_time_ns=created_ns,
                original=replace(media.original, sha256=uuid.uuid4().hex * 2),
                duplicate_count=chance.randrange(3),
                counted=NOTHING,
                uncounted_since_ns=created_ns,
                version=0,
            )
            added.append(one)
        await self.stores.catalog.batch([Insert(MEDIA, media_document(media)) for media in added])
        while await StatisticsStore(self.stores.catalog).fold(now_ns=self.now_ns):
            pass
        return added

    async def add_measurements(self, count: int) -> None:
        """Measurements over three days, some written by two receipts; the newer one is stored."""
        chance = random.Random(7)
        for number in range(count):
            owner = chance.choice(OWNERS)
            time_ns = self.now_ns - chance.randrange(2 * 86_400) * SECOND_NS
            for turn in range(1 + number % 2):
                one = _measurement(owner, time_ns, 2 * number + turn + 1, chance)
                await Measurements(self.stores.catalog).write([one])
            self.measurements.append(one)


def _measurement(owner: str, time_ns: int, sequence: int, chance: random.Random) -> Measurement:
    least, source = chance.uniform(-5, 5), SOURCES[(sequence - 1) // 4 % 2]
    return Measurement(
        id=measurement_key(owner, source, time_ns),
        owner=owner,
        source=source,
        time_ns=time_ns,
        count=chance.randrange(1, 100),
        mean=least + 1,
        population_stddev=0.5,
        sample_stddev=None,
        min=least,
        max=least + 2,
        receipt=f"receipt{sequence}",
        sequence=sequence,
        receive_time_ns=time_ns,
        process_time_ns=time_ns,
    )


@pytest.fixture(params=["embedded", "real"])
async def filled(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Filled]:
    settings = Settings(data=tmp_path)
    if request.param == "real":
        s3, name = request.getfixturevalue("s3"), f"batch{uuid.uuid4().hex[:12]}"
        settings = Settings(
            data=tmp_path,
            catalog=f"{request.getfixturevalue('mongo_url').rstrip('/')}/{name}",
            queue=f"{request.getfixturevalue('amqp_url')}?prefix={name}",
            objects=f"s3://{name}",
            s3_endpoint=s3.endpoint,
            s3_access_key=s3.access_key,
            s3_secret_key=s3.secret_key,
        )
    opened = await open_stores(settings)
    yield Filled(opened, settings, time.time_ns(), [])
    await opened.close()
