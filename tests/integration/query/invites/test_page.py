from __future__ import annotations

import re
from urllib.parse import urlencode

from dropmesh.v1 import invite_pb2
from dropmesh.v1.ingest_service_pb2 import UpdateInviteRequest
from dropmesh.v1.query_service_pb2 import OpenInvitePageRequest
from google.api.httpbody_pb2 import HttpBody

from services.common.invites.holders import Holders
from services.query.invites import page as invite_page
from services.query.invites.page import InvitePages
from tests.integration.query.invites.test_downloads import Wedding, link_of, refused
from tests.support.calls import call_of
from tests.support.media_mesh import MediaMesh


async def test_the_pin_opens_a_page_whose_proof_leads_to_older_files(mesh: MediaMesh, monkeypatch) -> None:
    monkeypatch.setattr(invite_page, "LISTED", 1)
    wedding, holders = Wedding(mesh), Holders(mesh.invites, mesh.clock)
    pages = InvitePages(mesh.invites, holders, mesh.lists, mesh.clock)
    invite = await wedding.invite(pin="4711", download=invite_pb2.Invite.ALL)
    link = link_of(invite)
    names = []
    for text in ("one", "two"):
        mesh.clock.advance(1)
        names.append((await wedding.upload(link, text, pin="4711")).media.name)
        await wedding.process(names[-1])

    async def opened(**form: str) -> str:
        request = OpenInvitePageRequest(link=link, form=HttpBody(data=urlencode(form).encode()))
        return (await pages.OpenInvitePage(request, call_of())).data.decode()

    newest = await opened(pin="4711")
    assert (names[1] in newest, names[0] in newest) == (True, False)
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)">', newest))
    assert (names[0] in await opened(**hidden), names[1] in await opened(**hidden)) == (True, False)
    (token,) = re.findall(rf"{names[1]}/anonymized\?token=([^\"]+)", newest)
    assert await wedding.download(link, names[1], token) == b"covered " + names[1].encode()
    # The token of a download opens no page, and no proof outlives its PIN.
    assert await refused(opened(proof=token)) == "INVITE_PIN_MISSING"
    await wedding.writes.UpdateInvite(UpdateInviteRequest(name=invite.name, pin="0815"), call_of())
    assert await refused(opened(**hidden)) == "INVITE_PIN_MISSING"


async def test_wrong_pins_of_a_page_have_to_wait(mesh: MediaMesh) -> None:
    wedding, holders = Wedding(mesh), Holders(mesh.invites, mesh.clock)
    pages = InvitePages(mesh.invites, holders, mesh.lists, mesh.clock)
    link = link_of(await wedding.invite(pin="4711", download=invite_pb2.Invite.ALL))
    request = OpenInvitePageRequest(link=link, form=HttpBody(data=b"pin=0000"))
    for _ in range(5):
        assert await refused(pages.OpenInvitePage(request, call_of())) == "INVITE_PIN_WRONG"
    call = call_of(accept="text/html")
    assert b"retry after 60 s" in (await pages.OpenInvitePage(request, call)).data
    assert (call.http_status, call.answer_headers["retry-after"]) == (429, "60")


async def test_a_page_without_all_downloads_is_not_opened(mesh: MediaMesh) -> None:
    wedding, holders = Wedding(mesh), Holders(mesh.invites, mesh.clock)
    pages = InvitePages(mesh.invites, holders, mesh.lists, mesh.clock)
    link = link_of(await wedding.invite(pin="4711", download=invite_pb2.Invite.OWN))
    for data, reason in (
        (b"pin=4711", "INVITE_DOWNLOAD_REFUSED"),
        (b"pin=4711&x=" + b"x" * 4096, "INVALID_FIELD"),
        (b"\xff\x00&==", "INVITE_PIN_MISSING"),
    ):
        request = OpenInvitePageRequest(link=link, form=HttpBody(data=data))
        assert await refused(pages.OpenInvitePage(request, call_of())) == reason
