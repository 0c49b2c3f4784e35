"""Notes in a media beside its changes of state: each a function of the media, as in transitions.py.

None means that there is nothing to note.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from services.common.base.labels import LABELS_MOST
from services.common.media.model import Media
from services.common.media.refusals import TooManyLabels
from services.common.media.transitions import update

DUPLICATE_UPLOADS_KEPT = 16


def queued(media: Media, since_ns: int) -> Media | None:
    """Its message is in the queue; None where it was marked as unqueued again after `since_ns`."""
    waits = media.unqueued_since_ns is not None and media.unqueued_since_ns <= since_ns
    return replace(media, unqueued_since_ns=None) if waits else None


def moved(media: Media, object_key: str) -> Media:
    """The bytes of its original are in another object."""
    return replace(media, original=replace(media.original, object_key=object_key))


def shown_late(media: Media, late_ns: int) -> Media | None:
    """Its last change of state took long to be stored: gives it a later time, for readers who have passed the first."""
    if not media.state_changes:
        return None
    *before, last = media.state_changes
    return replace(media, state_changes=(*before, replace(last, time_ns=last.time_ns + late_ns)))


def uploaded_again(
    media: Media, *, invite: str | None, upload: str | None, labels: Mapping[str, str] | None = None, now_ns: int = 0
) -> Media | None:
    """The same bytes came again with the same options, maybe with labels to add.

    A label that the media has stays: it may be newer than an upload that is tried again. None where this resumable
    upload was counted already.
    """
    if media.is_deleted or (upload is not None and upload in media.duplicate_uploads):
        return None
    if (merged := {**(labels or {}), **media.labels}) != media.labels:
        if len(merged) > LABELS_MOST:
            raise TooManyLabels(LABELS_MOST)
        media = update(media, filename=None, labels=merged, now_ns=now_ns) or media
    invites = media.invites if invite is None else tuple(dict.fromkeys((*media.invites, invite)))
    uploads = media.duplicate_uploads
    if upload is not None:
        uploads = (*uploads, upload)[-DUPLICATE_UPLOADS_KEPT:]
    return replace(media, duplicate_count=media.duplicate_count + 1, invites=invites, duplicate_uploads=uploads)


def cleaned(media: Media, as_read: Media, end_run: int) -> Media | None:
    """The leftovers that it had when it was read are released, and runs before `end_run` left no detected objects."""
    if media.unclean_since_ns is None:
        return None
    released = {content.holder for content in as_read.leftovers}
    leftovers = tuple(content for content in media.leftovers if content.holder not in released)
    is_marked_anew = media.unclean_since_ns != as_read.unclean_since_ns
    return replace(
        media,
        leftovers=leftovers,
        clean_run=media.clean_run if is_marked_anew else end_run,
        unclean_since_ns=media.unclean_since_ns if is_marked_anew or leftovers else None,
    )
