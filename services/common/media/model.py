"""A stored media. Instants are nanoseconds since the epoch; enum values are the contract's, in lower case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.common.base.instants import utc_day
from services.common.base.requests import KeptRequest
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.vocabulary import UNFINISHED, MediaKind, MediaState, ObjectClass, WarningReason


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes that a media holds: where they are, and the name under which it holds them (see `contents`)."""

    sha256: str
    object_key: str
    holder: str
    format: str
    content_type: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata in a media's header; None for a missing value.

    `width` and `height` are as stored: turn them by `orientation` (images) or `rotation_degrees` (videos) to see the
    picture upright. A field that the contract has by the same name is copied into it by name (see `messages`).
    """

    width: int
    height: int
    orientation: int | None = None
    """EXIF's 1 to 8. None for HEIC too: its decoder turns the picture itself, and width and height are upright."""
    color_space: str | None = None
    """EXIF's word ("sRGB", "Adobe RGB", "Uncalibrated"), or the embedded profile's description."""
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    capture_time_text: str | None = None
    """ISO 8601 as the camera's clock showed it, with its offset from UTC where the media gives it."""
    capture_time_ns: int | None = None
    """The instant, known only where the offset is: nanoseconds since the epoch."""
    latitude_degrees: float | None = None
    """North is positive."""
    longitude_degrees: float | None = None
    """East is positive."""
    altitude_meters: float | None = None
    """Negative below sea level."""
    duration_seconds: float | None = None
    frame_rate: float | None = None
    video_codec: str | None = None
    rotation_degrees: int | None = None
    """Clockwise, 0 to 359: turn the frames by this to see them upright."""
    audio_codec: str | None = None
    """None where there is no sound."""
    frames: int | None = None
    """How many, of an animated image."""
    capture_time_offset: str | None = None
    exposure_seconds: float | None = None
    f_number: float | None = None
    iso: int | None = None
    focal_length_mm: float | None = None
    flash_fired: bool | None = None
    software: str | None = None


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """The weights that made a result."""

    model: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Step:
    """The time that one step of the processing took."""

    step: str
    duration_ns: int


@dataclass(frozen=True, slots=True)
class MediaWarning:
    """Something that stopped neither the upload nor the processing, and that a person should know."""

    reason: WarningReason
    message: str
    object_class: ObjectClass | None = None
    recall: float | None = None
    model: str = ""
    advice: str = ""
    smallest_pixels: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the processing failed: gRPC's code, the contract's reason, words for a person."""

    code: int
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Processing:
    """How far the work on a media is, or how it went."""

    progress: float = 0.0
    frames_done: int = 0
    frames_total: int = 0
    attempt: int = 0
    failures: int = 0
    """How often the content broke a worker; what is the fault of a store or of the machine does not count."""
    lease_end_ns: int | None = None
    """Until when the run is a worker's; None where no worker has it."""
    start_time_ns: int | None = None
    end_time_ns: int | None = None
    models: tuple[ModelVersion, ...] = ()
    steps: tuple[Step, ...] = ()
    error: Failure | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """One answer of a classifier."""

    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """The counts that a media adds to statistics; none once its record is about to be purged."""

    state: str | None = None
    day: str | None = None
    format: str | None = None
    camera: str | None = None
    objects: Mapping[str, int] = field(default_factory=dict)
    storage_bytes: int = 0
    duplicates: int = 0
    duplicate_bytes: int = 0


NOTHING = Contribution()


@dataclass(frozen=True, slots=True)
class StateChange:
    """A state that a media reached, and when; of two changes of a media, the later one has the later time."""

    state: MediaState
    time_ns: int


