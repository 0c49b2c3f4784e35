from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import invite_pb2
from dropmesh.v1.ingest_service_pb2 import (
    CreateInviteRequest,
    RevokeInviteRequest,
    UpdateInviteRequest,
    UploadInviteMediaRequest,
    UploadResult,
)
from dropmesh.v1.query_service_pb2 import DownloadInviteMediaRequest, GetInvitePageRequest, ListInviteMediaRequest
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import DropmeshError
from services.common.invites.holders import Holders
from services.ingest.invites.writes import InviteWrites
from services.ingest.media.files import FileOptions
from services.ingest.media.uploads import MediaUploads
from services.query.invites.downloads import InviteDownloads
from services.query.invites.page import InvitePages
from services.query.media.downloads import Downloads
from tests.integration.common.media.test_work import begun, finish
from tests.support.calls import call_of, stream
from tests.support.media_mesh import MediaMesh, photo


class Wedding:
    """An invite, its owner and its holders."""

    def __init__(self, mesh: MediaMesh) -> None:
        self.mesh = mesh
        self.writes = InviteWrites(mesh.invites, edge_url="http://edge", now_ns=mesh.clock)
        self.uploads = MediaUploads(mesh.storing, mesh.invites, mesh.clock)
        downloads = Downloads(mesh.media, mesh.objects, presigned=None)
        holders = Holders(mesh.invites, mesh.clock)
        self.downloads = InviteDownloads(holders, mesh.media, mesh.lists, downloads, mesh.clock)
        self.pages = InvitePages(mesh.invites, holders, mesh.lists, mesh.clock)

    async def invite(self, **fields: object) -> invite_pb2.Invite:
        request = CreateInviteRequest(invite=invite_pb2.Invite(**fields))  # type: ignore[arg-type]
        return await self.writes.CreateInvite(request, call_of())

    async def upload(self, link: str, text: str, **asked: str) -> UploadResult:
        headers = {"x_invite_pin": asked.pop("pin")} if "pin" in asked else {}
        request = UploadInviteMediaRequest(link=link, body=HttpBody(data=photo(text)), filename="a.jpg", **asked)
        return (await self.uploads.UploadInviteMedia(stream(request), call_of(**headers))).results[0]

    async def process(self, name: str) -> None:
        media = await begun(self.mesh, name.removeprefix("media/"))
        assert await finish(self.mesh, media, b"covered " + name.encode())

    async def download(self, link: str, name: str, token: str = "", **headers: str) -> bytes:
        request = DownloadInviteMediaRequest(link=link, name=name, token=token)
        sent = self.downloads.DownloadInviteMedia(request, call_of(**headers))
        return b"".join([body.data async for body in sent])

    async def listed(self, link: str) -> list[str]:
        found, token = list[str](), ""
        while True:
            request = ListInviteMediaRequest(link=link, page_size=1, page_token=token)
            page = await self.downloads.ListInviteMedia(request, call_of())
            found += [media.name for media in page.media]
            token = page.next_page_token
            if not token:
                return found


@pytest.fixture
def wedding(each_mesh: MediaMesh) -> Wedding:
    return Wedding(each_mesh)


def link_of(invite: invite_pb2.Invite) -> str:
    return invite.uri.removeprefix("http://edge/v1/invites/").removesuffix("/media")


async def refused(awaited: object) -> str:
    with pytest.raises(DropmeshError) as caught:
        await awaited  # type: ignore[misc]
    return reasons.ErrorReason.Name(caught.value.reason)


async def test_the_holder_downloads_what_it_uploaded_and_nothing_else(wedding: Wedding) -> None:
    link = link_of(await wedding.invite(download=invite_pb2.Invite.OWN))
    mine, other = await wedding.upload(link, "mine"), await wedding.upload(link, "other")
    assert mine.download_token != other.download_token
    assert await refused(wedding.download(link, mine.media.name, mine.download_token)) == "MEDIA_NOT_PROCESSED"
    for result in (mine, other):
        await wedding.process(result.media.name)
    assert (await wedding.download(link, mine.media.name, mine.download_token)).startswith(b"covered")
    for token in ("", mine.download_token):
        assert await refused(wedding.download(link, other.media.name, token)) == "INVITE_DOWNLOAD_REFUSED"
    assert await refused(wedding.listed(link)) == "INVITE_DOWNLOAD_REFUSED"
    elsewhere = link_of(await wedding.invite(download=invite_pb2.Invite.OWN))
    assert await refused(wedding.download(elsewhere, mine.media.name, mine.download_token)) == "INVITE_DOWNLOAD_REFUSED"


