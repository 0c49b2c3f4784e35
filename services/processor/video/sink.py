"""Writing the anonymized video: H.264 in MP4, ready to play while it loads, without the original's metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import av
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from services.processor.video.canvas import PIXEL_FORMAT, RGB_BECOMES
from services.processor.video.source import SoundPacket

FORMAT: Final = "mp4"

# At this quality a compressed frame looks like its original; slower presets save bytes, not quality.
_ENCODER_OPTIONS: Final = {"preset": "veryfast", "crf": "20"}
_COPIED_SOUNDS: Final = frozenset({"aac", "mp3", "opus", "ac3", "eac3", "alac", "flac"})
_SOUND_ENCODER: Final = "aac"
_SOUND_BIT_RATE: Final = 160_000


@dataclass(slots=True)
class _Sound:
    target: AudioStream
    is_copied: bool
    last_dts: int | None = None


class VideoSink:
    """Takes frames and the source's packets of sound in their order; `finish` completes the file."""

    def __init__(
        self,
        path: Path,
        pictures: VideoStream,
        time_base: Fraction,
        size: tuple[int, int],
        display_matrix: Sequence[int] | None,
        sounds: Sequence[AudioStream],
        threads: int,
    ) -> None:
        self.warnings: list[str] = []
        self._container = av.open(
            f"file:{path}",
            "w",
            format=FORMAT,
            options={
                "movflags": "+faststart",
                "video_track_timescale": str(time_base.denominator),
                "fflags": "+bitexact",
            },
        )
        self._video = self._add_pictures(pictures, size, time_base, threads)
        if display_matrix is not None:
            self._video.set_display_matrix(display_matrix)
        self._sounds = {sound.index: self._add_sound(sound) for sound in sounds}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    def write_frame(self, frame: VideoFrame) -> None:
        """Encode one frame."""
        self._container.mux(self._video.encode(frame))

    def write_sound(self, packet: SoundPacket) -> None:
        """Copy a packet of sound, or encode it anew where MP4 cannot hold it."""
        sound = self._sounds.get(packet.stream.index)
        if sound is None:
            return
        if not sound.is_copied:
            self._transcode(packet, sound)
            return
        if packet.dts is None or (sound.last_dts is not None and packet.dts <= sound.last_dts):
            return
        sound.last_dts = packet.dts
        packet.stream = sound.target
        self._container.mux(packet)

    def finish(self) -> None:
        """Write what the encoders still hold."""
        self._container.mux(self._video.encode(None))
        for sound in self._sounds.values():
            if not sound.is_copied:
                self._container.mux(sound.target.encode(None))

    def _add_pictures(
        self, pictures: VideoStream, size: tuple[int, int], time_base: Fraction, threads: int
    ) -> VideoStream:
        rate = pictures.average_rate or pictures.guessed_rate or Fraction(25)
        video: VideoStream = self._container.add_stream(
            "libx264", rate=rate, options={**_ENCODER_OPTIONS, "threads": str(threads)}, time_base=time_base
        )
        video.width, video.height = size
        context, source = video.codec_context, pictures.codec_context
        context.time_base = time_base
        if pictures.sample_aspect_ratio:
            context.sample_aspect_ratio = pictures.sample_aspect_ratio
        context.color_primaries = source.color_primaries
        context.color_trc = source.color_trc
        context.colorspace = RGB_BECOMES if pictures.format.is_rgb else source.colorspace
        context.color_range = source.color_range if source.pix_fmt == PIXEL_FORMAT else ColorRange.MPEG
        return video

    def _add_sound(self, source: AudioStream) -> _Sound:
        name = source.codec_context.codec.canonical_name
        if name in _COPIED_SOUNDS:
            return _Sound(self._container.add_stream_from_template(source), True)
        self.warnings.append(f"the sound was converted from {name} to {_SOUND_ENCODER}")
        target = self._container.add_stream(_SOUND_ENCODER, rate=source.sample_rate, layout=source.layout.name)
        target.bit_rate = _SOUND_BIT_RATE
        return _Sound(target, False)

    def _transcode(self, packet: SoundPacket, sound: _Sound) -> None:
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            return
        for frame in frames:
            self._container.mux(sound.target.encode(frame))
