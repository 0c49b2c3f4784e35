from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from dropmesh.v1 import media_pb2
from dropmesh.v1.query_service_pb2 import (
    GetInviteMediaRequest,
    GetMediaRequest,
    GetStatisticsRequest,
    ListMediaObjectsRequest,
    ListMediaRequest,
    WatchMediaRequest,
)

from services.common.base.errors import DropmeshError, InvalidArgument, NotFound
from services.common.base.instants import utc_day
from services.common.caching.recent import Recent
from services.common.events.log import EventLog
from services.common.invites.store import Invite, new_secret
from services.common.rest.json import json_text
from services.common.rest.reads.kept import KeptAnswers
from services.common.rpc.call import Call
from services.common.rpc.identity import Caller, Scope
from services.query.events.hub import EventHub
from services.query.invites.reads import InviteReads
from services.query.media.answers import MediaTexts
from services.query.media.lists import MediaListReads
from services.query.media.reads import MediaReads
from services.query.statistics.reads import StatisticsReads
from tests.integration.common.media.test_work import begun, finish
from tests.support.calls import BOB, call_of
from tests.support.media_mesh import MediaMesh, photo

DAY_NS = 86_400 * 10**9
TEXTS = MediaTexts(Recent(0))


def kept(mesh: MediaMesh) -> KeptAnswers:
    return KeptAnswers(mesh.catalog, Recent(1_000_000))


@pytest.fixture
async def hub(mesh: MediaMesh) -> AsyncIterator[EventHub]:
    hub, stopping = EventHub(EventLog(mesh.catalog), mesh.stores.queue.bell, mesh.clock), asyncio.Event()
    running = asyncio.create_task(hub.run(stopping))
    yield hub
    stopping.set()
    await running


@pytest.fixture
def reads(mesh: MediaMesh, hub: EventHub) -> MediaReads:
    return MediaReads(mesh.media, mesh.found, hub, TEXTS, kept(mesh))


async def test_a_watcher_sees_each_change_until_the_end(mesh: MediaMesh, reads: MediaReads) -> None:
    media_id = (await mesh.upload(photo("one"))).media.id
    watching = aiter(reads.WatchMedia(WatchMediaRequest(name=f"media/{media_id}"), call_of()))
    assert (await anext(watching)).state == media_pb2.Media.NEW
    media = await begun(mesh, media_id)
    assert (await anext(watching)).state == media_pb2.Media.PROCESSING
    await mesh.outbox.publish_waiting()
    await mesh.statistics.fold(now_ns=mesh.clock())
    await finish(mesh, media, b"covered")
    assert [told.state async for told in watching] == [media_pb2.Media.PROCESSED]


async def test_a_watcher_is_reminded_where_nothing_changes(mesh: MediaMesh, hub: EventHub) -> None:
    name = f"media/{(await mesh.upload(photo('one'))).media.id}"
    reads = MediaReads(mesh.media, mesh.found, hub, TEXTS, kept(mesh), reminder_seconds=0.0)
    watching = aiter(reads.WatchMedia(WatchMediaRequest(name=name), call_of()))
    first = await anext(watching)
    assert await anext(watching) == first


async def test_a_photo_that_waits_says_when_it_is_expected_to_be_done(mesh: MediaMesh, hub: EventHub) -> None:
    done = await begun(mesh, (await mesh.upload(photo("done"))).media.id)
    mesh.clock.advance(4)
    assert await finish(mesh, done, b"covered")
    name = f"media/{(await mesh.upload(photo('waits'))).media.id}"
    reads = MediaReads(mesh.media, mesh.found, hub, TEXTS, kept(mesh), now_ns=mesh.clock)
    shown = (await reads.GetMedia(GetMediaRequest(name=name), call_of())).message()
    assert shown.processing.expect_time.ToNanoseconds() == mesh.clock() + 4 * 10**9
    processed = (await reads.GetMedia(GetMediaRequest(name=f"media/{done.id}"), call_of())).message()
    assert not processed.processing.HasField("expect_time")


