from __future__ import annotations

from services.common.media import bookkeeping
from tests.unit.common.media.test_transitions import DELETED, MADE, NEW, ORIGINAL, PROCESSED, RUN, media


def test_the_same_bytes_again_count_once_for_an_upload() -> None:
    once = bookkeeping.uploaded_again(media(NEW), invite="i", upload="u")
    assert once is not None
    assert (once.duplicate_count, once.invites, once.duplicate_uploads) == (1, ("i",), ("u",))
    assert bookkeeping.uploaded_again(once, invite="i", upload="u") is None
    twice = bookkeeping.uploaded_again(once, invite="i", upload=None)
    assert twice is not None
    assert (twice.duplicate_count, twice.invites) == (2, ("i",))
    assert bookkeeping.uploaded_again(media(DELETED), invite=None, upload=None) is None


def test_a_duplicate_adds_labels_and_changes_none() -> None:
    edited = media(NEW, labels={"site": "paris"})
    again = bookkeeping.uploaded_again(edited, invite=None, upload=None, labels={"site": "berlin", "line": "3"})
    assert again is not None
    assert again.labels == {"site": "paris", "line": "3"}


def test_a_marker_that_was_set_anew_stays() -> None:
    marked = media(NEW, unqueued_since_ns=4)
    assert bookkeeping.queued(marked, 3) is None
    cleared = bookkeeping.queued(marked, 4)
    assert cleared is not None
    assert cleared.unqueued_since_ns is None


def test_cleaning_forgets_what_was_released_and_nothing_that_came_later() -> None:
    as_read = media(PROCESSED, leftovers=(ORIGINAL,), unclean_since_ns=4)
    done = bookkeeping.cleaned(as_read, as_read, RUN + 1)
    assert done is not None
    assert (done.leftovers, done.clean_run, done.unclean_since_ns) == ((), RUN + 1, None)
    later = media(PROCESSED, leftovers=(ORIGINAL, MADE), unclean_since_ns=6)
    kept = bookkeeping.cleaned(later, as_read, RUN + 1)
    assert kept is not None
    assert (kept.leftovers, kept.clean_run, kept.unclean_since_ns) == ((MADE,), 1, 6)
    assert bookkeeping.cleaned(media(PROCESSED), as_read, RUN + 1) is None
