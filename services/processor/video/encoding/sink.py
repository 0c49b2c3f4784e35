"""Writing the anonymized video: an MP4 that is ready to play while it loads, with the metadata alone that is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, cast

import av
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from services.common.media.vocabulary import Sound
from services.processor.video.encoding.canvas import RGB_BECOMES
from services.processor.video.encoding.encoders import Encoder
from services.processor.video.encoding.sounds import add_sound
from services.processor.video.source import SoundPacket, VideoHeader

FORMAT: Final = "mp4"


class VideoSink:
    """Takes frames and the source's packets of sound in their order; `finish` completes the file."""

    def __init__(
        self,
        path: Path,
        pictures: VideoStream,
        header: VideoHeader,
        size: tuple[int, int],
        display_matrix: Sequence[int] | None,
        sounds: Sequence[AudioStream],
        sound: Sound,
        tags: Mapping[str, str],
        encoder: Encoder,
        pixel_format: str,
    ) -> None:
        self._has_damaged_sound = False
        self._container = av.open(
            f"file:{path}",
            "w",
            format=FORMAT,
            options={
                # Without the second flag MP4 gets a few known tags alone.
                "movflags": "+faststart+use_metadata_tags" if tags else "+faststart",
                "video_track_timescale": str(header.time_base.denominator),
                "fflags": "+bitexact",
            },
        )
        self._container.metadata.update(tags)
        self._video = self._add_pictures(pictures, header, size, encoder, pixel_format)
        if display_matrix is not None:
            self._video.set_display_matrix(display_matrix)
        self._sounds = {source.index: add_sound(self._container, source, sound) for source in sounds}

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
        """Adds a packet of one of the sounds; one that cannot be read is left out."""
        sound = self._sounds.get(packet.stream.index)
        if sound is not None:
            self._keep_going(partial(sound.write, packet))

    def finish(self) -> None:
        """Write what the encoders still hold."""
        self._container.mux(self._video.encode(None))
        for sound in self._sounds.values():
            self._keep_going(sound.finish)

    @property
    def warnings(self) -> list[str]:
        """Differences between the sounds of the source and the result's."""
        changed = [sound.warning for sound in self._sounds.values() if sound.warning]
        return [*changed, *(["some of the sound could not be read"] if self._has_damaged_sound else [])]

    def _keep_going(self, write: Callable[[], None]) -> None:
        try:
            write()
        except av.error.FFmpegError as error:
            # A full disk is no fault of the sound.
            if isinstance(error, OSError):
                raise
            self._has_damaged_sound = True

    def _add_pictures(
        self, pictures: VideoStream, header: VideoHeader, size: tuple[int, int], encoder: Encoder, pixel_format: str
    ) -> VideoStream:
        time_base = header.time_base
        video = cast(
            VideoStream,
            self._container.add_stream(
                encoder.codec, rate=header.rate, options=dict(encoder.options), time_base=time_base
            ),
        )
        video.width, video.height = size
        context, source = video.codec_context, pictures.codec_context
        context.pix_fmt = pixel_format
        context.codec_tag = encoder.tag
        context.time_base = time_base
        if pictures.sample_aspect_ratio:
            context.sample_aspect_ratio = pictures.sample_aspect_ratio
        context.color_primaries = source.color_primaries
        context.color_trc = source.color_trc
        context.colorspace = RGB_BECOMES if header.is_rgb else source.colorspace
        context.color_range = source.color_range if source.pix_fmt == pixel_format else ColorRange.MPEG
        return video