async def test_with_all_the_holder_lists_and_downloads_everything_of_the_invite(wedding: Wedding) -> None:
    invite = await wedding.invite(download=invite_pb2.Invite.ALL)
    link = link_of(invite)
    names = []
    for text in ("one", "two", "three"):
        wedding.mesh.clock.advance(1)
        names.append((await wedding.upload(link, text)).media.name)
    beside = (await wedding.mesh.upload(photo("beside"))).media
    for name in names[:2]:
        await wedding.process(name)
    await wedding.process(f"media/{beside.id}")
    assert await wedding.listed(link) == [names[1], names[0]]
    assert await wedding.download(link, names[0]) == b"covered " + names[0].encode()
    assert await refused(wedding.download(link, f"media/{beside.id}")) == "MEDIA_NOT_FOUND"
    await wedding.writes.RevokeInvite(RevokeInviteRequest(name=invite.name), call_of())
    assert await refused(wedding.download(link, names[0])) == "INVITE_REVOKED"


async def test_holders_see_only_file_names_that_came_through_their_invite(wedding: Wedding) -> None:
    link, other = [link_of(await wedding.invite(download=invite_pb2.Invite.ALL)) for _ in range(2)]
    mine = (await wedding.mesh.upload(photo("mine"), options=FileOptions(filename="Mr Smith.jpg"))).media
    assert (await wedding.upload(link, "mine")).media.name == f"media/{mine.id}"
    theirs = (await wedding.upload(link, "theirs")).media.name
    assert (await wedding.upload(other, "theirs")).duplicate
    for name in (f"media/{mine.id}", theirs):
        await wedding.process(name)
    own, sent = f"{mine.id}.jpg", "a.jpg"
    elsewhere = f"{theirs.removeprefix('media/')}.jpg"

    for of, names in ((link, {own, sent}), (other, {elsewhere})):
        listed = (await wedding.downloads.ListInviteMedia(ListInviteMediaRequest(link=of), call_of())).media
        assert {media.filename for media in listed} == names
        page = await wedding.pages.GetInvitePage(GetInvitePageRequest(link=of), call_of())
        assert all(name in page.data.decode() for name in names)
        assert b"Smith" not in page.data
        for media in listed:
            call = call_of()
            request = DownloadInviteMediaRequest(link=of, name=media.name)
            assert [body async for body in wedding.downloads.DownloadInviteMedia(request, call)]
            assert media.filename.removesuffix(".jpg") + "-anonymized" in call.answer_headers["content-disposition"]


async def test_without_a_word_nothing_can_be_downloaded(wedding: Wedding) -> None:
    link = link_of(await wedding.invite())
    sent = await wedding.upload(link, "one")
    assert sent.download_token == ""
    await wedding.process(sent.media.name)
    assert await refused(wedding.download(link, sent.media.name)) == "INVITE_DOWNLOAD_REFUSED"


async def test_pin_and_name_are_asked_for_before_a_file_is_stored(wedding: Wedding) -> None:
    invite = await wedding.invite(pin="4711", require_sender_name=True, download=invite_pb2.Invite.ALL)
    assert (invite.pin, invite.pin_required, invite.require_sender_name) == ("", True, True)
    link = link_of(invite)
    assert await refused(wedding.upload(link, "one")) == "INVITE_PIN_MISSING"
    assert await refused(wedding.upload(link, "one", pin="0000")) == "INVITE_PIN_WRONG"
    assert await refused(wedding.upload(link, "one", pin="4711")) == "INVITE_SENDER_NAME_MISSING"
    assert await wedding.mesh.stored_keys() == []
    sent = await wedding.upload(link, "one", pin="4711", sender_name="Aunt Mia")
    stored = await wedding.mesh.media.find(sent.media.name.removeprefix("media/"))
    assert stored is not None
    assert stored.sender_name == "Aunt Mia"
    await wedding.process(sent.media.name)
    assert await refused(wedding.download(link, sent.media.name)) == "INVITE_PIN_MISSING"
    assert await wedding.download(link, sent.media.name, x_invite_pin="4711")


