"""Which media a list holds, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.common.media.listing.terms import invite_term, label_term, object_term
from services.common.media.model import Media
from services.common.media.vocabulary import MediaKind, MediaState, ObjectClass


class MediaOrder(StrEnum):
    """The order of a list."""

    NEWEST = "create_time desc"
    OLDEST = "create_time"
    FILENAME = "filename"


@dataclass(frozen=True, slots=True)
class MediaFilter:
    """Which media are listed; None means all. Deleted ones are listed only where their state is asked for."""

    state: MediaState | None = None
    kind: MediaKind | None = None
    camera_model: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    owner: str | None = None
    invite: str | None = None
    sha256: str | None = None
    filename_prefix: str = ""
    object_class: ObjectClass | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    order: MediaOrder = MediaOrder.NEWEST

    @property
    def terms(self) -> tuple[str, ...]:
        """The terms to look up; those that few media have come first."""
        found = [label_term(name, value) for name, value in self.labels.items()]
        if self.invite is not None:
            found.insert(0, invite_term(self.invite))
        if self.object_class is not None:
            found.append(object_term(self.object_class))
        return tuple(found)

    def accepts(self, media: Media) -> bool:
        """Whether a media is listed."""
        return (
            (self.state is media.state if self.state else not media.is_deleted)
            and self.kind in (None, media.kind)
            and self.camera_model in (None, media.metadata.camera_model)
            and (self.start_ns is None or media.create_time_ns >= self.start_ns)
            and (self.end_ns is None or media.create_time_ns < self.end_ns)
            and self.owner in (None, media.owner)
            and self.sha256 in (None, media.original.sha256)
            and media.filename.startswith(self.filename_prefix)
            and (self.invite is None or self.invite in media.invites)
            and (self.object_class is None or bool(media.object_counts.get(self.object_class)))
            and all(media.labels.get(name) == value for name, value in self.labels.items())
        )
