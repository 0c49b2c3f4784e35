from __future__ import annotations

import numpy as np
import pytest
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace

from services.processor.video.encoding.colours import plane_value, weights_of


@pytest.mark.parametrize("color", ["#000000", "#ffffff", "#ffcc00", "#0000ff"])
@pytest.mark.parametrize("space", [Colorspace.ITU601, Colorspace.ITU709])
def test_a_colour_is_stored_as_a_converter_would_store_it(color: str, space: Colorspace) -> None:
    rgb = np.empty((16, 16, 3), np.uint8)
    rgb[...] = tuple(bytes.fromhex(color[1:]))
    frame = VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv444p", dst_colorspace=space)
    expected = [int(memoryview(plane)[0]) for plane in frame.planes]
    frame.colorspace = space
    stored = [plane_value(weights_of(frame), 8, number, color)[0] for number in range(3)]
    assert np.abs(np.subtract(stored, expected)).max() <= 2


def test_a_video_without_a_word_about_its_colours_is_taken_for_what_players_take_it_for() -> None:
    small, large = VideoFrame(640, 480, "yuv420p"), VideoFrame(1280, 720, "yuv420p")
    assert weights_of(small) != weights_of(large)
