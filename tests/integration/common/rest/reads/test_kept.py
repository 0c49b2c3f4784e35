from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from dropmesh.v1.media_pb2 import Media
from dropmesh.v1.query_service_pb2 import GetMediaRequest

from services.common.caching.recent import Recent
from services.common.catalog import Catalog, Collection, Insert
from services.common.catalog.opening import open_catalog
from services.common.rest.by_hand import answer_json
from services.common.rest.reads.kept import KeptAnswers
from tests.support.calls import ANN, BOB, call_of

NOTES = Collection("notes")


class Reads:
    """A read of the number of times that it was made."""

    def __init__(self, catalog: Catalog, recent_bytes: int = 100_000) -> None:
        self.made = 0
        self._kept = KeptAnswers(catalog, Recent(recent_bytes))

    async def get(self, name: str = "media/a", caller=ANN, lasts: Callable[[Media], bool] = lambda _: True) -> int:
        async def make() -> Media:
            self.made += 1
            return Media(filename=str(self.made))

        answer = await self._kept.answer(GetMediaRequest(name=name), call_of(caller), make, lasts=lasts)
        message = answer.message()
        assert answer.json_text() == answer_json(message)
        assert answer.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)
        return int(message.filename)


@pytest.fixture(params=["embedded", "mongodb"])
async def catalogs(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Catalog, Catalog]]:
    """Two openings of one catalog, as two services have them."""
    if request.param == "mongodb":
        address = f"{request.getfixturevalue('mongo_url').rstrip('/')}/kept_{uuid.uuid4().hex}"
    else:
        address = f"sqlite:{tmp_path}/catalog.sqlite"
    opened = [await open_catalog(address, [NOTES]) for _ in range(2)]
    yield opened[0], opened[1]
    for one in opened:
        await one.close()


@pytest.fixture
def is_kept(catalogs: tuple[Catalog, Catalog], request: pytest.FixtureRequest) -> bool:
    """MongoDB does not say whether something was written."""
    return "embedded" in request.node.name


async def test_an_answer_is_made_once_until_something_is_written_by_any_process(catalogs, is_kept) -> None:
    mine, others = catalogs
    reads = Reads(mine)
    assert [await reads.get() for _ in range(3)] == ([1, 1, 1] if is_kept else [1, 2, 3])
    for number, writer in enumerate((mine, others, mine), 1):
        before = reads.made
        await writer.batch([Insert(NOTES, {"_id": str(number)})])
        assert await reads.get() == before + 1


async def test_each_caller_and_each_request_has_its_own(catalogs) -> None:
    reads = Reads(catalogs[0])
    assert [await reads.get(), await reads.get("media/b"), await reads.get(caller=BOB)] == [1, 2, 3]


async def test_what_does_not_last_is_made_anew(catalogs) -> None:
    reads = Reads(catalogs[0])
    assert [await reads.get(lasts=lambda _: False) for _ in range(2)] == [1, 2]


async def test_what_is_too_large_is_made_anew(catalogs) -> None:
    reads = Reads(catalogs[0], recent_bytes=10)
    assert [await reads.get() for _ in range(2)] == [1, 2]
