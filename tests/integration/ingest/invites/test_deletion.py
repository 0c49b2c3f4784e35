from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.ingest_service_pb2 import CreateInviteRequest, DeleteInviteRequest

from services.common.base.errors import DropmeshError
from services.ingest.invites.writes import InviteWrites
from tests.support.calls import ANN, BOB, call_of
from tests.support.media_mesh import MediaMesh, photo


async def test_a_deleted_invite_takes_nothing_more_and_its_media_stay(mesh: MediaMesh) -> None:
    writes = InviteWrites(mesh.invites, edge_url="http://mesh", now_ns=mesh.clock)
    made = await writes.CreateInvite(CreateInviteRequest(), call_of())
    invite = await mesh.invites.get(ANN, made.name.partition("/")[2])
    stored = await mesh.upload(photo("one"), invite=invite)

    with pytest.raises(DropmeshError) as caught:
        await writes.DeleteInvite(DeleteInviteRequest(name=made.name), call_of(BOB))
    assert caught.value.reason == reasons.INVITE_NOT_FOUND
    await mesh.invites.reserve(invite.id, "upload-under-way", now_ns=mesh.clock())
    await writes.DeleteInvite(DeleteInviteRequest(name=made.name), call_of())
    # An upload that is under way ends as it would have.
    await mesh.invites.settle(invite.id, "upload-under-way", used=True)

    link = made.uri.rpartition("/invites/")[2].removesuffix("/media")
    for awaited in (
        mesh.invites.find_by_link(link),
        mesh.upload(photo("two"), invite=invite),
        writes.DeleteInvite(DeleteInviteRequest(name=made.name), call_of()),
    ):
        with pytest.raises(DropmeshError) as caught:
            await awaited
        assert caught.value.reason == reasons.INVITE_NOT_FOUND
    await writes.DeleteInvite(DeleteInviteRequest(name=made.name, allow_missing=True), call_of())
    assert (await mesh.media.get(ANN, stored.media.id)).invites == (invite.id,)