async def test_pages_follow_each_other_and_belong_to_their_list(mesh: MediaMesh) -> None:
    reads = MediaListReads(mesh.lists, TEXTS, kept(mesh))
    for number in range(5):
        mesh.clock.advance(1)
        await mesh.upload(photo(str(number)))
    found: list[str] = []
    token = ""
    while True:
        page = (await reads.ListMedia(ListMediaRequest(page_size=2, page_token=token), call_of())).message()
        found += [media.name for media in page.media]
        token = page.next_page_token
        if not token:
            break
        with pytest.raises(InvalidArgument):
            await reads.ListMedia(ListMediaRequest(page_token=token), call_of(BOB))
        with pytest.raises(InvalidArgument):
            await reads.ListMedia(ListMediaRequest(page_token=token, camera_model="X"), call_of())
    assert len(set(found)) == 5


async def test_objects_are_those_of_the_last_result(mesh: MediaMesh, reads: MediaReads) -> None:
    media_id = (await mesh.upload(photo("one"))).media.id
    request = ListMediaObjectsRequest(name=f"media/{media_id}")
    assert not (await reads.ListMediaObjects(request, call_of())).objects
    await finish(mesh, await begun(mesh, media_id), b"covered")
    assert [found.id for found in (await reads.ListMediaObjects(request, call_of())).objects] == [1]
    with pytest.raises(NotFound):
        await reads.ListMediaObjects(request, call_of(BOB))


async def test_a_links_holder_sees_the_state_of_what_came_through_it(mesh: MediaMesh) -> None:
    secret, secret_sha256 = new_secret()
    invite = Invite("inv", "ann", "", secret_sha256, mesh.clock(), mesh.clock() + 10**12)
    await mesh.invites.insert(invite)
    through = await mesh.upload(photo("one"), invite=invite)
    other = await mesh.upload(photo("two"))
    reads = InviteReads(mesh.invites, mesh.media, mesh.clock)
    link = f"inv.{secret}"
    told = await reads.GetInviteMedia(GetInviteMediaRequest(link=link, name=f"media/{through.media.id}"), call_of())
    assert {field.name for field, _ in told.ListFields()} == {"name", "state", "anonymize"}
    for name, wrong in ((f"media/{other.media.id}", link), (f"media/{through.media.id}", "inv.wrong")):
        with pytest.raises(DropmeshError):
            await reads.GetInviteMedia(GetInviteMediaRequest(link=wrong, name=name), call_of())


async def test_thirty_days_of_uploads_move_on_at_midnight_in_utc(mesh: MediaMesh) -> None:
    midnight_ns = (mesh.clock.now_ns // DAY_NS + 1) * DAY_NS
    admin = call_of(Caller("root", "root", frozenset({Scope.ADMIN})))
    reads = StatisticsReads(mesh.statistics, Recent(10**6), kept(mesh), mesh.clock)

    async def counts(call: Call) -> list[int]:
        answer = await reads.GetStatistics(GetStatisticsRequest(), call)
        told = answer.message()
        assert answer.json_text() == json_text(told)
        assert told.uploads_per_day[-1].day == utc_day(mesh.clock())
        return [entry.count for entry in told.uploads_per_day]

    # For forty days: Ann uploads in the last instant of each, Bob in the first of the next.
    for day in range(40):
        for offset_ns, owner in ((-1, "ann"), (0, "bob")):
            mesh.clock.now_ns = midnight_ns + day * DAY_NS + offset_ns
            await mesh.upload(photo(f"{day} {owner}"), owner)
            await mesh.statistics.fold(now_ns=mesh.clock())
            if day >= 30:
                assert await counts(call_of()) == [1] * 29 + [int(owner == "ann")]
                assert await counts(call_of(BOB)) == [1] * 30
                assert await counts(admin) == [2] * 29 + [2 if owner == "ann" else 1]
    mesh.clock.now_ns += DAY_NS
    assert await counts(admin) == [2] * 28 + [1, 0]
    mesh.clock.now_ns += 40 * DAY_NS
    assert await counts(admin) == [0] * 30
