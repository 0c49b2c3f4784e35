"""How large a media may be, checked before anything is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.media.refusals import DamagedMedia, MediaTooLarge, TooManyPixels
from services.common.media.vocabulary import MediaKind


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """The operator's bounds on one media."""

    max_image_bytes: int = 64 * 2**20
    max_video_bytes: int = 4 * 2**30
    max_pixels: int = 100_000_000
    max_animation_frames: int = 2_000
    """Frames beyond it are not counted."""

    def max_bytes(self, kind: MediaKind) -> int:
        """The bound on the size of a media of this kind."""
        return self.max_image_bytes if kind is MediaKind.IMAGE else self.max_video_bytes


def check_size(kind: MediaKind, size_bytes: int, limits: MediaLimits) -> None:
    """Refuse a media of more bytes than its kind may have."""
    if size_bytes > limits.max_bytes(kind):
        raise MediaTooLarge(kind, limits.max_bytes(kind))


def check_dimensions(format: str, width: int, height: int, limits: MediaLimits) -> None:
    """Refuse a picture without pixels, or with too many."""
    if width <= 0 or height <= 0:
        raise DamagedMedia(format, f"its header gives {width} x {height} pixels")
    if width * height > limits.max_pixels:
        raise TooManyPixels(limits.max_pixels, width * height)
