from __future__ import annotations

import pytest

from services.common.media import bookkeeping, transitions
from services.common.media.messages import holder_filename, media_etag, media_message
from tests.unit.common.media.test_transitions import PROCESSED, media

SENT = media(PROCESSED, filename="IMG_1.jpg", sent_filename="IMG_1.jpg", invites=("first", "second"))


@pytest.mark.parametrize(
    ("stored", "invite", "name"),
    [
        (SENT, "first", "IMG_1.jpg"),
        (SENT, "second", "1.jpg"),
        (media(PROCESSED, filename="Mr Smith.jpg", sent_filename="", invites=("first",)), "first", "1.jpg"),
        (media(PROCESSED, filename="Mr Smith.jpg", invites=("first",)), "first", "1.jpg"),
        (transitions.update(SENT, filename="Mr Smith.jpg", labels=None, now_ns=9), "first", "IMG_1.jpg"),
    ],
    ids=["its own", "another invite's", "the owner's", "unknown", "renamed by the owner"],
)
def test_holders_see_no_file_name_of_another(stored, invite, name) -> None:
    assert holder_filename(stored, invite) == name


@pytest.mark.parametrize(("sent_filename", "invites", "shown"), [("", (), ""), ("a.jpg", ("i",), "invites/i")])
def test_a_duplicate_through_an_invite_changes_nothing_that_its_owner_sees(sent_filename, invites, shown) -> None:
    first = media(PROCESSED, sent_filename=sent_filename, invites=invites)
    again = bookkeeping.uploaded_again(first, invite="later", upload=None)
    assert again is not None
    assert again.invites == (*invites, "later")
    assert media_message(again).invite == shown
    assert media_etag(again) == media_etag(first)
    assert media_message(again) == media_message(first)
