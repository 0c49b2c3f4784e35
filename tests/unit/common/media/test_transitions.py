from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition
from services.common.media import transitions
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.model import Content, Failure, Media, MediaWarning, Metadata, Processing
from services.common.media.transitions import Findings
from services.common.media.vocabulary import MediaKind, MediaState, Mode, WarningReason

NEW, PROCESSING, PROCESSED, FAILED, CANCELLED, DELETED = MediaState
REFUSED = None
GONE = "MEDIA_DELETED"
NO_WORK = "MEDIA_NOT_PROCESSING"

RUN = 3
ORIGINAL = Content("a" * 64, "originals/1", "1/original", "jpeg", "image/jpeg", 1000)
MADE = Content("b" * 64, "made/1", "1/anonymized/3", "jpeg", "image/jpeg", 900)
FAILURE = Failure(9, "PROCESSING_CRASHED", "it crashed")


def media(state: MediaState, **fields: object) -> Media:
    stored = Media(
        id="1",
        owner="ann",
        state=state,
        kind=MediaKind.IMAGE,
        filename="a.jpg",
        create_time_ns=1,
        update_time_ns=5,
        original=ORIGINAL,
        metadata=Metadata(4, 3, latitude_degrees=1.0, longitude_degrees=2.0, altitude_meters=3.0, camera_model="X"),
        run=RUN,
        revision=7,
    )
    return replace(stored, **fields)  # type: ignore[arg-type]


def progress(found: Media, run: int) -> Media | None:
    return transitions.report_progress(
        found, run, progress=0.5, frames_done=1, frames_total=2, now_ns=9, lease_end_ns=99
    )


def take(found: Media, *, now_ns: int = 9) -> Media | None:
    return transitions.take(found, now_ns=now_ns, lease_end_ns=99, excuses=lambda _: False)


