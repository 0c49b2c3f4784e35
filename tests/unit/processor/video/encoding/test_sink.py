"""What is kept of a video, and what is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from services.common.media.vocabulary import KeptMetadata, Sound
from services.processor.video.encoding.light import MasteringLight
from services.processor.video.source import display_matrix
from tests.support.scenes import (
    RARE_LOOKS,
    SOLID_FACES,
    BlueDetector,
    Scene,
    Storage,
    anonymize,
    blue_pixels,
    pictures,
    resting,
    write_video,
)

ALL_TAGS = {"movflags": "use_metadata_tags"}
SHORT = Scene(frames=20)


def times(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        return [Fraction(frame.pts or 0) * (frame.time_base or 1) for frame in container.decode(video=0)]


def sound_packets(path: Path) -> Iterator[bytes]:
    with av.open(str(path)) as container:
        for packet in container.demux(audio=0):
            if packet.size:
                yield bytes(packet)


def test_the_outcome_is_h264_in_an_mp4_that_plays_while_it_loads(tmp_path: Path) -> None:
    anonymize(write_video(tmp_path / "in.mp4", SHORT), tmp_path / "out.mp4")

    content = (tmp_path / "out.mp4").read_bytes()
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        assert len(container.streams) == 1
    assert content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mp4", "mpeg4"), ("mov", "libx264"), ("mkv", "libx265"), ("webm", "libvpx-vp9"), ("avi", "mpeg4")],
)
def test_every_container_that_is_taken_comes_out_as_mp4(tmp_path: Path, suffix: str, codec: str) -> None:
    source = write_video(tmp_path / f"in.{suffix}", SHORT, Storage(codec=codec))

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.frames == 20
    assert result.warnings == ()
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    assert [time - times(source)[0] for time in times(source)] == pytest.approx(
        [time - times(tmp_path / "out.mp4")[0] for time in times(tmp_path / "out.mp4")], abs=1e-3
    )


def test_a_variable_frame_rate_is_kept_to_the_tick(tmp_path: Path) -> None:
    irregular = [0, 7, 19, 20, 55, 56, 57, 90, 131, 132, 180, 181, 199, 240, 241, 250, 260, 333, 334, 400]
    storage = Storage(times=irregular, time_base=Fraction(1, 90_000))
    storage = replace(storage, times=[300 * one for one in irregular])
    source = write_video(tmp_path / "in.mp4", SHORT, storage)

    anonymize(source, tmp_path / "out.mp4", budget=RARE_LOOKS)

    assert times(tmp_path / "out.mp4") == times(source) == [Fraction(one, 300) for one in irregular]
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].time_base == Fraction(1, 90_000)
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_a_rotated_video_is_seen_upright_and_stays_rotated(tmp_path: Path, clockwise: int) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT, Storage(clockwise=clockwise))
    detector = BlueDetector()

    result = anonymize(source, tmp_path / "out.mp4", detector)

    matrices = []
    for path in (source, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            matrices.append(display_matrix(next(container.decode(video=0))))
    assert matrices[0] is not None
    assert matrices[0] == matrices[1]
    upright = (160, 120) if clockwise == 180 else (120, 160)
    assert set(detector.looks) == {upright}
    assert (result.width, result.height) == upright
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0
    # The square starts 10 pixels right and 40 below the corner of the stored picture.
    start = result.tracks[0].points[0].box
    expected = {90: (120 - 64, 10), 180: (160 - 34, 120 - 64), 270: (40, 160 - 34)}[clockwise]
    assert (start.left, start.top) == pytest.approx(expected, abs=2)


def test_sound_is_kept_bit_by_bit(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT, Storage(sound="aac"))

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.warnings == ()
    assert list(sound_packets(tmp_path / "out.mp4")) == list(sound_packets(source))


def test_sound_is_left_out_on_demand(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT, Storage(sound="aac"))

    anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, sound=Sound.DROP))

    with av.open(str(tmp_path / "out.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]


@pytest.mark.parametrize("sound", [Sound.DISTORT, Sound.BEEP])
@pytest.mark.parametrize(("codec", "layout"), [("aac", "mono"), ("pcm_s16le", "mono"), ("aac", "stereo")])
def test_sound_is_disguised_on_demand(tmp_path: Path, sound: Sound, codec: str, layout: str) -> None:
    source = write_video(tmp_path / "in.mov", SHORT, Storage(sound=codec, layout=layout))

    result = anonymize(source, tmp_path / "out.mp4", options=replace(SOLID_FACES, sound=sound))

    assert result.warnings == ()
    assert not set(sound_packets(source)) & set(sound_packets(tmp_path / "out.mp4"))
    with av.open(str(tmp_path / "out.mp4")) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(heard) == pytest.approx(48_000 * 20 / 30, abs=3000)
    assert np.abs(heard).max() > 0.05


def test_sound_that_mp4_cannot_hold_is_converted_with_a_warning(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mov", SHORT, Storage(sound="pcm_s16le"))

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.warnings == ("the sound was converted from pcm_s16le to aac",)
    with av.open(str(tmp_path / "out.mp4")) as container:
        tone = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert len(tone) == pytest.approx(48_000 * 20 / 30, abs=3000)
    assert np.abs(tone).max() == pytest.approx(8000 / 32768, rel=0.2)


def test_the_time_and_the_camera_stay_on_demand(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT)
    told = {"creation_time": "2020-01-02T03:04:05.000000Z", "make": "Acme", "comment": "secret"}
    with av.open(str(source)) as plain, av.open(str(tmp_path / "told.mp4"), "w", options=ALL_TAGS) as container:
        container.metadata.update(told)
        stream = container.add_stream_from_template(plain.streams.video[0])
        for packet in plain.demux(video=0):
            if packet.size:
                packet.stream = stream
                container.mux(packet)

    for name, kept in (("none.mp4", ()), ("out.mp4", tuple(KeptMetadata))):
        anonymize(tmp_path / "told.mp4", tmp_path / name, options=replace(SOLID_FACES, keep_metadata=frozenset(kept)))

    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.metadata["creation_time"] == told["creation_time"]
        assert container.metadata["com.apple.quicktime.make"] == "Acme"
        assert "secret" not in container.metadata.values()
    with av.open(str(tmp_path / "none.mp4")) as container:
        assert not {"creation_time", "com.apple.quicktime.make"} & set(container.metadata)


def test_nothing_of_the_originals_metadata_is_left(tmp_path: Path) -> None:
    tags = {
        "title": "Grandma at home",
        "location": "+52.5200+013.4050/",
        "com.apple.quicktime.location.ISO6709": "+52.5200+013.4050+034.000/",
        "com.apple.quicktime.make": "Acme",
        "creation_time": "2021-03-04T23:59:58.000000Z",
    }
    source = write_video(tmp_path / "in.mp4", SHORT, Storage(sound="aac", tags=tags))
    assert b"+52.5200" in source.read_bytes()

    anonymize(source, tmp_path / "out.mp4")

    content = (tmp_path / "out.mp4").read_bytes()
    for secret in (b"+52.5200", b"Grandma", b"Acme", b"2021"):
        assert secret not in content
    with av.open(str(tmp_path / "out.mp4")) as container:
        kept = dict(container.metadata)
        for stream in container.streams:
            kept |= stream.metadata
    assert not {"title", "location", "creation_time"} & set(kept)


@pytest.mark.parametrize("size", [(161, 120), (160, 121), (163, 97)])
def test_odd_sides_are_made_even_and_nothing_moves(tmp_path: Path, size: tuple[int, int]) -> None:
    scene = Scene(frames=20, size=size, place=resting)
    source = write_video(tmp_path / "in.mkv", scene, Storage(codec="ffv1", pixels="yuv420p"))

    result = anonymize(source, tmp_path / "out.mp4")

    width, height = size
    even = f"{width + width % 2} x {height + height % 2}"
    assert result.warnings == (f"the frames of {width} x {height} pixels became {even}: their sides must be even",)
    for before, after in zip(pictures(source), pictures(tmp_path / "out.mp4"), strict=True):
        assert after.shape == (height + height % 2, width + width % 2, 3)
        difference = after[:height, :width].astype(np.int16) - before
        assert np.abs(difference[:, 100:]).mean() < 3
    assert max(blue_pixels(tmp_path / "out.mp4")) == 0


def test_ten_bits_stay_ten(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mp4", SHORT, Storage(pixels="yuv420p10le"))

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.warnings == ()
    with av.open(str(tmp_path / "out.mp4")) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt, context.codec_tag) == ("hevc", "yuv420p10le", "hvc1")
    _assert_alike(source, tmp_path / "out.mp4")


def test_more_than_ten_bits_become_ten_with_a_warning(tmp_path: Path) -> None:
    source = write_video(tmp_path / "in.mkv", SHORT, Storage(codec="ffv1", pixels="yuv420p12le"))

    result = anonymize(source, tmp_path / "out.mp4")

    assert result.warnings == ("the pictures were converted from 12 to 10 bits",)
    _assert_alike(source, tmp_path / "out.mp4")


def test_hdr_keeps_its_transfer_and_the_light_that_it_was_mastered_for(tmp_path: Path) -> None:
    mastered = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    parameters = {"x265-params": f"log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:{mastered}"}
    source = write_video(tmp_path / "in.mp4", SHORT, Storage(codec="libx265", pixels="yuv420p10le", options=parameters))

    anonymize(source, tmp_path / "out.mp4")

    kept = []
    for path in (source, tmp_path / "out.mp4"):
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            context = container.streams.video[0].codec_context
            kept.append(
                (context.color_primaries, context.color_trc, context.colorspace, MasteringLight.of_frame(frame))
            )
    assert kept[0] == kept[1]
    assert kept[0][-1] == MasteringLight(*(part.partition("=")[2] for part in mastered.split(":")))


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels"),
    [
        ("avi", "mjpeg", "yuvj420p"),
        ("avi", "mjpeg", "yuvj444p"),
        ("mp4", "libx264", "yuv444p"),
        ("avi", "rawvideo", "bgr24"),
        ("mkv", "ffv1", "gray"),
    ],
)
def test_pictures_of_other_kinds_keep_their_looks(tmp_path: Path, suffix: str, codec: str, pixels: str) -> None:
    source = write_video(tmp_path / f"in.{suffix}", SHORT, Storage(codec=codec, pixels=pixels))

    anonymize(source, tmp_path / "out.mp4")

    _assert_alike(source, tmp_path / "out.mp4")


def _assert_alike(source: Path, target: Path) -> None:
    assert max(blue_pixels(target)) == 0
    for before, after in zip(pictures(source), pictures(target), strict=True):
        assert np.abs(before[:35].astype(np.int16) - after[:35]).mean() < 3
