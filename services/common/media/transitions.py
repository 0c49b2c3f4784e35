"""Each change of a media, as a plain function of the media: from which states, and to which.

| function                     | from                     | to         |
|------------------------------|--------------------------|------------|
| `stored`                     | an upload                | NEW        |
| `take`                       | NEW, PROCESSING          | PROCESSING |
| `report_progress`, `extend`  | PROCESSING, the same run | PROCESSING |
| `let_go`                     | PROCESSING, the same run | PROCESSING |
| `finish`                     | PROCESSING, the same run | PROCESSED  |
| `fail`                       | PROCESSING, the same run | FAILED     |
| `cancel`                     | NEW, PROCESSING          | CANCELLED  |
| `process_again`              | all but DELETED          | NEW        |
| `update`                     | all but DELETED          | the same   |
| `delete`                     | all but DELETED          | DELETED    |
| `purge`                      | DELETED                  | removed    |

A worker's change from another state or run came too late: it returns None, and nothing changes. An owner's `cancel` or
`process_again` from another state raises why not. Notes that change no state are in bookkeeping.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import DropmeshError
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.file_names import sanitize_file_name
from services.common.media.model import (
    Content,
    Failure,
    Label,
    Media,
    MediaWarning,
    ModelVersion,
    Processing,
    StateChange,
    Step,
)
from services.common.media.refusals import (
    MediaDeleted,
    MediaNotProcessing,
    check_original_kept,
)
from services.common.media.types import MEDIA_TYPE_BY_FORMAT
from services.common.media.vocabulary import UNFINISHED, MediaState, WarningReason

# A run makes two; all that a reader of events who was away for long may miss is older than these.
STATE_CHANGES_KEPT = 64


@dataclass(frozen=True, slots=True)
class Findings:
    """The findings of a worker in a media, with timings and warnings."""

    object_counts: Mapping[str, int]
    labels: tuple[Label, ...] = ()
    models: tuple[ModelVersion, ...] = ()
    steps: tuple[Step, ...] = ()
    warnings: tuple[MediaWarning, ...] = ()
    """They replace those of the last result."""
    frames: int = 0


def stored(media: Media) -> Media:
    """A media as it is inserted: to be queued and counted. An insertion's version is known before."""
    now_ns = media.create_time_ns
    return replace(
        media,
        state=MediaState.NEW,
        options_digest=media.anonymize.digest(),
        state_changes=(StateChange(MediaState.NEW, now_ns),),
        unqueued_since_ns=now_ns,
        uncounted_since_ns=now_ns,
        version=1,
    )


def take(media: Media, *, now_ns: int, lease_end_ns: int, excuses: Callable[[int], bool]) -> Media | None:
    """A worker begins: the media's `run` is the worker's, and makes every run before it stale.

    A lease that ended by itself counts as a failure of the content, unless its end is excused: a store was away then.
    """
    if media.state not in UNFINISHED:
        return None
    before = media.processing
    ended_by_itself = media.state is MediaState.PROCESSING and before.lease_end_ns is not None
    failures = before.failures + (ended_by_itself and not excuses(before.lease_end_ns or 0))
    return _changed(
        media,
        now_ns,
        state=MediaState.PROCESSING,
        run=media.run + 1,
        processing=Processing(attempt=failures + 1, failures=failures, lease_end_ns=lease_end_ns, start_time_ns=now_ns),
        # It is in the queue, or no worker would have it.
        unqueued_since_ns=None,
    )


def report_progress(
    media: Media, run: int, *, progress: float, frames_done: int, frames_total: int, now_ns: int, lease_end_ns: int
) -> Media | None:
    """A worker reports how far it is."""
    if not media.is_in_run(run):
        return None
    processing = replace(
        media.processing,
        progress=progress,
        frames_done=frames_done,
        frames_total=frames_total,
        lease_end_ns=lease_end_ns,
    )
    return _changed(media, now_ns, processing=processing)


def extend(media: Media, run: int, *, lease_end_ns: int) -> Media | None:
    """A worker still has the media; callers do not see that."""
    if not media.is_in_run(run):
        return None
    return replace(media, processing=replace(media.processing, lease_end_ns=lease_end_ns))


def let_go(media: Media, run: int, *, is_failure: bool, now_ns: int) -> Media | None:
    """A worker stops before the end: through the content, which is a failure, or through no fault of it."""
    if not media.is_in_run(run):
        return None
    failures = media.processing.failures + is_failure
    return _changed(media, now_ns, processing=replace(media.processing, failures=failures, lease_end_ns=None))


def finish(media: Media, run: int, anonymized: Content, findings: Findings, *, now_ns: int) -> Media | None:
    """A worker is done; what its result replaces, and detected objects of other runs, become leftovers."""
    if not media.is_in_run(run):
        return None
    replaced = () if media.anonymized is None else (media.anonymized,)
    clean_run = _clean_run(media)
    return _changed(
        media,
        now_ns,
        state=MediaState.PROCESSED,
        anonymized=anonymized,
        anonymized_delete_time_ns=None,
        processing=replace(
            media.processing,
            progress=1.0,
            frames_done=findings.frames,
            frames_total=findings.frames,
            end_time_ns=now_ns,
            lease_end_ns=None,
            models=findings.models,
            steps=findings.steps,
            error=None,
        ),
        object_counts=dict(findings.object_counts),
        class_labels=findings.labels,
        warnings=(*_of_upload(media.warnings), *findings.warnings),
        objects_run=run,
        clean_run=clean_run,
        leftovers=(*media.leftovers, *replaced),
        unclean_since_ns=now_ns if replaced or clean_run < run else media.unclean_since_ns,
        unqueued_since_ns=None,
    )


