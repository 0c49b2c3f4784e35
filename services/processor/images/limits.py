"""How large a picture may be; checked on what its header claims, before any pixel has memory."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.media.refusals import MediaTooLong, TooManyPixels


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """The operator's bounds on one picture."""

    max_pixels: int = 100_000_000
    """Of one frame."""
    max_frames: int = 2_000
    max_animation_pixels: int = 2_000_000_000
    """Of all frames of an animation together."""

    def check(self, width: int, height: int, frames: int = 1) -> None:
        """Refuse a picture that is too large."""
        pixels = width * height
        if pixels > self.max_pixels:
            raise TooManyPixels(self.max_pixels, pixels)
        if frames > self.max_frames:
            raise MediaTooLong(f"{self.max_frames} frames", f"{frames} frames", "max_animation_frames")
        if frames > 1 and pixels * frames > self.max_animation_pixels:
            raise MediaTooLong(
                f"{self.max_animation_pixels / 1e6:g} megapixels in all frames",
                f"{pixels * frames / 1e6:.0f} megapixels in all frames",
            )
