from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import object_pb2
from dropmesh.v1.ingest_service_pb2 import (
    UploadInviteMediaRequest,
    UploadMediaRequest,
    UploadMediaResponse,
)
from google.api.httpbody_pb2 import HttpBody

from services.common.base.errors import DropmeshError
from services.common.invites.store import Invite, new_secret
from services.ingest.media.uploads import MediaUploads
from tests.support.calls import answered, call_of, stream
from tests.support.media_mesh import MediaMesh, photo

MULTIPART = "multipart/form-data; boundary=xyz"


@pytest.fixture
def uploads(mesh: MediaMesh) -> MediaUploads:
    return MediaUploads(mesh.storing, mesh.invites, mesh.clock)


def form(*parts: tuple[str, str | None, bytes]) -> bytes:
    """A multipart body: (name, file name, data)."""
    body = b""
    for name, filename, data in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        body += f'--xyz\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode() + data + b"\r\n"
    return body + b"--xyz--\r\n"


async def upload(uploads: MediaUploads, body: bytes, content_type: str = "", **first: object) -> UploadMediaResponse:
    messages = [
        UploadMediaRequest(body=HttpBody(content_type=content_type, data=body[:50]), **first),  # type: ignore[arg-type]
        *(UploadMediaRequest(body=HttpBody(data=body[start : start + 50])) for start in range(50, len(body), 50)),
    ]
    call = call_of()
    answer = await uploads.UploadMedia(stream(*messages), call)
    assert answered(call)["x-http-code"] == "201"
    return answer


async def test_a_raw_body_is_one_file(uploads: MediaUploads) -> None:
    for content_type in ("image/jpeg", "application/x-www-form-urlencoded", ""):
        answer = await upload(uploads, photo(content_type), content_type, filename="/a/b.jpg")
        assert [result.filename for result in answer.results] == ["b.jpg"]


async def test_each_file_of_a_form_has_its_own_result(uploads: MediaUploads) -> None:
    body = form(
        ("a", "1.jpg", photo("one")),
        ("b", "x/notes.txt", b"just text"),
        ("c", "empty.jpg", b""),
        ("d", "2.jpg", photo("two")),
        ("e", "1 again.jpg", photo("one")),
    )
    results = (await upload(uploads, body, MULTIPART)).results
    assert [result.duplicate for result in results] == [False, False, False, False, True]
    assert [bool(result.error.message) for result in results] == [False, True, True, False, False]
    assert results[1].filename == "notes.txt"
    assert results[0].media.name == results[4].media.name


async def test_fields_hold_for_the_files_after_them(uploads: MediaUploads) -> None:
    body = form(
        ("a", "1.jpg", photo("one")),
        ("objects", None, b"person, vehicle"),
        ("objects", None, b"face"),
        ("mode", None, b"mosaic"),
        ("labels", None, b"site=bern"),
        ("labels", None, "note=a, b = \u00fc".encode()),
        ("b", "2.jpg", photo("two")),
    )
    first, second = (
        await upload(uploads, body, MULTIPART, objects=[object_pb2.LICENSE_PLATE], labels=["site=berlin"])
    ).results
    assert list(first.media.anonymize.objects) == [object_pb2.LICENSE_PLATE]
    assert list(second.media.anonymize.objects) == [object_pb2.FACE, object_pb2.PERSON, object_pb2.VEHICLE]
    assert second.media.anonymize.mode == object_pb2.AnonymizeOptions.MOSAIC
    assert dict(first.media.labels) == {"site": "berlin"}
    assert dict(second.media.labels) == {"site": "bern", "note": "a, b = ü"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (form(("a", "notes.txt", b"just text")), "MEDIA_TYPE_UNSUPPORTED"),
        (form(("mode", None, b"mosaic")), "MEDIA_EMPTY"),
        (form(("mode", None, b"invisible"), ("a", "1.jpg", photo("one"))), "INVALID_FIELD"),
        (form(("labels", None, b"3=x"), ("a", "1.jpg", photo("one"))), "INVALID_FIELD"),
        (form(*(("labels", None, b"l%d=x" % n) for n in range(65)), ("a", "1.jpg", photo("one"))), "INVALID_FIELD"),
        (form(("sha256", None, b"123"), ("a", "1.jpg", photo("one"))), "INVALID_FIELD"),
        (form(("sha256", None, b"0" * 64), ("a", "1.jpg", photo("one"))), "SHA256_MISMATCH"),
        (form(("a", "1.jpg", photo("one")))[:-20], "BODY_INTERRUPTED"),
        (form(("a", "1.jpg", photo("one")))[:-13], "BODY_INTERRUPTED"),
        (b"no form at all", "BODY_INTERRUPTED"),
        (b"--xyz\r\nno header at all\r\n\r\n\r\n--xyz--\r\n", "MULTIPART_MALFORMED"),
    ],
)
async def test_a_call_with_nothing_good_fails(uploads: MediaUploads, body: bytes, reason: str) -> None:
    with pytest.raises(DropmeshError) as caught:
        await upload(uploads, body, MULTIPART)
    assert reasons.ErrorReason.Name(caught.value.reason) == reason