@dataclass(frozen=True, slots=True)
class Media:
    """An uploaded image or video.

    `revision` grows with every change that a caller can see. `run` grows with everything that makes a worker's results
    stale: another attempt, another processing, a cancellation, a deletion. The markers `…_since_ns` say that something
    is still to be done, and since when, so that a sweep finds what a crash left undone.
    """

    id: str
    owner: str
    state: MediaState
    kind: MediaKind
    filename: str
    create_time_ns: int
    update_time_ns: int
    original: Content
    metadata: Metadata
    anonymize: AnonymizeOptions = field(default_factory=AnonymizeOptions)
    options_digest: str = ""
    """Of `anonymize`: an owner has one media for each content and digest."""
    invites: tuple[str, ...] = ()
    warnings: tuple[MediaWarning, ...] = ()
    anonymized: Content | None = None
    processing: Processing = Processing()
    object_counts: Mapping[str, int] = field(default_factory=dict)
    class_labels: tuple[Label, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    """The owner's own, by name."""
    sender_name: str = ""
    """As the holder of an invite's link gave it."""
    sent_filename: str | None = None
    """Its file name as it came through the first of `invites`, which the owner's changes leave as it is; "" where the
    owner had the media before. None in media that were stored without it."""
    delete_time_ns: int | None = None
    purge_time_ns: int | None = None
    original_delete_time_ns: int | None = None
    """When the bytes of its original were deleted, while the media was kept; `original` still describes them."""
    anonymized_delete_time_ns: int | None = None
    duplicate_count: int = 0
    duplicate_uploads: tuple[str, ...] = ()
    """The resumable uploads that turned out as duplicates last: finishing one again does not count again."""
    requests: tuple[KeptRequest, ...] = ()
    """The last changes that a caller named by a request id."""

    revision: int = 1
    state_changes: tuple[StateChange, ...] = ()
    """The last STATE_CHANGES_KEPT states that it reached, from which events are read."""
    run: int = 0
    objects_run: int | None = None
    """The run whose detected objects are the media's."""
    clean_run: int = 1
    """Runs before this one left no detected objects behind, save `objects_run`."""
    leftovers: tuple[Content, ...] = ()
    """Contents that the media let go of and that are still to be released."""

    traceparent: str = ""
    """The span of the call that had it processed, as W3C writes it; empty without traces."""
    unqueued_since_ns: int | None = None
    unclean_since_ns: int | None = None
    uncounted_since_ns: int | None = None
    counted: Contribution = NOTHING
    """Returns the counts that the statistics hold of this media."""
    purging: bool = False
    version: int = 0

    @property
    def is_moving(self) -> bool:
        """Whether its pictures follow each other: a video or an animation, which takes long to process."""
        return self.kind is MediaKind.VIDEO or (self.metadata.frames or 1) > 1

    @property
    def is_deleted(self) -> bool:
        """Whether the bytes are gone."""
        return self.state is MediaState.DELETED

    @property
    def has_original(self) -> bool:
        """Whether the bytes of its original are kept."""
        return not self.is_deleted and self.original_delete_time_ns is None

    @property
    def settled_since_ns(self) -> int | None:
        """Since when its processing has ended; None while it has not, and where the media is deleted."""
        if self.is_deleted or self.state in UNFINISHED:
            return None
        return self.processing.end_time_ns or self.update_time_ns

    def is_in_run(self, run: int) -> bool:
        """Whether a worker's run still is the media's."""
        return self.state is MediaState.PROCESSING and self.run == run

    def held_until_ns(self, now_ns: int) -> int | None:
        """Until when a worker has it; None where none has it now."""
        end_ns = self.processing.lease_end_ns
        return end_ns if self.state is MediaState.PROCESSING and end_ns is not None and end_ns > now_ns else None

    def is_idle_since(self, before_ns: int) -> bool:
        """Whether it is unfinished and no worker had it since before an instant, nor was it changed or marked since."""
        if self.state not in UNFINISHED:
            return False
        last_ns = self.processing.lease_end_ns or self.update_time_ns
        return max(last_ns, self.unqueued_since_ns or 0) < before_ns

    def contribution(self) -> Contribution:
        """Returns the counts that the statistics should hold of this media."""
        if self.purging:
            return NOTHING
        if self.is_deleted:
            return Contribution(state=self.state.value)
        original = self.original if self.has_original else None
        sizes = [content.size_bytes for content in (original, self.anonymized) if content is not None]
        return Contribution(
            state=self.state.value,
            day=utc_day(self.create_time_ns),
            format=self.original.format,
            camera=self.metadata.camera_model or None,
            objects=dict(self.object_counts),
            storage_bytes=sum(sizes),
            duplicates=self.duplicate_count,
            duplicate_bytes=self.duplicate_count * self.original.size_bytes,
        )
