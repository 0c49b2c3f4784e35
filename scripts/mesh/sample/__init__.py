"""A picture to try the mesh with, for those who have no photo at hand: two people and a car, rendered."""

from __future__ import annotations

from pathlib import Path

PHOTO = "photo.jpg"
_QUALITY = 90


def ensure_sample(data: Path) -> Path:
    """The data folder's photo.jpg, rendered if it is missing."""
    path = data / PHOTO
    if not path.exists():
        # Only the first start of a mesh needs them.
        import cv2

        from scripts.mesh.sample.street import render_street

        path.write_bytes(cv2.imencode(".jpg", render_street(), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes())
    return path
