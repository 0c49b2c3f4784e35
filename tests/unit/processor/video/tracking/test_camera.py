from __future__ import annotations

import av
import numpy as np
import pytest

from services.processor.video.tracking.camera import Camera, SceneMotion
from tests.support.scenes import pattern

WIDTH, HEIGHT = 640, 360


def frame(dx: int = 0, dy: int = 0, seed: int = 1, light: int = 0) -> av.VideoFrame:
    large = pattern(WIDTH + 100, HEIGHT + 100, seed).repeat(2, axis=0).repeat(2, axis=1)
    seen = large[50 - dy : 50 - dy + HEIGHT, 50 - dx : 50 - dx + WIDTH]
    return av.VideoFrame.from_ndarray(np.clip(seen.astype(np.int16) + light, 0, 255).astype(np.uint8), format="bgr24")


def test_the_first_frame_moves_nothing() -> None:
    assert Camera(WIDTH, HEIGHT).advance(frame()) == SceneMotion()


@pytest.mark.parametrize("shift", [(12, 0), (0, -8), (-20, 16), (4, 4)])
def test_measures_how_the_scene_moved(shift: tuple[int, int]) -> None:
    camera = Camera(WIDTH, HEIGHT)
    camera.advance(frame())

    motion = camera.advance(frame(*shift))

    assert (motion.dx, motion.dy) == pytest.approx(shift, abs=1.5)
    assert not motion.is_cut


def test_measures_each_frame_against_the_one_before_it() -> None:
    camera = Camera(WIDTH, HEIGHT)
    motions = [camera.advance(frame(10 * step, 0)) for step in range(4)]

    assert motions[3].dx == pytest.approx(10, abs=1.5)


def test_a_still_scene_does_not_drift() -> None:
    camera = Camera(WIDTH, HEIGHT)
    camera.advance(frame())

    assert camera.advance(frame(light=1)) == SceneMotion()


def test_another_scene_is_a_cut_and_another_light_is_none() -> None:
    camera = Camera(WIDTH, HEIGHT)
    camera.advance(frame())

    assert not camera.advance(frame(light=60)).is_cut
    assert camera.advance(frame(seed=2)).is_cut