async def test_a_call_without_a_message_is_empty(uploads: MediaUploads) -> None:
    with pytest.raises(DropmeshError) as caught:
        await uploads.UploadMedia(stream(), call_of())
    assert caught.value.reason == reasons.MEDIA_EMPTY


async def test_a_new_media_has_no_objects_to_leave_out(uploads: MediaUploads) -> None:
    with pytest.raises(DropmeshError) as caught:
        await upload(uploads, photo("one"), anonymize=object_pb2.AnonymizeOptions(exclude_objects=[1]))
    assert caught.value.reason == reasons.INVALID_FIELD


async def test_the_holder_of_a_link_sees_names_states_and_options_alone(mesh: MediaMesh, uploads: MediaUploads) -> None:
    secret, secret_sha256 = new_secret()
    await mesh.invites.insert(
        Invite("inv", "ann", "", secret_sha256, mesh.clock(), mesh.clock() + 10**12, max_uploads=5)
    )
    body = form(("sender_name", None, b"Mia"), ("a", "1.jpg", photo("one")))
    request = UploadInviteMediaRequest(link=f"inv.{secret}", body=HttpBody(content_type=MULTIPART, data=body))
    answer = await uploads.UploadInviteMedia(stream(request), call_of())
    told = {field.name for field, _ in answer.results[0].media.ListFields()}
    assert told == {"name", "state", "anonymize"}
    media = await mesh.media.find(answer.results[0].media.name.removeprefix("media/"))
    assert media is not None
    assert (media.owner, media.invites, media.anonymize.mode) == ("ann", ("inv",), "gradient")


async def test_the_holder_of_a_link_does_not_learn_the_name_of_what_the_owner_had(
    mesh: MediaMesh, uploads: MediaUploads
) -> None:
    secret, secret_sha256 = new_secret()
    await mesh.invites.insert(Invite("inv", "ann", "", secret_sha256, mesh.clock(), mesh.clock() + 10**12))
    await upload(uploads, photo("one"), filename="my secret.jpg")
    request = UploadInviteMediaRequest(
        link=f"inv.{secret}", body=HttpBody(data=photo("one")), filename="theirs/party.jpg"
    )
    (result,) = (await uploads.UploadInviteMedia(stream(request), call_of())).results
    assert (result.filename, result.duplicate) == ("party.jpg", True)


@pytest.mark.parametrize("link", ["inv.wrong", "inv", "inv.", ".", "other.secret", "inv.ü"])
async def test_a_wrong_link_is_no_invite(mesh: MediaMesh, uploads: MediaUploads, link: str) -> None:
    await mesh.invites.insert(Invite("inv", "ann", "", new_secret()[1], mesh.clock(), mesh.clock() + 10**12))
    with pytest.raises(DropmeshError) as caught:
        await uploads.UploadInviteMedia(stream(UploadInviteMediaRequest(link=link)), call_of())
    assert caught.value.reason == reasons.INVITE_NOT_FOUND
