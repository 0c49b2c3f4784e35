from __future__ import annotations

import uuid

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import invite_pb2
from dropmesh.v1.ingest_service_pb2 import CreateInviteRequest

from services.common.base.errors import DropmeshError
from services.common.invites.store import INVITES
from services.ingest.invites.writes import InviteWrites
from tests.support.calls import BOB, call_of
from tests.support.media_mesh import MediaMesh


@pytest.fixture
def writes(each_mesh: MediaMesh) -> InviteWrites:
    return InviteWrites(each_mesh.invites, edge_url="http://edge", now_ns=each_mesh.clock)


async def refused(awaited: object) -> str:
    with pytest.raises(DropmeshError) as caught:
        await awaited  # type: ignore[misc]
    return reasons.ErrorReason.Name(caught.value.reason)


async def test_a_request_id_makes_one_invite_and_gives_its_link_again(
    each_mesh: MediaMesh, writes: InviteWrites
) -> None:
    request = CreateInviteRequest(invite=invite_pb2.Invite(display_name="Wedding"), request_id=str(uuid.uuid4()))
    first = await writes.CreateInvite(request, call_of())
    each_mesh.clock.advance(1)
    again = await writes.CreateInvite(request, call_of())
    assert again == first
    link = first.uri.removeprefix("http://edge/v1/invites/").removesuffix("/media")
    assert f"invites/{(await each_mesh.invites.find_by_link(link)).id}" == first.name
    assert (await writes.CreateInvite(request, call_of(BOB))).name != first.name
    request.invite.display_name = "Funeral"
    assert await refused(writes.CreateInvite(request, call_of())) == "REQUEST_ID_REUSED"


async def test_the_catalog_holds_neither_a_secret_nor_the_id_that_it_is_made_of(
    each_mesh: MediaMesh, writes: InviteWrites
) -> None:
    request = CreateInviteRequest(request_id=str(uuid.uuid4()))
    made = await writes.CreateInvite(request, call_of())
    (document,) = await each_mesh.catalog.find(INVITES, "by_time")
    secret = made.uri.rpartition(".")[2].removesuffix("/media")
    assert secret not in str(document)
    assert request.request_id not in str(document)


async def test_without_a_request_id_each_call_makes_an_invite(writes: InviteWrites) -> None:
    names = {(await writes.CreateInvite(CreateInviteRequest(), call_of())).name for _ in range(2)}
    assert len(names) == 2
