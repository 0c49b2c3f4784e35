"""How large a video may be; checked on what its header claims, and again on what is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.media.refusals import MediaTooLong, TooManyPixels


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """The operator's bounds on one video."""

    max_pixels: int = 4096 * 2304
    """Of one frame."""
    max_frames: int = 216_000
    max_seconds: float = 3600.0

    def check_pixels(self, width: int, height: int) -> None:
        """Refuse frames that are too large."""
        if width * height > self.max_pixels:
            raise TooManyPixels(self.max_pixels, width * height)

    def check_length(self, frames: int | None, seconds: float | None) -> None:
        """Refuse a video that is too long; what is not known passes."""
        if seconds is not None and seconds > self.max_seconds:
            raise MediaTooLong(f"{self.max_seconds:.0f} seconds", f"{seconds:.0f} seconds", "max_video_seconds")
        if frames is not None and frames > self.max_frames:
            raise MediaTooLong(f"{self.max_frames} frames", f"{frames} frames", "max_frames")