CHANGES: dict[str, Callable[[Media], Media | None]] = {
    "take": take,
    "report progress": lambda found: progress(found, RUN),
    "report progress of an older run": lambda found: progress(found, RUN - 1),
    "finish": lambda found: transitions.finish(found, RUN, MADE, Findings({"face": 1}), now_ns=9),
    "finish an older run": lambda found: transitions.finish(found, RUN - 1, MADE, Findings({}), now_ns=9),
    "let go": lambda found: transitions.let_go(found, RUN, is_failure=False, now_ns=9),
    "let go of an older run": lambda found: transitions.let_go(found, RUN - 1, is_failure=False, now_ns=9),
    "fail": lambda found: transitions.fail(found, RUN, FAILURE, now_ns=9),
    "fail an older run": lambda found: transitions.fail(found, RUN - 1, FAILURE, now_ns=9),
    "cancel": lambda found: transitions.cancel(found, now_ns=9),
    "process again": lambda found: transitions.process_again(found, None, now_ns=9),
    "delete": lambda found: transitions.delete(found, now_ns=9, purge_after_ns=100),
    "purge": transitions.purge,
}
# From each state in the order of MediaState: NEW, PROCESSING, PROCESSED, FAILED, CANCELLED, DELETED.
TABLE: dict[str, tuple[MediaState | str | None, ...]] = {
    "take": (PROCESSING, PROCESSING, REFUSED, REFUSED, REFUSED, REFUSED),
    "report progress": (REFUSED, PROCESSING, REFUSED, REFUSED, REFUSED, REFUSED),
    "report progress of an older run": (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "finish": (REFUSED, PROCESSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "finish an older run": (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "let go": (REFUSED, PROCESSING, REFUSED, REFUSED, REFUSED, REFUSED),
    "let go of an older run": (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "fail": (REFUSED, FAILED, REFUSED, REFUSED, REFUSED, REFUSED),
    "fail an older run": (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, REFUSED),
    "cancel": (CANCELLED, CANCELLED, NO_WORK, NO_WORK, NO_WORK, GONE),
    "process again": (NEW, NEW, NEW, NEW, NEW, GONE),
    "delete": (DELETED, DELETED, DELETED, DELETED, DELETED, REFUSED),
    "purge": (REFUSED, REFUSED, REFUSED, REFUSED, REFUSED, DELETED),
}
CASES = [(name, state, after) for name, row in TABLE.items() for state, after in zip(MediaState, row, strict=True)]
MAKES_RUNS_STALE = {"take", "fail", "cancel", "process again", "delete"}


def test_the_table_has_every_change() -> None:
    assert TABLE.keys() == CHANGES.keys()


@pytest.mark.parametrize(("name", "state", "after"), CASES)
def test_a_change_is_allowed_or_refused(name: str, state: MediaState, after: MediaState | str | None) -> None:
    before = media(state)
    if after in {GONE, NO_WORK}:
        with pytest.raises(FailedPrecondition) as caught:
            CHANGES[name](before)
        assert reasons.ErrorReason.Name(caught.value.reason) == after
        assert caught.value.metadata["name"] == "media/1"
        return
    changed = CHANGES[name](before)
    assert (None if changed is None else changed.state) == after
    if changed is None or name == "purge":
        return
    assert (changed.revision, changed.update_time_ns) == (8, 9)
    assert (changed.run > RUN) == (name in MAKES_RUNS_STALE)
    assert (changed.unqueued_since_ns is not None) == (changed.state is NEW)


def test_a_clock_that_is_set_back_does_not_set_back_a_media() -> None:
    changed = take(media(NEW), now_ns=2)
    assert changed is not None
    assert changed.update_time_ns == 5


def test_what_a_result_replaces_is_left_to_be_released() -> None:
    earlier = replace(MADE, holder="1/anonymized/2")
    before = media(PROCESSING, anonymized=earlier, objects_run=2, clean_run=3)
    changed = transitions.finish(before, RUN, MADE, Findings({"face": 1}), now_ns=9)
    assert changed is not None
    assert (changed.anonymized, changed.leftovers) == (MADE, (earlier,))
    assert (changed.objects_run, changed.clean_run, changed.unclean_since_ns) == (RUN, 2, 9)


def test_the_warnings_of_a_result_replace_those_of_the_last_and_leave_those_of_the_upload() -> None:
    exif = MediaWarning(WarningReason.METADATA_UNREADABLE, "odd")
    weak, damaged = MediaWarning(WarningReason.WEAK_MODEL, "weak"), MediaWarning(WarningReason.CONTENT_CHANGED, "cut")
    before = media(PROCESSING, warnings=(exif, weak))
    changed = transitions.finish(before, RUN, MADE, Findings({}, warnings=(damaged,)), now_ns=9)
    assert changed is not None
    assert changed.warnings == (exif, damaged)


def test_processing_again_keeps_the_last_result_until_there_is_another() -> None:
    options = AnonymizeOptions(mode=Mode.SOLID)
    changed = transitions.process_again(media(PROCESSED, anonymized=MADE), options, now_ns=9)
    assert (changed.anonymized, changed.anonymize) == (MADE, options)
    assert transitions.process_again(changed, None, now_ns=9).anonymize == options


def test_deleting_leaves_no_bytes_and_no_place() -> None:
    changed = transitions.delete(
        media(PROCESSED, anonymized=MADE, object_counts={"face": 1}), now_ns=9, purge_after_ns=1
    )
    assert changed is not None
    assert changed.anonymized is None
    assert changed.leftovers == (ORIGINAL, MADE)
    assert (changed.delete_time_ns, changed.purge_time_ns, changed.unclean_since_ns) == (9, 10, 9)
    assert changed.object_counts == {}
    assert changed.metadata == Metadata(4, 3, camera_model="X")


def test_callers_do_not_see_that_a_lease_is_extended() -> None:
    before = media(PROCESSING)
    changed = transitions.extend(before, RUN, lease_end_ns=99)
    assert changed is not None
    assert (changed.revision, changed.update_time_ns) == (before.revision, before.update_time_ns)
    assert changed.held_until_ns(98) == 99
    assert changed.held_until_ns(99) is None
    assert transitions.extend(before, RUN - 1, lease_end_ns=99) is None


def test_work_that_ends_in_any_way_leaves_no_lease() -> None:
    held = media(PROCESSING, processing=Processing(lease_end_ns=99))
    for name in ("finish", "let go", "fail", "cancel", "process again", "delete"):
        changed = CHANGES[name](held)
        assert changed is not None
        assert changed.held_until_ns(10) is None, name
