"""Prints what GIF and WebP animations cost and lose: our GIF writer beside Pillow's `save_all`, which writes WebP.

Each animation is written again after a square of it was blurred; what is compared is what a viewer shows.
"""

from __future__ import annotations

import argparse
import io
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from scripts.measuring.benchmarks.images import SHARED
from services.processor.images.frames import Frame, PictureSource
from services.processor.images.limits import ImageLimits
from services.processor.images.opening import open_picture
from services.processor.vision.detections import Picture

_VIDEO = SHARED / "media" / "videos" / "faces_stage.mp4"
_TURNS = 2


def main() -> int:
    """Reads the command line and prints the figures."""
    parser = argparse.ArgumentParser(prog="scripts/bench animations", description=__doc__)
    parser.add_argument("--video", type=Path, default=_VIDEO, help="its first 12 frames are one of the animations")
    parser.add_argument("--memory", choices=("own", "pillow"), help="print the peak memory of 60 frames of 720p alone")
    options = parser.parse_args()
    if options.memory:
        print(f"GIF, {options.memory}: {_peak_mib(options.memory):.0f} MiB")
        return 0
    animations = {"drawing": _drawing(), "sprite": _sprite()}
    if options.video.exists():
        animations["video"] = _video(options.video)
    for kind in ("GIF", "WEBP"):
        for name, images in animations.items():
            how = {"lossless": name != "video"} if kind == "WEBP" else {"disposal": 2 if name == "sprite" else 1}
            source = open_picture(_by_pillow(images, kind, [50] * len(images), **how), ImageLimits())
            frames = [_covered(frame) for frame in source.frames()]
            for frame, image in zip(frames, images, strict=True):
                # Pillow wrote the input: what it got wrong there is set right.
                frame.raster.pixels[..., 3] = np.array(image.convert("RGBA"))[..., 3]
            _print(f"{kind} {name}, ours", frames, partial(_ours, source, frames))
            if kind == "GIF":
                pictures = [Image.fromarray(frame.raster.pixels) for frame in frames]
                times = [frame.duration_ms for frame in frames]
                for disposal in (1, 2):
                    way = partial(_by_pillow, pictures, kind, times, disposal=disposal)
                    _print(f"{kind} {name}, Pillow, disposal {disposal}", frames, way)
    return 0


def _ours(source: PictureSource, frames: Sequence[Frame]) -> bytes:
    return source.write(iter(frames))


def _by_pillow(images: Sequence[Image.Image], kind: str, times: Sequence[int], **options: object) -> bytes:
    output = io.BytesIO()
    first, *others = images
    first.save(output, kind, save_all=True, append_images=others, duration=list(times), loop=0, **options)
    return output.getvalue()


def _covered(frame: Frame) -> Frame:
    height, width = frame.raster.pixels.shape[:2]
    square = frame.raster.pixels[height // 4 : height // 2, width // 4 : width // 2, :3]
    square[:] = cv2.GaussianBlur(square, (31, 31), 0)
    return frame


def _print(name: str, frames: Sequence[Frame], write: Callable[[], bytes]) -> None:
    least, content = math.inf, b""
    for _ in range(_TURNS):
        began = time.process_time()
        content = write()
        least = min(least, time.process_time() - began)
    shown = list(_shown(content))
    worst, sums, wrong, now = 0, 0.0, 0, 0
    for frame in frames:
        mine = next(picture for end, picture in shown if now < end)
        visible = (mine[..., 3] > 127) & (frame.raster.pixels[..., 3] > 127)
        wrong += int(((mine[..., 3] > 127) != (frame.raster.pixels[..., 3] > 127)).sum())
        error = np.abs(mine[visible].astype(int) - frame.raster.pixels[visible])
        worst, sums = max(worst, int(error.max(initial=0))), sums + float(error.mean()) if error.size else sums
        now += frame.duration_ms
    print(
        f"  {name:32} {1000 * least / len(frames):6.1f} ms CPU a frame {len(content):9,} bytes"
        f"  error: mean {sums / len(frames):.2f}, worst {worst}; {wrong} pixels of wrong transparency",
        flush=True,
    )


def _shown(content: bytes) -> Iterator[tuple[int, Picture]]:
    """Each frame with the time at which it ends."""
    image, now = Image.open(io.BytesIO(content)), 0
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        pixels = np.array(image.convert("RGBA"))
        now += int(image.info.get("duration", 0))
        yield now, pixels


def _drawing() -> list[Image.Image]:
    images = []
    for number in range(20):
        pixels = np.full((360, 480, 3), (240, 240, 230), np.uint8)
        cv2.circle(pixels, (40 + 18 * number, 180), 30, (200, 30, 30), -1)
        images.append(Image.fromarray(pixels))
    return images


def _sprite() -> list[Image.Image]:
    images = []
    for number in range(8):
        image = Image.new("RGBA", (64, 48), (200, 200, 190, 255) if number % 4 == 1 else (0, 0, 0, 0))
        image.paste((200, 30 * number, 30, 255), (6 * number, 8, 6 * number + 12, 40))
        images.append(image)
    return images


def _video(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as container:
        frames = zip(range(12), container.decode(video=0), strict=False)
        pictures = (frame.to_ndarray(format="rgb24") for _, frame in frames)
        return [Image.fromarray(cv2.resize(picture, (480, 270)).astype(np.uint8)) for picture in pictures]


def _peak_mib(way: str) -> float:
    noise = np.random.default_rng(1).integers(0, 6, (720, 1280), np.uint8) * 40

    def images() -> Iterator[Image.Image]:
        for number in range(60):
            yield Image.fromarray(np.roll(noise, 9 * number, axis=1)).convert("RGBA")

    if way == "own":
        source = open_picture(_by_pillow([Image.new("P", (1280, 720))], "GIF", [50]), ImageLimits())
        content = next(source.frames())
        source.write(_framed(content, image) for image in images())
    else:
        following = images()
        next(following).save(io.BytesIO(), "GIF", save_all=True, append_images=following, duration=50)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _framed(like: Frame, image: Image.Image) -> Frame:
    like.raster.pixels = np.array(image)
    return like


if __name__ == "__main__":
    sys.exit(main())
