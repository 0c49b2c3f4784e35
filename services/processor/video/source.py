"""Reading a video: its header, and its frames as far as they can be decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeAlias, cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.sidedata.sidedata import SideData
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from services.common.media.refusals import DamagedMedia
from services.processor.video.limits import VideoLimits

# A playlist or an image sequence would make FFmpeg open files that the content names.
_CONTAINER_OPTIONS: Final = {
    "format_whitelist": "mov,matroska,avi",
    "protocol_whitelist": "file",
    "max_streams": "64",
    "fflags": "+genpts",
}
_FALLBACK_RATE: Final = Fraction(25)
_UNREMARKABLE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class VideoHeader:
    """The container's header; a field that it lacks is `None`."""

    format: str
    width: int
    height: int
    time_base: Fraction
    rate: Fraction
    frames: int | None
    seconds: float | None
    bits: int
    """Of the deepest component of a pixel."""
    is_rgb: bool


SoundPacket: TypeAlias = "Packet[AudioStream]"


class TimedFrame(NamedTuple):
    """A decoded frame, and when it is shown, in units of the header's time base."""

    pts: int
    frame: VideoFrame


class VideoSource:
    """One pass over a video: its main pictures, and all of its sounds.

    Frames come in the order of presentation, each later than the one before it, even if the container says otherwise.
    Frames that cannot be decoded are skipped; `warnings` then says so.
    """

    def __init__(self, path: Path, limits: VideoLimits, threads: int) -> None:
        self._limits = limits
        self._container = _open(path, limits)
        try:
            self._video = self._main_pictures()
            self.header = self._read_header()
            limits.check_pixels(self.header.width, self.header.height)
            limits.check_length(self.header.frames, self.header.seconds)
        except BaseException:
            self._container.close()
            raise
        context = self._video.codec_context
        context.options = {"max_pixels": str(limits.max_pixels)}
        context.thread_count = threads
        context.thread_type = "AUTO"
        self._damage = 0
        self._is_cut_short = False
        self._end_seconds = 0.0
        self._first_dts: int | None = None
        self._dts_delay: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._container.close()

    @property
    def sounds(self) -> Sequence[AudioStream]:
        """The sound streams whose format is known."""
        return [stream for stream in self._container.streams.audio if _is_known(stream) and stream.sample_rate]

    @property
    def tags(self) -> Mapping[str, str]:
        """The metadata of the file, by name."""
        return self._container.metadata

    @property
    def pictures(self) -> VideoStream:
        """The stream of the pictures."""
        return self._video

    @property
    def warnings(self) -> list[str]:
        """The faults of the frames that were read."""
        found = []
        if self._damage or self._is_cut_short:
            found.append("the video is damaged: some of its frames could not be read")
        if self.header.seconds is not None:
            start = (self._container.start_time or 0) / av.time_base
            missing = self.header.seconds - (self._end_seconds - start)
            if missing > _UNREMARKABLE_SECONDS:
                found.append(f"the pictures end {missing:.0f} seconds before the video does")
        return found

    def frames(self) -> Iterator[TimedFrame]:
        """Decode the pictures."""
        for item in self.read(with_sounds=False):
            if isinstance(item, TimedFrame):
                yield item

    def read(self, *, with_sounds: bool) -> Iterator[TimedFrame | SoundPacket]:
        """Decode the pictures and hand the sounds on as packets, in the container's order."""
        last_pts: int | None = None
        step = max(1, round(1 / (self.header.rate * self.header.time_base)))
        for packet in self._packets(with_sounds):
            if isinstance(packet.stream, AudioStream):
                yield cast("SoundPacket", packet)
                continue
            if self._first_dts is None:
                self._first_dts = packet.dts
            for frame in self._decode(packet):
                pts = self._shown_at(frame)
                if pts is None or (last_pts is not None and pts <= last_pts):
                    pts = 0 if last_pts is None else last_pts + step
                frame.pts = last_pts = pts
                self._end_seconds = float((pts + step) * self.header.time_base)
                yield TimedFrame(pts, frame)

    def _shown_at(self, frame: VideoFrame) -> int | None:
        if self.header.format != "avi":
            return frame.pts
        # An AVI holds the order of decoding alone, in which frames are counted: they are shown at the same times.
        if frame.dts is None:
            return None
        if self._dts_delay is None:
            self._dts_delay = frame.dts - (self._first_dts or 0)
        return frame.dts - self._dts_delay

    def _packets(self, with_sounds: bool) -> Iterator[Packet[Stream]]:
        streams = [self._video, *self.sounds] if with_sounds else [self._video]
        packets = self._container.demux(*streams)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                self._is_cut_short = True
                return
            if packet is None:
                return
            if packet.is_corrupt:
                self._damage += 1
            yield packet

    def _decode(self, packet: Packet[Stream]) -> Sequence[VideoFrame]:
        try:
            return self._video.decode(packet if packet.size else None)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self._damage += 1
            return []

    def _main_pictures(self) -> VideoStream:
        candidates = [
            stream
            for stream in self._container.streams.video
            if _is_known(stream) and not stream.disposition & Disposition.attached_pic
        ]
        if not candidates:
            raise DamagedMedia(self._container.format.name, "it has no pictures of a known format")
        return max(candidates, key=lambda stream: stream.width * stream.height)

    def _read_header(self) -> VideoHeader:
        video, container = self._video, self._container
        format_name = container.format.name.partition(",")[0]
        if video.width <= 0 or video.height <= 0 or not video.time_base:
            raise DamagedMedia(format_name, f"its frames are {video.width} x {video.height} pixels")
        seconds = container.duration / av.time_base if container.duration and container.duration > 0 else None
        rate = video.average_rate or video.guessed_rate or _FALLBACK_RATE
        # Its type denies it, but a damaged header names no format.
        components = getattr(video.format, "components", ())
        bits = max((component.bits for component in components), default=8)
        return VideoHeader(
            format_name,
            video.width,
            video.height,
            video.time_base,
            rate,
            video.frames or None,
            seconds,
            bits,
            getattr(video.format, "is_rgb", False),
        )


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """The matrix that turns the frame upright, where the container has one."""
    data = frame.side_data.get("DISPLAYMATRIX")
    return struct.unpack("9i", bytes(cast("SideData", data))) if data is not None else None


def _is_known(stream: Stream) -> bool:
    # Its type denies it, but a stream in a format without a decoder has no context.
    return getattr(stream, "codec_context", None) is not None


def _open(path: Path, limits: VideoLimits) -> InputContainer:
    try:
        return av.open(
            f"file:{path}",
            "r",
            # These reach the decoders that FFmpeg tries while it reads the header.
            options={"max_pixels": str(limits.max_pixels), "threads": "1"},
            container_options=_CONTAINER_OPTIONS,
            metadata_errors="replace",
        )
    except av.error.FFmpegError as error:
        raise DamagedMedia("video", error.strerror or str(error)) from error
