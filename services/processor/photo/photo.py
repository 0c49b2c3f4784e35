"""A picture in, the same picture with its objects unrecognisable out: decode, detect, cover, encode."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
from PIL import Image, ImageCms

from services.common.media.types import JPEG, MediaType
from services.common.media.vocabulary import ObjectClass
from services.processor.anonymize.options import AnonymizeOptions
from services.processor.anonymize.paint import paint_covers
from services.processor.anonymize.plan import choose_covered, cover_object, cover_regions, idle_regions
from services.processor.images.codecs.pillow import to_image
from services.processor.images.frames import Frame, PictureSource
from services.processor.images.limits import ImageLimits
from services.processor.images.opening import open_picture
from services.processor.images.raster import Channels, Raster
from services.processor.photo.animation import anonymize_animation
from services.processor.photo.result import FoundObject, PhotoDetections, PhotoResult
from services.processor.vision.detections import Detection, Detector, Picture
from services.processor.vision.stopwatch import Stopwatch

Look = Callable[[Picture], None]
"""Shown the upright picture once it is decoded and before anything is covered, to say what it shows."""
Advance = Callable[[int], None]
"""Called after each frame with the number done; an exception from it ends the work."""


def anonymize_photo(
    data: bytes | Path,
    options: AnonymizeOptions,
    detector: Detector,
    *,
    limits: ImageLimits | None = None,
    look: Look | None = None,
    advance: Advance | None = None,
) -> PhotoResult:
    """Cover what `options` name in every frame of a picture.

    The format, size, depth, orientation and colour profile stay; metadata goes, but for what `options` keep. Where
    nothing is to be covered, a JPEG or WebP keeps its coded pixels as they are. Raises one of the refusals of
    `services.common.media.refusals`; damage that leaves something to decode is a warning.
    """
    watch = Stopwatch()
    with watch.step("decode"):
        source = open_picture(_read(data), limits or ImageLimits(), options.keep_metadata)
    if source.is_animated:
        return anonymize_animation(source, options, detector, watch, look, advance or _ignore)
    return _anonymize_pages(source, options, detector, watch, look, advance or _ignore)


def detect_photo(
    data: bytes | Path,
    classes: frozenset[ObjectClass],
    detector: Detector,
    *,
    thresholds: Mapping[ObjectClass, float] | None = None,
    limits: ImageLimits | None = None,
) -> PhotoDetections:
    """Find objects in a picture, or in the first frame of an animation."""
    watch = Stopwatch()
    with watch.step("decode"):
        picture, warnings = read_picture(data, limits=limits)
    with watch.step("detect"):
        detections = detector.detect(picture, classes, thresholds)
    height, width = picture.shape[:2]
    return PhotoDetections(width, height, tuple(detections), warnings, watch.timings)


def read_picture(data: bytes | Path, *, limits: ImageLimits | None = None) -> tuple[Picture, tuple[str, ...]]:
    """The upright picture, of several frames the first one; and what was wrong with it."""
    source = open_picture(_read(data), limits or ImageLimits())
    frame = next(source.frames())
    return frame.raster.picture(), tuple(source.warnings)


def thumbnail(
    data: bytes | Path,
    longest_side: int,
    *,
    media_type: MediaType = JPEG,
    limits: ImageLimits | None = None,
) -> bytes:
    """A small upright JPEG, WebP or PNG of the first frame, in sRGB and without metadata; never enlarged."""
    content = _read(data)
    source = open_picture(content, limits or ImageLimits())
    raster = next(source.frames()).raster
    small = _shrink(raster, longest_side)
    shown = _to_srgb(small, source.icc_profile)
    if media_type is JPEG and shown.mode != "RGB":
        background = Image.new("RGB", shown.size, "white")
        background.paste(shown, mask=shown.getchannel("A") if shown.mode == "RGBA" else None)
        shown = background
    output = io.BytesIO()
    shown.save(output, media_type.name, quality=80, exif=b"", icc_profile=None)
    return output.getvalue()


def _anonymize_pages(
    source: PictureSource,
    options: AnonymizeOptions,
    detector: Detector,
    watch: Stopwatch,
    look: Look | None,
    advance: Advance,
) -> PhotoResult:
    objects: list[FoundObject] = []
    limited: dict[ObjectClass, float] = {}
    sizes: list[tuple[int, int]] = []
    touched = False

    def pages() -> Iterator[Frame]:
        nonlocal touched
        for number, frame in enumerate(watch.each("decode", source.frames())):
            with watch.step("detect"):
                picture = frame.raster.picture()
                found = detector.detect(picture, options.object_classes, options.thresholds)
            height, width = picture.shape[:2]
            sizes.append((width, height))
            for name, smallest in detector.limited_sizes(width, height, options.object_classes).items():
                limited[name] = max(smallest, limited.get(name, smallest))
            if number == 0 and look is not None:
                with watch.step("classify"):
                    look(picture)
            chosen = choose_covered(found, options)
            objects.extend(_number(found, chosen, len(objects)))
            with watch.step("cover"):
                covers = cover_regions(options) + [
                    cover_object(one.object_class, one.box, options)
                    for one, covered in zip(found, chosen, strict=True)
                    if covered
                ]
                paint_covers(frame.raster.upright, covers, frame.raster.channel_values)
            touched = touched or bool(covers)
            yield frame
            advance(number + 1)

    if source.frame_count == 1:
        (only,) = pages()
        with watch.step("encode"):
            content = (None if touched else source.strip()) or source.write([only])
    else:
        with watch.step("encode"):
            content = source.write(pages())
    return PhotoResult(
        content,
        source.media_type,
        *sizes[0],
        source.frame_count,
        tuple(objects),
        (*source.warnings, *idle_regions(options, ((*one, None) for one in sizes))),
        watch.timings,
        limited,
    )


def _number(found: Sequence[Detection], chosen: Sequence[bool], before: int) -> list[FoundObject]:
    return [
        FoundObject(number, one.object_class, one.score, one.box, covered)
        for number, (one, covered) in enumerate(zip(found, chosen, strict=True), before + 1)
    ]


def _shrink(raster: Raster, longest_side: int) -> Raster:
    height, width = raster.pixels.shape[:2]
    scale = min(1.0, longest_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = raster.as_bytes()
    small = pixels if scale == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return replace(raster, pixels=small).turned_upright()


def _to_srgb(raster: Raster, icc_profile: bytes | None) -> Image.Image:
    image = to_image(raster)
    target = "RGBA" if raster.channels in {Channels.RGBA, Channels.GREY_ALPHA} else "RGB"
    if icc_profile and raster.channels in {Channels.RGB, Channels.RGBA, Channels.CMYK}:
        try:
            own = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
            shown = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode=target)
        except (ImageCms.PyCMSError, OSError, ValueError):
            shown = None
        if shown is not None:
            return shown
    return image.convert(target)


def _read(data: bytes | Path) -> bytes:
    return data if isinstance(data, bytes) else data.read_bytes()


def _ignore(_done: int) -> None:
    return
