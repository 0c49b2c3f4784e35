"""Videos that are too large, damaged or none at all."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import pytest

from services.common.media.refusals import DamagedMedia, MediaRefused, MediaTooLong, TooManyPixels
from services.processor.video.limits import VideoLimits
from services.processor.video.source import VideoSource
from tests.support.scenes import (
    BlueDetector,
    Scene,
    Storage,
    anonymize,
    blue_pixels,
    pictures,
    write_video,
)

SHORT = Scene(frames=20)


def stills_video(path: Path, scenes: Sequence[Scene]) -> Path:
    """One JPEG after the other, of whatever size; the header says 160 x 120."""
    with av.open(str(path), "w") as container:
        stream = container.add_mux_stream("mjpeg", rate=30, width=160, height=120, time_base=Fraction(1, 30))
        for number, scene in enumerate(scenes):
            done, still = cv2.imencode(".jpg", scene.picture(0))
            assert done
            packet = av.Packet(still.tobytes())
            packet.stream, packet.pts, packet.dts, packet.duration = stream, number, number, 1
            packet.time_base, packet.is_keyframe = Fraction(1, 30), True
            container.mux(packet)
    return path


def refuse(source: Path, limits: VideoLimits | None = None) -> tuple[BlueDetector, Exception]:
    detector = BlueDetector()
    target = source.with_name("out.mp4")
    with pytest.raises((TooManyPixels, MediaTooLong, DamagedMedia)) as caught:
        anonymize(source, target, detector, limits=limits)
    assert not target.exists()
    return detector, caught.value


def long_video(path: Path, seconds: int) -> Path:
    """One frame a second, all of them the same."""
    with av.open(str(path), "w") as container:
        encoder = av.CodecContext.create("mpeg4", "w")
        encoder.width, encoder.height, encoder.pix_fmt = 64, 48, "yuv420p"
        encoder.time_base = Fraction(1, 1)
        encoder.framerate = Fraction(1)
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts, frame.time_base = 0, Fraction(1)
        (packet,) = [*encoder.encode(frame), *encoder.encode(None)]
        content = bytes(packet)
        stream = container.add_mux_stream("mpeg4", rate=1, width=64, height=48, time_base=Fraction(1))
        for second in range(seconds):
            copy = av.Packet(content)
            copy.stream, copy.pts, copy.dts, copy.duration = stream, second, second, 1
            copy.time_base, copy.is_keyframe = Fraction(1), True
            container.mux(copy)
    return path


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv"])
def test_ten_hours_are_refused_before_a_frame_is_looked_at(tmp_path: Path, suffix: str) -> None:
    source = long_video(tmp_path / f"in.{suffix}", 36_000)

    detector, error = refuse(source)

    assert detector.looks == []
    assert "36000 seconds" in str(error)
    assert "3600 seconds" in str(error)


def test_too_many_frames_and_too_many_pixels_are_refused_by_name(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT)

    frames, many = refuse(source, VideoLimits(max_frames=19))
    pixels, large = refuse(source, VideoLimits(max_pixels=160 * 120 - 1))

    assert isinstance(many, MediaTooLong)
    assert many.metadata == {"limit": "19 frames", "found": "20 frames"}
    assert isinstance(large, TooManyPixels)
    assert frames.looks == pixels.looks == []


def test_a_length_that_the_header_does_not_tell_is_found_on_the_way(tmp_path: Path) -> None:
    # A stream that was cut off while it was written has no length in its header.
    whole = write_video(tmp_path / "whole.mkv", Scene(frames=90)).read_bytes()
    source = tmp_path / "in.mkv"
    source.write_bytes(_without_matroska_duration(whole))
    with VideoSource(source, VideoLimits(), 1) as opened:
        assert opened.header.frames is None

    _, error = refuse(source, VideoLimits(max_seconds=2))

    assert isinstance(error, MediaTooLong)


def test_the_whole_part_of_a_truncated_video_is_anonymized_with_a_warning(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", Scene(), Storage(sound="aac", options={"g": "10", "bf": "0"}))
    content = whole.read_bytes()
    source = tmp_path / "in.mp4"
    source.write_bytes(content[: len(content) // 2])

    result = anonymize(source, tmp_path / "out.mp4")

    assert 5 < result.frames < 45
    assert result.warnings[0].startswith("the video is damaged")
    left = blue_pixels(tmp_path / "out.mp4")
    assert len(left) == result.frames
    assert max(left) == 0


def test_a_video_with_a_hole_is_anonymized_around_it(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mp4", Scene(), Storage(options={"g": "1"}))
    content = bytearray(whole.read_bytes())
    middle = (content.index(b"mdat") + len(content)) // 2
    content[middle : middle + 5000] = bytes(5000)
    source = tmp_path / "in.mp4"
    source.write_bytes(content)

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.warnings == ("the video is damaged: some of its frames could not be read",)
    assert 20 < result.frames < 45
    assert len(blue_pixels(tmp_path / "out.mp4")) == result.frames


def test_pictures_that_end_early_are_told(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "whole.mkv", Scene(frames=90), Storage(options={"g": "10"})).read_bytes()
    source = tmp_path / "in.mkv"
    source.write_bytes(whole[: len(whole) // 2])

    result = anonymize(source, tmp_path / "out.mp4")

    assert 10 < result.frames < 60
    assert result.warnings[-1].endswith("seconds before the video does")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a video at all" * 100,
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
    ],
)
def test_what_is_no_video_is_unreadable_and_opens_nothing_else(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in.mp4"
    source.write_bytes(content)

    _, error = refuse(source)

    assert isinstance(error, DamagedMedia)


@pytest.mark.parametrize("box", [b"mvhd", b"mdhd"])
def test_a_timescale_of_zero_is_no_crash(tmp_path: Path, box: bytes) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT)
    content = bytearray(source.read_bytes())
    start = content.index(box) + 4
    content[start + 12 : start + 16] = bytes(4)
    source.write_bytes(content)

    result, error = attempt(source)

    assert error is None or isinstance(error, MediaRefused)
    assert error is not None or result > 0


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_a_damaged_header_is_refused_with_a_reason_and_never_crashes(tmp_path: Path, suffix: str) -> None:
    source = write_video(tmp_path / f"in.{suffix}", Scene(frames=5))
    whole = source.read_bytes()
    start = max(0, whole.find(b"moov"))
    chosen = random.Random(18)
    for _ in range(80):
        content = bytearray(whole)
        for _ in range(chosen.choice((1, 2, 4))):
            content[chosen.randrange(start, min(len(content), start + 1500))] = chosen.choice((0, 1, 127, 255))
        source.write_bytes(content)

        _, error = attempt(source)

        assert error is None or isinstance(error, MediaRefused)


def attempt(source: Path) -> tuple[int, Exception | None]:
    """How many frames come out, or why none do."""
    try:
        return anonymize(source, source.with_name("out.mp4")).frames, None
    except Exception as error:  # noqa: BLE001 - the test asks for its kind
        return 0, error


def test_sound_without_pictures_is_unreadable(tmp_path: Path) -> None:
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        container.mux(stream.encode(None))

    _, error = refuse(source)

    assert isinstance(error, DamagedMedia)


def test_a_video_without_a_frame_is_unreadable(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT)
    content = source.read_bytes()
    start = content.index(b"mdat") + 4
    source.write_bytes(content[:start] + bytes(len(content) - start))

    _, error = refuse(source)

    assert isinstance(error, DamagedMedia)


def test_frames_that_change_their_size_are_brought_to_the_first_ones(tmp_path: Path) -> None:
    small = Scene(place=lambda _: (60, 40))
    large = Scene(place=lambda _: (130, 90), size=(320, 240))
    source = stills_video(tmp_path / "in.mkv", [small] * 8 + [large] * 8 + [small] * 8)

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.frames == 24
    assert blue_pixels(tmp_path / "out.mp4") == [0] * 24
    assert {picture.shape for picture in pictures(tmp_path / "out.mp4")} == {(120, 160, 3)}


def test_frames_far_larger_than_the_header_says_are_not_decoded(tmp_path: Path) -> None:
    small, bomb = Scene(), Scene(size=(9000, 9000), place=lambda _: None)
    source = stills_video(tmp_path / "in.mkv", [small] * 5 + [bomb] + [small] * 5)

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.frames == 10
    assert result.warnings == ("the video is damaged: some of its frames could not be read",)


def _without_matroska_duration(content: bytes) -> bytes:
    duration = content.index(b"\x44\x89\x88")
    # A void element of the same length.
    return content[:duration] + b"\xec\x89" + bytes(9) + content[duration + 11 :]
