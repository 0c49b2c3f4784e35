from __future__ import annotations

from dataclasses import replace

import pytest
from dropmesh.v1 import error_reason_pb2, ingest_service_pb2, media_pb2

from services.common.base.errors import FailedPrecondition
from services.common.invites.pages import SentMedia, form_page, refused_page, uploaded_page
from services.common.invites.pin import StoredPin
from services.common.invites.store import Download, Invite
from services.common.media.anonymize.options import AnonymizeOptions, ClassOptions
from services.common.media.vocabulary import KeptMetadata, Mode, ObjectClass, Sound

INVITE = Invite("id", "anna", "Wedding", b"", create_time_ns=0, expire_time_ns=1_767_268_800_000_000_000)


def text(page: bytes) -> str:
    return page.decode()


def test_the_form_says_what_is_covered_and_until_when() -> None:
    options = AnonymizeOptions(
        objects=(ObjectClass.FACE, ObjectClass.PERSON),
        mode=Mode.SOLID,
        classes={ObjectClass.FACE: ClassOptions(mode=Mode.BLUR)},
        sound=Sound.DROP,
        keep_metadata=(KeptMetadata.CAPTURE_TIME,),
    )
    page = text(form_page(replace(INVITE, anonymize=options, max_uploads=10, upload_count=3)))
    for said in (
        "until 1 January 2026, 12:00 UTC. At most 7 more.",
        "Faces are blurred.",
        "People are painted over.",
        "The sound of videos is removed.",
        "is removed, except: capture time.",
    ):
        assert said in page


def test_the_form_asks_for_what_the_invite_asks_for() -> None:
    usual = text(form_page(INVITE))
    assert 'name="pin"' not in usual
    assert '<input name="sender_name" maxlength="100">' in usual
    asking = replace(INVITE, pin=StoredPin(b"", b""), require_sender_name=True)
    page = text(form_page(asking))
    assert 'name="pin"' in page
    assert '<input name="sender_name" maxlength="100" required>' in page
    # An option applies to the files after it.
    assert page.index('name="pin"') < page.index('name="sender_name"') < page.index('name="files"')


def test_who_has_no_pin_yet_does_not_see_the_name() -> None:
    assert "Wedding" in text(form_page(INVITE))
    assert "Wedding" not in text(form_page(replace(INVITE, pin=StoredPin(b"", b""))))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a & b", '"><img>'])
def test_no_name_is_markup(name: str) -> None:
    result = ingest_service_pb2.UploadResult(filename=name)
    result.error.message = name
    refused = FailedPrecondition(error_reason_pb2.INVITE_REVOKED, name)
    for page in (form_page(replace(INVITE, display_name=name)), uploaded_page([result]), refused_page(refused)):
        assert name not in text(page)


def test_the_holder_of_all_finds_every_file_and_the_older_ones() -> None:
    every = replace(INVITE, download=Download.ALL)
    page = text(form_page(every, SentMedia((("m1", "<a>.jpg", ""), ("m2", "", "")), next_page="x/y")))
    assert (
        '<li><a href="media/m1/anonymized">&lt;a&gt;.jpg</a></li>\n<li><a href="media/m2/anonymized">a file</a></li>'
        in page
    )
    assert '<a href="page?page_token=x/y">Older files</a>' in page
    assert "Older files" not in text(form_page(every, SentMedia(())))
    assert "Downloads" not in text(form_page(INVITE))


def test_who_gave_the_pin_finds_every_file_and_no_address_has_the_proof() -> None:
    every = replace(INVITE, download=Download.ALL, pin=StoredPin(b"", b""))
    asking = text(form_page(every))
    assert '<form method="post" action="page">\n<label>PIN ' in asking
    page = text(form_page(every, SentMedia((("m1", "a.jpg", "t-_"),), next_page="x/y", proof="p-_")))
    assert "Wedding" in page
    assert '<a href="media/m1/anonymized?token=t-_">a.jpg</a>' in page
    assert '<input type="hidden" name="proof" value="p-_">' in page
    assert '<input type="hidden" name="page_token" value="x/y">' in page
    assert "page?" not in page


def test_a_link_that_takes_no_more_files_still_has_the_downloads() -> None:
    used_up = replace(INVITE, download=Download.ALL, max_uploads=2, upload_count=2)
    page = text(form_page(used_up, SentMedia((("m1", "a.jpg", ""),))))
    assert "<form" not in page
    assert "media/m1/anonymized" in page


def test_a_sender_finds_the_downloads_of_what_was_sent() -> None:
    results = [
        ingest_service_pb2.UploadResult(filename="a.jpg", media=media_pb2.Media(name="media/1"), download_token="t-_"),
        ingest_service_pb2.UploadResult(filename="b.jpg"),
    ]
    page = text(uploaded_page(results))
    assert '<li>a.jpg: arrived; <a href="media/1/anonymized?token=t-_">download</a></li>' in page
    assert page.count("anonymized") == 1
    assert "Keep this page" in page
    results[0].download_token = ""
    assert "Keep this page" not in text(uploaded_page(results))


def test_each_file_has_its_outcome() -> None:
    results = [
        ingest_service_pb2.UploadResult(filename="a.jpg", media=media_pb2.Media(name="media/1")),
        ingest_service_pb2.UploadResult(filename="b.jpg", media=media_pb2.Media(name="media/2"), duplicate=True),
        ingest_service_pb2.UploadResult(filename="c.txt"),
    ]
    results[2].error.message = "is no image or video"
    page = text(uploaded_page(results))
    assert "<li>a.jpg: arrived</li>" in page
    assert "<li>b.jpg: had arrived before</li>" in page
    assert "<li>c.txt: refused: is no image or video</li>" in page
