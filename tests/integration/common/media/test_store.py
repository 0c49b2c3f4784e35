from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import pytest

from services.common.base.errors import NotFound
from services.common.catalog import Position
from services.common.media.listing.filters import MediaFilter
from services.common.media.transitions import delete
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.rpc.identity import Caller, Scope
from tests.support.media_mesh import Clock, MediaMesh, photo

ANN = Caller("ann", "ann", frozenset({Scope.READ}))
ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))
CAMERAS = ("X", "Y", "")
STATES = (MediaState.NEW, MediaState.PROCESSED, MediaState.DELETED)


async def fill(mesh: MediaMesh, clock: Clock) -> list[str]:
    """Media of two owners, of each camera in each state, a second apart."""
    stored = []
    for owner, camera, state, number in itertools.product(("ann", "bob"), CAMERAS, STATES, range(4)):
        clock.advance(1)
        text = f"{owner}{state}{number} camera={camera}" if camera else f"{owner}{state}{number}"
        media = (await mesh.upload(photo(text), owner)).media
        kind = MediaKind.VIDEO if number == 1 else MediaKind.IMAGE
        await mesh.media.change(media.id, partial(replace, state=state, kind=kind))
        stored.append(media.id)
    return stored


async def every(mesh: MediaMesh, caller: Caller, wanted: MediaFilter, size: int) -> list[str]:
    found: list[str] = []
    after: Position | None = None
    while True:
        page = await mesh.lists.page(caller, wanted, after=after, limit=size)
        assert len(page.media) <= size
        found += [media.id for media in page.media]
        if page.end is None:
            return found
        after = page.end


@pytest.mark.parametrize("caller", [ANN, ADMIN], ids=["owner", "admin"])
async def test_every_filter_lists_newest_first_page_by_page(mesh: MediaMesh, clock: Clock, caller: Caller) -> None:
    stored = await fill(mesh, clock)
    media = [await mesh.media.find(media_id) for media_id in stored]
    start_ns = media[10].create_time_ns  # type: ignore[union-attr]
    choices = ((None, *STATES), (None, MediaKind.VIDEO), (None, "X", "Z"), (None, start_ns))
    for state, kind, camera, start in itertools.product(*choices):
        wanted = MediaFilter(state, kind, camera, start)
        expected = [
            entry.id
            for entry in reversed(media)
            if entry is not None
            and caller.is_admin | (entry.owner == "ann")
            and (entry.state is state if state else not entry.is_deleted)
            and (kind is None or entry.kind is kind)
            and (camera is None or entry.metadata.camera_model == camera)
            and (start is None or entry.create_time_ns >= start)
        ]
        for size in (1, 5, 100):
            assert await every(mesh, caller, wanted, size) == expected, wanted


async def test_what_belongs_to_another_is_not_found(mesh: MediaMesh) -> None:
    stored = await mesh.upload(photo("one"), "bob")
    with pytest.raises(NotFound):
        await mesh.media.get(ANN, stored.media.id)
    with pytest.raises(NotFound):
        await mesh.media.change_owned(ANN, stored.media.id, lambda media: media)
    assert (await mesh.media.get(ADMIN, stored.media.id)).id == stored.media.id


async def test_content_of_a_deleted_media_can_be_uploaded_again(mesh: MediaMesh, clock: Clock) -> None:
    first = await mesh.upload(photo("one"))
    await mesh.media.change(first.media.id, lambda media: delete(media, now_ns=clock(), purge_after_ns=10))
    again = await mesh.upload(photo("one"))
    assert not again.duplicate
    assert again.media.id != first.media.id
