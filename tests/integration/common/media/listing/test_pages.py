from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial

import pytest

from services.common.catalog import Position
from services.common.media import transitions
from services.common.media.listing.filters import MediaFilter, MediaOrder
from services.common.media.listing.terms import MEDIA_TERMS
from services.common.media.model import Media
from services.common.media.vocabulary import MediaState, ObjectClass
from services.common.rpc.identity import Caller, Scope
from services.ingest.media.files import FileOptions
from tests.support.media_mesh import Clock, MediaMesh, photo

ANN = Caller("ann", "ann", frozenset({Scope.READ}))
ADMIN = Caller("root", "root", frozenset({Scope.ADMIN}))
SITES = ({"site": "berlin"}, {"site": "berlin", "line": "3"}, {"site": "bern"}, {})


async def fill(mesh: MediaMesh, clock: Clock) -> list[Media]:
    """Media of two owners a second apart, of every combination of labels, objects and state."""
    stored = []
    choices = itertools.product(("ann", "bob"), SITES, (True, False), (True, False))
    for number, (owner, labels, has_face, is_deleted) in enumerate(choices):
        clock.advance(1)
        options = FileOptions(labels=labels, filename=f"{'pump' if number % 3 else 'Pump'}{number}.jpg")
        # The same bytes for both owners.
        media = (await mesh.upload(photo(f"{number % 16}"), owner, options)).media
        found = {"face": 2} if has_face else {}
        invites = ("inv",) if number % 2 else ()
        await mesh.media.change(media.id, lambda one, f=found, i=invites: replace(one, object_counts=f, invites=i))
        if is_deleted:
            await mesh.media.change(media.id, partial(transitions.delete, now_ns=clock(), purge_after_ns=1))
        stored.append(media.id)
    return [media for media_id in stored if (media := await mesh.media.find(media_id)) is not None]


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


def expected(stored: list[Media], caller: Caller, wanted: MediaFilter) -> list[str]:
    kept = [media for media in stored if wanted.accepts(media) and (caller.is_admin or media.owner == caller.owner)]
    if wanted.order is MediaOrder.FILENAME:
        kept.sort(key=lambda media: (media.filename.encode(), media.id))
    else:
        kept.sort(key=lambda media: media.create_time_ns, reverse=wanted.order is MediaOrder.NEWEST)
    return [media.id for media in kept]


@pytest.mark.parametrize("caller", [ANN, ADMIN], ids=["owner", "admin"])
async def test_every_filter_and_order_lists_page_by_page(each_mesh: MediaMesh, clock: Clock, caller: Caller) -> None:
    stored = await fill(each_mesh, clock)
    one = stored[5]
    filters: list[dict[str, object]] = [
        {},
        {"labels": {"site": "berlin"}},
        {"labels": {"site": "berlin", "line": "3"}},
        {"labels": {"site": "nowhere"}},
        {"object_class": ObjectClass.FACE},
        {"object_class": ObjectClass.PERSON},
        {"invite": "inv"},
        {"invite": "inv", "object_class": ObjectClass.FACE, "labels": {"site": "bern"}},
        {"sha256": one.original.sha256},
        {"sha256": one.original.sha256, "state": MediaState.DELETED},
        {"filename_prefix": "pump1"},
        {"filename_prefix": "pump", "state": MediaState.NEW},
        {"owner": "ann", "labels": {"site": "berlin"}},
        {"start_ns": one.create_time_ns, "end_ns": stored[-3].create_time_ns, "labels": {"site": "berlin"}},
        {"start_ns": one.create_time_ns, "filename_prefix": "pump"},
        {"state": MediaState.DELETED, "invite": "inv"},
    ]
    for given, order in itertools.product(filters, MediaOrder):
        wanted = MediaFilter(order=order, **given)  # type: ignore[arg-type]
        if order is MediaOrder.FILENAME and wanted.state is MediaState.DELETED:
            continue
        for size in (5, 100):
            assert await every(each_mesh, caller, wanted, size) == expected(stored, caller, wanted), (wanted, size)


async def test_a_caller_who_names_another_owner_finds_nothing(mesh: MediaMesh) -> None:
    await mesh.upload(photo("one"), "bob")
    page = await mesh.lists.page(ANN, MediaFilter(owner="bob"), after=None, limit=10)
    assert page.media == []


async def test_terms_follow_the_labels_and_go_with_the_media(each_mesh: MediaMesh, clock: Clock) -> None:
    mesh = each_mesh

    async def terms() -> list[str]:
        documents = await mesh.catalog.find(MEDIA_TERMS, "by_term", limit=100)
        return [document["term"] for document in documents]

    options = FileOptions(labels={"site": "berlin", "line": "3"})
    media = (await mesh.upload(photo("one"), options=options)).media
    assert await terms() == ["label:line=3", "label:site=berlin"]
    update = partial(transitions.update, filename=None, labels={"site": "bern"}, now_ns=clock())
    await mesh.media.change(media.id, update)
    assert await terms() == ["label:site=bern"]
    # The same bytes again, with another label: it is added.
    again = await mesh.upload(photo("one"), options=FileOptions(labels={"shift": "night"}))
    assert again.duplicate
    assert again.media.labels == {"site": "bern", "shift": "night"}
    assert await terms() == ["label:shift=night", "label:site=bern"]
    await mesh.media.change(media.id, partial(transitions.delete, now_ns=clock(), purge_after_ns=1))
    assert await terms() == []


async def test_terms_that_a_crash_left_list_nothing_and_are_purged(mesh: MediaMesh, clock: Clock) -> None:
    media = (await mesh.upload(photo("one"), options=FileOptions(labels={"site": "berlin"}))).media
    # Stored, and the process died before the media said so.
    await mesh.media._terms.add(media, ["label:site=bern"])
    assert await every(mesh, ANN, MediaFilter(labels={"site": "bern"}), 10) == []
    await mesh.media.change(media.id, partial(transitions.delete, now_ns=clock(), purge_after_ns=1))
    await mesh.sweep_all()
    await mesh.statistics.fold(now_ns=clock())
    await mesh.sweep_all()
    await mesh.statistics.fold(now_ns=clock())
    await mesh.sweep_all()
    assert await mesh.media.find(media.id) is None
    assert await mesh.catalog.find(MEDIA_TERMS, "by_media", (media.id,)) == []
