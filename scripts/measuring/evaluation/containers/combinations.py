"""The combinations of container, codec, depth and sound that are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Sound:
    """How a tone is stored beside the pictures."""

    codec: str
    rate: int = 48_000
    layout: str = "stereo"


@dataclass(frozen=True, slots=True)
class Combination:
    """One kind of video; names of codecs are those of encoders."""

    container: str
    codec: str
    pixels: str = "yuv420p"
    sounds: Sequence[Sound] = ()
    clockwise: int = 0
    is_hdr: bool = False
    """Tagged as HDR10: BT.2020 primaries and the PQ transfer."""
    times: Sequence[int] | None = None
    """The frames' times, in thirtieths of a second; None is one after the other."""
    size: tuple[int, int] = (160, 120)
    is_fragmented: bool = False
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Its name in the table and in tests."""
        sounds = [f"{one.codec} {one.rate / 1000:g} kHz {one.layout}" for one in self.sounds] or ["no sound"]
        notes = [
            "HDR10" if self.is_hdr else "",
            f"turned {self.clockwise}" if self.clockwise else "",
            "irregular times" if self.times else "",
            "fragmented" if self.is_fragmented else "",
            "{}x{}".format(*self.size) if self.size != (160, 120) else "",
        ]
        return ", ".join(filter(None, [self.container, f"{self.codec} {self.pixels}", " + ".join(sounds), *notes]))


AAC: Final = Sound("aac")
IRREGULAR: Final = (0, 1, 2, 4, 7, 8, 9, 15, 16, 17, 18, 20, 22, 23, 24, 30, 31, 32, 33, 34, 40, 41, 42, 50)

COMBINATIONS: Final = (
    # MP4
    Combination("mp4", "libx264", sounds=[AAC]),
    Combination("mp4", "libx264"),
    Combination("mp4", "libx264", sounds=[AAC], clockwise=90),
    Combination("mp4", "libx264", sounds=[AAC], clockwise=180),
    Combination("mp4", "libx264", sounds=[AAC], clockwise=270),
    Combination("mp4", "libx264", sounds=[AAC], times=IRREGULAR),
    Combination("mp4", "libx264", sounds=[AAC], is_fragmented=True),
    Combination("mp4", "libx264", sounds=[AAC], size=(161, 121), pixels="yuv444p"),
    Combination("mp4", "libx264", "yuv422p", [AAC, Sound("ac3")]),
    Combination("mp4", "libx264", "yuv420p10le", [AAC]),
    Combination("mp4", "libx264", "yuv422p10le", [Sound("libmp3lame", 44_100)]),
    Combination("mp4", "libx264", sounds=[Sound("eac3", layout="5.1")]),
    Combination("mp4", "libx264", sounds=[Sound("alac", 96_000)]),
    Combination("mp4", "libx264", sounds=[Sound("flac", 192_000)]),
    Combination("mp4", "libx264", sounds=[Sound("libopus")]),
    Combination("mp4", "libx265", sounds=[AAC]),
    Combination("mp4", "libx265", "yuv420p10le", [AAC]),
    Combination("mp4", "libx265", "yuv420p10le", [AAC], is_hdr=True),
    Combination("mp4", "libsvtav1", sounds=[Sound("libopus")]),
    Combination("mp4", "libsvtav1", "yuv420p10le", [AAC], is_hdr=True),
    Combination("mp4", "mpeg4", sounds=[Sound("libmp3lame", 44_100)]),
    Combination("mp4", "mpeg2video", sounds=[Sound("mp2")]),
    Combination("mp4", "mjpeg", "yuvj420p", [AAC]),
    Combination("mp4", "libvpx-vp9", sounds=[AAC]),
    # MOV
    Combination("mov", "libx264", sounds=[AAC], clockwise=90),
    Combination("mov", "libx264", sounds=[Sound("pcm_s16le")]),
    Combination("mov", "libx264", sounds=[Sound("pcm_s24le", 96_000)]),
    Combination("mov", "libx264", sounds=[Sound("pcm_s16be", 192_000)]),
    Combination("mov", "libx264", sounds=[Sound("pcm_f32le", 192_000, "mono")]),
    Combination("mov", "libx264", sounds=[Sound("pcm_mulaw", 8_000, "mono")]),
    Combination("mov", "libx264", sounds=[Sound("pcm_s16le", 22_050, "mono")]),
    Combination("mov", "libx264", sounds=[Sound("pcm_s16le", layout="5.1")]),
    Combination("mov", "libx264", sounds=[Sound("adpcm_ima_qt", 44_100)]),
    Combination("mov", "libx265", "yuv420p10le", [AAC], is_hdr=True, clockwise=270),
    Combination("mov", "prores_ks", "yuv422p10le", [Sound("pcm_s24le")]),
    Combination("mov", "prores_ks", "yuva444p10le", [Sound("pcm_s16le")]),
    Combination("mov", "dnxhd", "yuv422p", [Sound("pcm_s16le")], size=(1920, 1080), options={"profile": "dnxhr_sq"}),
    Combination("mov", "mjpeg", "yuvj422p", [Sound("pcm_alaw", 8_000, "mono")]),
    Combination("mov", "qtrle", "rgb24", [Sound("alac")]),
    Combination("mov", "rawvideo", "yuv420p", [Sound("pcm_u8", 11_025, "mono")]),
    Combination("mov", "png", "rgb48be", [Sound("pcm_s32be")]),
    # Matroska and WebM
    Combination("mkv", "libx264", sounds=[Sound("libopus")]),
    Combination("mkv", "libx264", sounds=[Sound("flac", 96_000), AAC]),
    Combination("mkv", "libx264", sounds=[Sound("pcm_s16le", 192_000)]),
    Combination("mkv", "libx264", "yuv420p10le", [Sound("vorbis", 44_100)]),
    Combination("mkv", "libx264", sounds=[AAC], times=IRREGULAR),
    Combination("mkv", "libx265", "yuv420p12le", [Sound("eac3")]),
    Combination("mkv", "libx265", "yuv422p10le", [Sound("ac3")], is_hdr=True),
    Combination("mkv", "ffv1", "yuv420p16le", [Sound("flac")]),
    Combination("mkv", "ffv1", "gray", [Sound("wavpack")]),
    Combination("mkv", "mpeg2video", "yuv422p", [Sound("mp2")]),
    Combination("mkv", "msmpeg4", sounds=[Sound("tta")]),
    Combination("mkv", "mpeg4", sounds=[Sound("pcm_f32le")]),
    Combination("webm", "libvpx", sounds=[Sound("vorbis")]),
    Combination("webm", "libvpx-vp9", sounds=[Sound("libopus")]),
    Combination("webm", "libsvtav1", "yuv420p10le", [Sound("libopus")], is_hdr=True),
    # AVI
    Combination("avi", "mpeg4", sounds=[Sound("pcm_s16le", 44_100)]),
    Combination("avi", "mpeg4", sounds=[Sound("libmp3lame", 44_100)]),
    Combination("avi", "mpeg4", sounds=[Sound("pcm_mulaw", 8_000, "mono")]),
    Combination("avi", "mpeg4", sounds=[Sound("pcm_alaw", 8_000, "mono")]),
    Combination("avi", "mpeg4", sounds=[Sound("adpcm_ms", 22_050)]),
    Combination("avi", "mpeg4", sounds=[Sound("adpcm_ima_wav", 44_100)]),
    Combination("avi", "mpeg4", sounds=[Sound("wmav1", 44_100)]),
    Combination("avi", "mpeg4", sounds=[Sound("wmav2", 44_100)]),
    Combination("avi", "mpeg4", sounds=[Sound("ac3")]),
    Combination("avi", "mpeg4", sounds=[Sound("pcm_u8", 11_025, "mono")]),
    Combination("avi", "mpeg4", sounds=[AAC]),
    Combination("avi", "mjpeg", "yuvj422p", [Sound("pcm_s16le", 8_000, "mono")]),
    Combination("avi", "libx264", sounds=[Sound("libmp3lame")]),
    Combination("avi", "msmpeg4v2", sounds=[Sound("pcm_s16le", 96_000)]),
    Combination("avi", "wmv2", sounds=[Sound("wmav2")]),
    Combination("avi", "huffyuv", "yuv422p", [Sound("pcm_s24le")]),
    Combination("avi", "utvideo", "gbrp", [Sound("eac3")]),
    Combination("avi", "rawvideo", "bgr24", [Sound("pcm_s16le", 192_000)]),
    Combination("avi", "cinepak", "rgb24", [Sound("pcm_s16le")]),
    # Refused at upload
    Combination("3gp", "mpeg4", sounds=[AAC]),
    Combination("flv", "flv", sounds=[Sound("libmp3lame", 44_100)]),
    Combination("ts", "mpeg2video", sounds=[Sound("mp2")]),
    Combination("wmv", "wmv2", sounds=[Sound("wmav2", 44_100)]),
    Combination("mpg", "mpeg1video", sounds=[Sound("mp2")]),
)
