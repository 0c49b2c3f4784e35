"""Prints what taking metadata out of pictures costs: copying segments and chunks beside encoding again by Pillow.

The pixels of each result are compared with those of its input.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scripts.measuring.benchmarks.images import SHARED
from services.processor.images.limits import ImageLimits
from services.processor.images.opening import open_picture

_WAYS: Mapping[str, Mapping[str, Mapping[str, Any]]] = {
    "JPEG": {"quality keep": {"quality": "keep"}, "quality 95": {"quality": 95}, "quality 75, its default": {}},
    "WEBP": {"quality 90": {"quality": 90, "method": 2}, "lossless": {"lossless": True, "method": 2}},
    "PNG": {"its default": {}},
}
_TURNS = 2


def main() -> int:
    """Reads the command line and prints the medians over all pictures."""
    parser = argparse.ArgumentParser(prog="scripts/bench metadata_strip", description=__doc__)
    parser.add_argument("--photos", type=Path, default=SHARED / "media" / "photos", help="a folder of JPEGs")
    parser.add_argument("--pictures", type=int, default=5, help="how many of them (5)")
    options = parser.parse_args()
    photos = [path.read_bytes() for path in sorted(options.photos.glob("*.jpg"))[: options.pictures]]
    if not photos:
        sys.exit(f"no photos in {options.photos}")
    for kind, ways in _WAYS.items():
        inputs = photos if kind == "JPEG" else [_as(kind, photo) for photo in photos]
        _print(f"{kind}, ours", inputs, _ours)
        for name, how in ways.items():
            _print(f"{kind}, Pillow, {name}", inputs, partial(_by_pillow, kind=kind, how=how))
    return 0


def _ours(data: bytes) -> bytes:
    source = open_picture(data, ImageLimits())
    return source.strip() or source.write(source.frames())


def _by_pillow(data: bytes, kind: str, how: Mapping[str, Any]) -> bytes:
    image, output = Image.open(io.BytesIO(data)), io.BytesIO()
    image.save(output, kind, exif=b"", icc_profile=image.info.get("icc_profile"), **how)
    return output.getvalue()


def _as(kind: str, photo: bytes) -> bytes:
    output = io.BytesIO()
    Image.open(io.BytesIO(photo)).convert("RGB").save(output, kind)
    return output.getvalue()


def _print(name: str, inputs: list[bytes], way: Callable[[bytes], bytes]) -> None:
    seconds, sizes, worst = [], [], 0
    errors = []
    for data in inputs:
        times, content = [], b""
        for _ in range(_TURNS):
            began = time.process_time()
            content = way(data)
            times.append(time.process_time() - began)
        seconds.append(min(times))
        sizes.append(len(content) / len(data))
        error = np.abs(_pixels(content) - _pixels(data))
        worst = max(worst, int(error.max()))
        errors.append(float(error.mean()))
    print(
        f"  {name:34} {1000 * statistics.median(seconds):7.2f} ms CPU"
        f"  size {statistics.median(sizes):6.1%} of the input"
        f"  error: mean {statistics.median(errors):.2f}, worst {worst}",
        flush=True,
    )


def _pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int16)


if __name__ == "__main__":
    sys.exit(main())