def fail(media: Media, run: int, failure: Failure, *, now_ns: int) -> Media | None:
    """A worker ends the work for good."""
    return _ended(media, MediaState.FAILED, failure, now_ns) if media.is_in_run(run) else None


def cancel(media: Media, *, now_ns: int) -> Media:
    """The owner stops the work."""
    if media.is_deleted:
        raise MediaDeleted(media.id)
    if media.state not in UNFINISHED:
        raise MediaNotProcessing(media.id, media.state)
    return _ended(media, MediaState.CANCELLED, None, now_ns)


def process_again(media: Media, options: AnonymizeOptions | None, *, now_ns: int, traceparent: str = "") -> Media:
    """The owner asks for another result; None keeps the options."""
    check_original_kept(media)
    chosen = media.anonymize if options is None else options
    return _changed(
        media,
        now_ns,
        state=MediaState.NEW,
        run=media.run + 1,
        anonymize=chosen,
        options_digest=chosen.digest(),
        processing=Processing(),
        traceparent=traceparent,
        unqueued_since_ns=now_ns,
    )


def update(media: Media, *, filename: str | None, labels: Mapping[str, str] | None, now_ns: int) -> Media | None:
    """The owner renames or labels it; None keeps what it has, and the result is None where it has both already."""
    if media.is_deleted:
        raise MediaDeleted(media.id)
    extension = MEDIA_TYPE_BY_FORMAT[media.original.format].extension
    name = media.filename if filename is None else sanitize_file_name(filename, extension)
    kept = media.labels if labels is None else labels
    if name == media.filename and kept == media.labels:
        return None
    return _changed(media, now_ns, filename=name, labels=kept)


def delete(media: Media, *, now_ns: int, purge_after_ns: int) -> Media | None:
    """The owner deletes the bytes; the record stays until its purge time. None where it is deleted already."""
    if media.is_deleted:
        return None
    held = [content for content in (media.original if media.has_original else None, media.anonymized) if content]
    return _changed(
        media,
        now_ns,
        state=MediaState.DELETED,
        run=media.run + 1,
        delete_time_ns=now_ns,
        purge_time_ns=now_ns + purge_after_ns,
        anonymized=None,
        # A place identifies a person as the picture does.
        metadata=replace(media.metadata, latitude_degrees=None, longitude_degrees=None, altitude_meters=None),
        object_counts={},
        class_labels=(),
        # They may name a person too.
        labels={},
        sender_name="",
        leftovers=(*media.leftovers, *held),
        clean_run=_clean_run(media),
        unqueued_since_ns=None,
        unclean_since_ns=now_ns,
    )


def expire_original(media: Media, *, before_ns: int, now_ns: int) -> Media | None:
    """The bytes of its original were kept long enough; None where its processing ended later, or they are gone."""
    if not media.has_original or media.settled_since_ns is None or media.settled_since_ns >= before_ns:
        return None
    return _changed(
        media,
        now_ns,
        original_delete_time_ns=now_ns,
        leftovers=(*media.leftovers, media.original),
        unclean_since_ns=now_ns,
    )


def expire_anonymized(media: Media, *, before_ns: int, now_ns: int) -> Media | None:
    """Its anonymized content was kept long enough; None where its processing ended later, or it is gone."""
    if media.anonymized is None or media.settled_since_ns is None or media.settled_since_ns >= before_ns:
        return None
    return _changed(
        media,
        now_ns,
        anonymized=None,
        anonymized_delete_time_ns=now_ns,
        leftovers=(*media.leftovers, media.anonymized),
        unclean_since_ns=now_ns,
    )


def purge(media: Media) -> Media | None:
    """The record is about to go: statistics count it no more."""
    return replace(media, purging=True) if media.is_deleted else None


def failure_of(error: DropmeshError) -> Failure:
    """Returns an error as it is stored."""
    return Failure(error.code.value, reasons.ErrorReason.Name(error.reason), error.message, error.metadata)


def _ended(media: Media, state: MediaState, failure: Failure | None, now_ns: int) -> Media:
    """A media whose work ended without a result; the last one stays."""
    return _changed(
        media,
        now_ns,
        state=state,
        run=media.run + 1,
        processing=replace(media.processing, end_time_ns=now_ns, lease_end_ns=None, error=failure),
        unclean_since_ns=now_ns,
        unqueued_since_ns=None,
    )


def _of_upload(warnings: tuple[MediaWarning, ...]) -> tuple[MediaWarning, ...]:
    return tuple(warning for warning in warnings if warning.reason is WarningReason.METADATA_UNREADABLE)


def _clean_run(media: Media) -> int:
    return media.clean_run if media.objects_run is None else min(media.clean_run, media.objects_run)


def _changed(media: Media, now_ns: int, **changes: Any) -> Media:
    """A media after a change that callers can see."""
    state = changes.get("state", media.state)
    if state is not media.state:
        changes["state_changes"] = _with_state(media.state_changes, state, now_ns)
    return replace(media, update_time_ns=max(now_ns, media.update_time_ns), revision=media.revision + 1, **changes)


def _with_state(before: tuple[StateChange, ...], state: MediaState, now_ns: int) -> tuple[StateChange, ...]:
    time_ns = max(now_ns, before[-1].time_ns + 1) if before else now_ns
    return (*before, StateChange(state, time_ns))[-STATE_CHANGES_KEPT:]
