"""A picture to try the mesh with, for those who have no photo at hand."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw


def ensure_sample(data: Path) -> Path:
    """The data folder's photo.jpg, drawn when it is not there yet."""
    path = data / "photo.jpg"
    if not path.exists():
        sky = Image.linear_gradient("L").resize((640, 480))
        picture = Image.merge("RGB", (sky, sky.point(lambda value: 100 + value // 2), Image.new("L", sky.size, 230)))
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, 360, 640, 480), fill=(70, 120, 60))
        draw.ellipse((480, 50, 560, 130), fill=(250, 220, 90))
        draw.polygon(((80, 360), (220, 160), (360, 360)), fill=(110, 100, 95))
        picture.save(path, quality=90)
    return path
