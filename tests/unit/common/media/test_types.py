from __future__ import annotations

import pytest

from services.common.media.refusals import EmptyMedia, UnsupportedMedia
from services.common.media.types import MEDIA_TYPES, sniff
from services.common.media.vocabulary import MediaKind
from tests.support.media_samples import IMAGE_FORMATS, VIDEO_FORMATS, image_bytes, video_bytes


@pytest.mark.parametrize("format", IMAGE_FORMATS)
def test_every_accepted_image_is_known_by_its_bytes(format: str) -> None:
    found = sniff(image_bytes(format)[:4096])
    assert (found.kind, found.format) == (MediaKind.IMAGE, format)


@pytest.mark.parametrize("format", VIDEO_FORMATS)
def test_every_accepted_video_is_known_by_its_bytes(format: str) -> None:
    found = sniff(video_bytes(format)[:4096])
    assert (found.kind, found.format) == (MediaKind.VIDEO, format)


def test_content_types_and_extensions_belong_to_one_format_each() -> None:
    assert len(MEDIA_TYPES) == 13
    assert len({media_type.content_type for media_type in MEDIA_TYPES}) == 13
    assert len({media_type.extension for media_type in MEDIA_TYPES}) == 13


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypXXXX\0\0\0\0isommp42", "mp4"),
        (b"\0\0\0\x08wide\0\0\x10\0mdat", "mov"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"II+\0\x08\0\0\0", "tiff"),
    ],
)
def test_relatives_of_a_format_are_accepted_as_that_format(head: bytes, format: str) -> None:
    assert sniff(head).format == format


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"%PDF-1.7\n", "PDF document"),
        (b"PK\x03\x04\x14\0", "ZIP archive"),
        (b"\n<!DOCTYPE html><html>", "HTML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG drawing"),
        (b"<?xml version='1.0'?>\n<svg/>", "SVG drawing"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b'{"timestamp": 1}', "JSON"),
        (b"BMW is a maker of cars\n", "plain text"),
        (b"\x7fELF\x02\x01", "ELF program"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A mp42", "M4A audio"),
        (b"\0\0\0\x14ftyp3gp4\0\0\0\x003gp4", "3GP video"),
        (b"II*\0\x10\0\0\0CR\x02\0", "Canon CR2 raw image"),
        (b"RIFF\0\0\0\0WAVEfmt ", "WAV audio"),
        (b"\x1aE\xdf\xa3\x84\x42\x82\x81x", "unknown"),
        (b"\x81\x00\x92\x07", "unknown"),
        (b"\x89PN", "unknown"),
    ],
)
def test_anything_else_is_refused_by_what_it_is(head: bytes, found: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"found {found}") as refusal:
        sniff(head)
    assert refusal.value.found == found


def test_nothing_is_refused_as_nothing() -> None:
    with pytest.raises(EmptyMedia):
        sniff(b"")
