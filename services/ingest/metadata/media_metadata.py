"""The metadata of one media, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaMetadata:
    """What a media's header says; None where it says nothing.

    `width` and `height` are as stored: turn them by `orientation` (images) or `rotation_degrees` (videos) to see the
    picture upright.
    """

    format: str
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


@dataclass(frozen=True, slots=True)
class MetadataReading:
    """The metadata that could be read, and what could not be, for a person to read."""

    metadata: MediaMetadata
    warnings: tuple[str, ...] = ()
