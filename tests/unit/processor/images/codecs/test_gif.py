"""GIF, beside what Pillow's `save_all` writes: the reason that GIF has a writer of its own."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import av
import numpy as np
import pytest
from PIL import Image

from services.processor.images.codecs.gif import GifSource
from services.processor.images.frames import Disposal, Frame
from services.processor.images.limits import ImageLimits
from services.processor.images.raster import Channels, Raster
from services.processor.vision.detections import Picture
from tests.support.pictures import encode, paint

RED, GREEN = (200, 40, 30, 255), (20, 200, 30, 255)


def ours(pictures: Sequence[Picture], disposal: Disposal = Disposal.CLEAR) -> bytes:
    height, width = pictures[0].shape[:2]
    source = GifSource(encode(Image.new("P", (width, height)), "GIF"), ImageLimits())
    return source.write(Frame(Raster(picture, Channels.RGBA), 100, disposal) for picture in pictures)


def by_pillow(pictures: Sequence[Picture], disposal: int) -> bytes:
    first, *others = [Image.fromarray(picture) for picture in pictures]
    return encode(first, "GIF", save_all=True, append_images=others, duration=100, disposal=disposal)


def shown_by_pillow(content: bytes) -> list[Picture]:
    image = Image.open(io.BytesIO(content))
    shown = []
    for frame in range(image.n_frames):  # type: ignore[attr-defined]
        image.seek(frame)
        shown.append(np.array(image.convert("RGBA")))
    return shown


def shown_by_ffmpeg(content: bytes) -> list[Picture]:
    with av.open(io.BytesIO(content)) as container:
        return [frame.to_ndarray(format="rgba").astype(np.uint8) for frame in container.decode(video=0)]


@pytest.mark.parametrize("show", [shown_by_pillow, shown_by_ffmpeg])
def test_what_is_transparent_after_an_opaque_frame_is_so_in_our_file_and_not_in_pillows(
    show: Callable[[bytes], list[Picture]],
) -> None:
    opaque = np.full((48, 64, 4), RED, np.uint8)
    opaque[10:30, 20:50] = GREEN
    sprite = np.zeros((48, 64, 4), np.uint8)
    sprite[8:40, 8:24] = RED
    mine = show(ours([opaque, sprite]))[1]
    assert np.array_equal(mine[..., 3], sprite[..., 3])
    assert np.array_equal(mine[sprite[..., 3] > 0], sprite[sprite[..., 3] > 0])
    for disposal in Disposal:
        last = show(by_pillow([opaque, sprite], disposal))[1]
        assert not np.array_equal(last[..., 3], sprite[..., 3])


def test_two_hundred_colours_are_exact_in_our_file_and_not_in_pillows() -> None:
    pictures = [np.array(paint(shift).quantize(200).convert("RGBA")) for shift in (0, 5)]
    for mine, theirs, picture in zip(
        shown_by_pillow(ours(pictures, Disposal.KEEP)), shown_by_pillow(by_pillow(pictures, 1)), pictures, strict=True
    ):
        assert np.array_equal(mine, picture)
        assert np.abs(theirs.astype(int) - picture).max() > 8
