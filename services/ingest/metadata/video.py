"""A video's metadata, from its container's header and one decoded frame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import BinaryIO, Final, cast

import av
from av.audio.stream import AudioStream
from av.codec.context import CodecContext
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from services.common.media.model import Metadata
from services.common.media.refusals import DamagedMedia, MediaRefused
from services.common.media.types import AVI, MKV, MOV, MP4, WEBM, MediaType
from services.ingest.metadata.bounded_file import BoundedFile
from services.ingest.metadata.limits import MediaLimits, check_dimensions
from services.ingest.metadata.media_metadata import MetadataReading
from services.ingest.metadata.values import capture_time, clean_text, iso_6709

_DEMUXERS: Final = {MP4: "mov", MOV: "mov", WEBM: "matroska", MKV: "matroska", AVI: "avi"}
_PROBE: Final = {
    "probesize": "5000000",
    "analyzeduration": "5000000",
    "max_streams": "64",
    "protocol_whitelist": "none",
}
_MAX_PACKETS_TO_FIRST_FRAME: Final = 300
_BUFFER_BYTES: Final = 256 * 1024

_MAKE: Final = ("com.apple.quicktime.make", "make", "com.android.manufacturer")
_MODEL: Final = ("com.apple.quicktime.model", "model", "com.android.model")
_LENS: Final = ("com.apple.quicktime.camera.lens_model",)
_TIME: Final = ("com.apple.quicktime.creationdate", "creation_time", "date")
_POSITION: Final = ("com.apple.quicktime.location.ISO6709", "location")


def read_video(file: BinaryIO, media_type: MediaType, limits: MediaLimits) -> MetadataReading:
    """Read the header of a video, and its first frame for its rotation."""
    file.seek(0)
    try:
        with av.open(
            BoundedFile(file, media_type.format),
            format=_DEMUXERS[media_type],
            options={"threads": "1"},
            container_options=_PROBE,
            metadata_errors="replace",
            buffer_size=_BUFFER_BYTES,
        ) as container:
            return _read(cast(InputContainer, container), media_type, limits)
    except MediaRefused:
        raise
    except Exception as error:  # A library may raise any exception on a sender's bytes: the header is unreadable.
        raise DamagedMedia(media_type.format, str(error) or type(error).__name__) from error


def _read(container: InputContainer, media_type: MediaType, limits: MediaLimits) -> MetadataReading:
    stream = _video_stream(container, media_type)
    if stream.codec_context is None:
        raise DamagedMedia(media_type.format, "the codec of its video track is not known")
    width, height = stream.codec_context.width, stream.codec_context.height
    check_dimensions(media_type.format, width, height, limits)
    warnings: list[str] = []
    tags = {**stream.metadata, **container.metadata}
    captured = latitude = longitude = altitude = None
    try:
        if text := _first(tags, _TIME):
            captured = capture_time(text, None, None)
    except ValueError as error:
        warnings.append(f"the capture time cannot be read: {error}")
    try:
        if text := _first(tags, _POSITION):
            latitude, longitude, altitude = iso_6709(text)
    except ValueError as error:
        warnings.append(f"the position cannot be read: {error}")
    rate = stream.average_rate or stream.guessed_rate
    return MetadataReading(
        Metadata(
            width=width,
            height=height,
            camera_make=_first(tags, _MAKE),
            camera_model=_first(tags, _MODEL),
            lens=_first(tags, _LENS),
            capture_time_text=captured.text if captured else None,
            capture_time_ns=captured.instant_ns if captured else None,
            capture_time_offset=captured.offset if captured else None,
            latitude_degrees=latitude,
            longitude_degrees=longitude,
            altitude_meters=altitude,
            duration_seconds=_duration_seconds(container, stream),
            frame_rate=round(float(rate), 6) if rate else None,
            video_codec=_codec(stream),
            rotation_degrees=_rotation_degrees(container, stream, warnings),
            audio_codec=_codec(container.streams.audio[0]) if container.streams.audio else None,
        ),
        tuple(warnings),
    )


def _video_stream(container: InputContainer, media_type: MediaType) -> VideoStream:
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:  # Cover art of a song.
            return stream
    raise DamagedMedia(media_type.format, "it has no video track")


def _codec(stream: VideoStream | AudioStream) -> str:
    context: CodecContext | None = stream.codec_context  # None without a decoder, although its type excludes it.
    return "unknown" if context is None else context.codec.canonical_name


def _duration_seconds(container: InputContainer, stream: VideoStream) -> float | None:
    if container.duration is not None and container.duration > 0:
        return container.duration / 1_000_000
    if stream.duration is not None and stream.duration > 0 and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None


def _rotation_degrees(container: InputContainer, stream: VideoStream, warnings: list[str]) -> int | None:
    try:
        for count, packet in enumerate(container.demux(stream)):
            for frame in packet.decode():
                return -frame.rotation % 360  # FFmpeg counts counterclockwise.
            if count >= _MAX_PACKETS_TO_FIRST_FRAME:
                break
    except MediaRefused:
        raise
    except Exception as error:  # noqa: BLE001 - as in read_video, but the header is good: only the rotation stays unknown.
        warnings.append(f"the first frame cannot be decoded: {error}")
        return None
    warnings.append("the first frame cannot be decoded")
    return None


def _first(tags: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in tags and (text := clean_text(tags[name].encode())):
            return text
    return None
