"""Small media of every accepted type, made here: a gradient, with EXIF where the format holds it."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from PIL import ExifTags, Image, ImageCms
from PIL.TiffImagePlugin import IFDRational
from pillow_heif import from_pillow

EXIF_FORMATS: Final = ("jpeg", "png", "webp", "tiff", "avif", "heic")
IMAGE_FORMATS: Final = (*EXIF_FORMATS, "gif", "bmp")
VIDEO_FORMATS: Final = ("mp4", "mov", "webm", "mkv", "avi")
_CODECS: Final = {"mp4": "mpeg4", "mov": "mpeg4", "webm": "libvpx", "mkv": "mpeg4", "avi": "mpeg4"}
_MUXERS: Final = {"mp4": "mp4", "mov": "mov", "webm": "webm", "mkv": "matroska", "avi": "avi"}


def exif_block(
    *,
    latitude: tuple[float, str] = (33.8688, "S"),
    longitude: tuple[float, str] = (151.2093, "W"),
    altitude_meters: float = -12.5,
    offset: str | None = "-03:30",
    orientation: int = 6,
) -> Image.Exif:
    """An EXIF block that names a camera, a lens, an instant and a place."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Acme"
    exif[ExifTags.Base.Model] = "Roadrunner 5"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Software] = "Acme OS 1.2"
    photo = exif.get_ifd(ExifTags.IFD.Exif)
    photo[ExifTags.Base.DateTimeOriginal] = "2021:03:04 23:59:58"
    photo[ExifTags.Base.SubsecTimeOriginal] = "250"
    if offset is not None:
        photo[ExifTags.Base.OffsetTimeOriginal] = offset
    photo[ExifTags.Base.LensModel] = "Acme 50mm F1.8"
    photo[ExifTags.Base.ColorSpace] = 1
    photo[ExifTags.Base.ExposureTime] = IFDRational(1, 250)
    photo[ExifTags.Base.FNumber] = IFDRational(28, 10)
    photo[ExifTags.Base.ISOSpeedRatings] = 400
    photo[ExifTags.Base.FocalLength] = IFDRational(50, 1)
    photo[ExifTags.Base.Flash] = 0x19
    gps = exif.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef] = latitude[1]
    gps[ExifTags.GPS.GPSLatitude] = _degrees(latitude[0])
    gps[ExifTags.GPS.GPSLongitudeRef] = longitude[1]
    gps[ExifTags.GPS.GPSLongitude] = _degrees(longitude[0])
    gps[ExifTags.GPS.GPSAltitudeRef] = b"\1" if altitude_meters < 0 else b"\0"
    gps[ExifTags.GPS.GPSAltitude] = IFDRational(round(abs(altitude_meters) * 100), 100)
    return exif


def image_bytes(format: str, *, exif: Image.Exif | None = None, size: tuple[int, int] = (48, 32)) -> bytes:
    """A small image of the format."""
    picture = Image.linear_gradient("L").resize(size).convert("RGB")
    extras = {} if exif is None or format not in EXIF_FORMATS else {"exif": exif.tobytes()}
    out = io.BytesIO()
    if format == "heic":
        from_pillow(picture).save(out, exif=exif.tobytes() if exif else None)
    elif format == "png":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        picture.save(out, "PNG", icc_profile=profile, **extras)
    else:
        picture.save(out, format.upper(), **extras)
    return out.getvalue()


def video_bytes(
    format: str,
    *,
    size: tuple[int, int] = (64, 48),
    frames: int = 10,
    tags: dict[str, str] | None = None,
    clockwise_degrees: int = 0,
    audio: bool = False,
) -> bytes:
    """A small video of the format at 10 frames a second."""
    out = io.BytesIO()
    options = {"movflags": "use_metadata_tags"} if tags else {}
    with av.open(out, "w", format=_MUXERS[format], options=options) as container:
        container.metadata.update(tags or {})
        stream = container.add_stream(_CODECS[format], rate=10, width=size[0], height=size[1], pix_fmt="yuv420p")
        assert isinstance(stream, VideoStream)
        if clockwise_degrees:
            stream.set_display_rotation(-clockwise_degrees)
        sound = container.add_stream("aac", rate=8000) if audio else None
        assert sound is None or isinstance(sound, AudioStream)
        for count in range(frames):
            picture = np.full((size[1], size[0], 3), count * 20 % 255, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
        if sound is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 8000
            silence.time_base = Fraction(1, 8000)
            container.mux(sound.encode(silence))
            container.mux(sound.encode())
    return out.getvalue()


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    hundredths = round(value * 360_000)
    return (
        IFDRational(hundredths // 360_000, 1),
        IFDRational(hundredths // 6_000 % 60, 1),
        IFDRational(hundredths % 6_000, 100),
    )
