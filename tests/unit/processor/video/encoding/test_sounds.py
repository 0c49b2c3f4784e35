from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import pytest

from services.common.media.vocabulary import Sound
from tests.support.scenes import SOLID_FACES, Scene, Storage, anonymize, write_video

SMALL = Scene(size=(64, 48), frames=30)
STORED = [
    ("mkv", "vorbis"),
    ("webm", "vorbis"),
    ("mkv", "aac"),
    ("webm", "libopus"),
    ("avi", "libmp3lame"),
    ("mp4", "aac"),
    ("mkv", "pcm_s16le"),
    ("mkv", "flac"),
]


def spans(path: Path) -> list[tuple[float, float]]:
    """From when to when there is sound by the container's times, in seconds; a pause of less than 0.1 s is none."""
    found: list[tuple[float, float]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            start = float((frame.pts or 0) * (frame.time_base or 1))
            end = start + frame.samples / frame.sample_rate
            if found and start - found[-1][1] < 0.1:
                start, _ = found.pop()
            found.append((start, end))
    return found


@pytest.mark.parametrize("sound", [Sound.KEEP, Sound.DISTORT, Sound.BEEP])
@pytest.mark.parametrize(("suffix", "codec"), STORED)
def test_the_sound_begins_and_ends_when_it_did(tmp_path: Path, suffix: str, codec: str, sound: Sound) -> None:
    storage = Storage(codec="libvpx" if suffix == "webm" else "mpeg4", sound=codec, layout="stereo")
    source = write_video(tmp_path / f"in.{suffix}", SMALL, storage)

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, sound=sound))

    assert spans(tmp_path / "out.mp4") == [pytest.approx(span, abs=0.1) for span in spans(source)]


@pytest.mark.parametrize("sound", [Sound.KEEP, Sound.DISTORT, Sound.BEEP])
@pytest.mark.parametrize("codec", ["vorbis", "aac", "pcm_s16le"])
def test_a_late_start_and_a_pause_of_the_sound_stay(tmp_path: Path, codec: str, sound: Sound) -> None:
    heard = [(0.3, 0.6), (1.2, 1.7)]
    storage = Storage(codec="mpeg4", sound=codec, layout="stereo", heard=heard)
    source = write_video(tmp_path / "in.mkv", replace(SMALL, frames=60), storage)

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, sound=sound))

    assert spans(tmp_path / "out.mp4") == [pytest.approx(span, abs=0.1) for span in heard]
