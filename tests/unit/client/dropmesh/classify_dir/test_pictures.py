from __future__ import annotations

import io

import pytest
from dropmesh.classify_dir.pictures import Broken, Found, Picture, find_images, read_picture
from PIL import Image

MOST_BYTES, MOST_PIXELS = 1_000_000, 1e6


def image_bytes(format: str = "JPEG", size: tuple[int, int] = (64, 48)) -> bytes:
    output = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(output, format)
    return output.getvalue()


def found(path, content: bytes) -> Found:
    path.write_bytes(content)
    return Found(path, path.name, len(content), 0)


def test_images_are_found_in_folders_below_by_name_or_content_in_the_order_of_their_paths(tmp_path):
    for name in ("b.JPG", "a/2.png", "a/1.heic", ".hidden.jpg", ".git/x.jpg", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"anything")
    (tmp_path / "c").write_bytes(image_bytes("WEBP"))
    (tmp_path / "folder.jpg").mkdir()
    assert [image.name for image in find_images(tmp_path)] == ["b.JPG", "c", "a/1.heic", "a/2.png"]


def test_a_name_that_is_not_utf8_is_written_with_escapes(tmp_path):
    path = tmp_path / b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    path.write_bytes(image_bytes())
    assert [image.name for image in find_images(tmp_path)] == ["caf\\xe9.jpg"]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
def test_a_whole_image_is_read_as_it_is_in_the_file(tmp_path, format):
    content = image_bytes(format)
    picture = read_picture(found(tmp_path / "image", content), MOST_BYTES, MOST_PIXELS)
    assert isinstance(picture, Picture)
    assert (picture.content, picture.width, picture.height) == (content, 64, 48)
    assert picture.content_type == f"image/{format.lower()}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"text", "not an image"),
        (image_bytes("JPEG", (640, 480))[:3000], "cannot be decoded"),
        (image_bytes("PNG", (640, 480))[:300], "cannot be decoded"),
        (image_bytes("AVIF").replace(b"iloc", b"free"), "cannot be decoded"),
        (image_bytes("DDS"), "not an image"),
        (image_bytes("EPS"), "not an image"),
        (image_bytes("PNG", (1200, 1000)), "1200 x 1000 pixels; max_megapixels is 1"),
        (image_bytes("BMP", (640, 640)), "the file has 1228854 bytes; max_image_bytes is 1000000"),
    ],
)
def test_a_broken_one_has_a_reason(tmp_path, content, said):
    picture = read_picture(found(tmp_path / "image.jpg", content), MOST_BYTES, MOST_PIXELS)
    assert isinstance(picture, Broken)
    assert said in picture.reason


def test_a_file_that_is_gone_has_a_reason(tmp_path):
    picture = read_picture(Found(tmp_path / "gone.jpg", "gone.jpg", 1, 0), MOST_BYTES, MOST_PIXELS)
    assert isinstance(picture, Broken)
    assert "No such file" in picture.reason


def test_the_id_follows_from_name_and_content(tmp_path):
    one = read_picture(found(tmp_path / "1.jpg", image_bytes()), MOST_BYTES, MOST_PIXELS)
    again = read_picture(found(tmp_path / "1.jpg", image_bytes()), MOST_BYTES, MOST_PIXELS)
    other = read_picture(found(tmp_path / "2.jpg", image_bytes()), MOST_BYTES, MOST_PIXELS)
    changed = read_picture(found(tmp_path / "1.jpg", image_bytes(size=(32, 32))), MOST_BYTES, MOST_PIXELS)
    assert one.id == again.id
    assert len({one.id, other.id, changed.id}) == 3