@pytest.mark.parametrize("download", [invite_pb2.Invite.OWN, invite_pb2.Invite.ALL])
async def test_the_token_of_an_upload_proves_the_pin_until_it_is_another_one(wedding: Wedding, download: int) -> None:
    invite = await wedding.invite(pin="4711", download=download)
    link = link_of(invite)
    mine, other = [await wedding.upload(link, text, pin="4711") for text in ("mine", "other")]
    for sent in (mine, other):
        await wedding.process(sent.media.name)
    assert (await wedding.download(link, mine.media.name, mine.download_token)).startswith(b"covered")
    assert await refused(wedding.download(link, other.media.name, mine.download_token)) == "INVITE_PIN_MISSING"
    await wedding.writes.UpdateInvite(UpdateInviteRequest(name=invite.name, pin="0815"), call_of())
    assert await refused(wedding.download(link, mine.media.name, mine.download_token)) == "INVITE_PIN_MISSING"
    again = await wedding.upload(link, "mine", pin="0815")
    assert again.duplicate
    assert (await wedding.download(link, mine.media.name, again.download_token)).startswith(b"covered")


async def test_a_browser_gets_a_page_where_there_is_nothing_to_download_yet(wedding: Wedding) -> None:
    link = link_of(await wedding.invite(download=invite_pb2.Invite.OWN))
    sent = await wedding.upload(link, "one")
    page = await wedding.download(link, sent.media.name, sent.download_token, accept="text/html,*/*")
    assert b"is not PROCESSED but NEW" in page
    assert b'<a href="../../media">' in page


async def test_a_form_has_the_pin_and_the_name_before_the_files(wedding: Wedding) -> None:
    link = link_of(await wedding.invite(pin="4711", require_sender_name=True))

    def form(pin: str) -> HttpBody:
        fields = "".join(
            f'--xyz\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("pin", pin), ("sender_name", "Mia"))
        ).encode()
        head = b'--xyz\r\ncontent-disposition: form-data; name="a"; filename="a.jpg"\r\n\r\n'
        data = fields + head + photo("one") + b"\r\n--xyz--\r\n"
        return HttpBody(content_type="multipart/form-data; boundary=xyz", data=data)

    async def send(pin: str) -> UploadResult:
        request = UploadInviteMediaRequest(link=link, body=form(pin))
        return (await wedding.uploads.UploadInviteMedia(stream(request), call_of())).results[0]

    assert await refused(send("0000")) == "INVITE_PIN_WRONG"
    assert (await send("4711")).media.name


async def test_an_update_changes_what_its_mask_names_and_the_link_stays(wedding: Wedding) -> None:
    invite = await wedding.invite(display_name="Wedding", pin="4711", max_uploads=3)
    link = link_of(invite)
    request = UpdateInviteRequest(name=invite.name, download=invite_pb2.Invite.ALL, etag=invite.etag)
    changed = await wedding.writes.UpdateInvite(request, call_of())
    assert (changed.download, changed.display_name, changed.max_uploads) == (invite_pb2.Invite.ALL, "Wedding", 3)
    assert await refused(wedding.writes.UpdateInvite(request, call_of())) == "ETAG_MISMATCH"
    assert await refused(wedding.upload(link, "one")) == "INVITE_PIN_MISSING"
    cleared = UpdateInviteRequest(name=invite.name)
    cleared.update_mask.paths.extend(["pin", "max_uploads"])
    changed = await wedding.writes.UpdateInvite(cleared, call_of())
    assert (changed.pin_required, changed.max_uploads, changed.display_name) == (False, 0, "Wedding")
    assert (await wedding.upload(link, "one")).media.name
    empty = UpdateInviteRequest(name=invite.name, display_name="Party", update_mask={})
    assert (await wedding.writes.UpdateInvite(empty, call_of())).display_name == "Party"
    longer = UpdateInviteRequest(name=invite.name)
    longer.ttl.FromSeconds(7200)
    changed = await wedding.writes.UpdateInvite(longer, call_of())
    assert changed.expire_time.seconds == wedding.mesh.clock() // 10**9 + 7200
    await wedding.writes.RevokeInvite(RevokeInviteRequest(name=invite.name), call_of())
    assert await refused(wedding.writes.UpdateInvite(longer, call_of())) == "INVITE_REVOKED"
