from __future__ import annotations

from email.message import Message
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.media.file_names import MAX_NAME_BYTES, content_disposition, sanitize_file_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("beach.jpg", "beach.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\fotos\\strand.jpg", "strand.jpg"),
        ("a\r\nSet-Cookie: x.jpg", "a Set-Cookie_ x.jpg"),
        ("Zürich ☀.jpg", "Zürich ☀.jpg"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        (".htaccess", "htaccess"),
        ('a"b;c%41.jpg', "a_b_c_41.jpg"),
        ("CON.jpg", "_CON.jpg"),
        ("", "media.jpg"),
        ("...", "media.jpg"),
        ("dir/", "media.jpg"),
    ],
)
def test_a_name_becomes_one_plain_file_name(name: str, safe: str) -> None:
    assert sanitize_file_name(name, "jpg") == safe


@given(st.text(alphabet=st.characters(), max_size=600))
def test_no_name_escapes(name: str) -> None:
    safe = sanitize_file_name(name, "jpg")
    assert 0 < len(safe.encode()) <= MAX_NAME_BYTES
    assert not set(safe) & set('/\\"\r\n\0;%')
    assert safe not in (".", "..")
    assert sanitize_file_name(safe, "jpg") == safe
    header = content_disposition("attachment", safe)
    assert header.isascii()
    assert header.isprintable()


def test_a_long_name_keeps_its_extension() -> None:
    safe = sanitize_file_name("ü" * 300 + ".jpeg", "jpg")
    assert safe.endswith("ü.jpeg")
    assert len(safe.encode()) <= MAX_NAME_BYTES


@pytest.mark.parametrize("name", ["beach.jpg", "Zürich ☀.jpg", "日本.png", "a 'b' (c).gif"])
def test_a_client_reads_the_same_name_back(name: str) -> None:
    message = Message()
    message["Content-Disposition"] = content_disposition("attachment", name)
    parameters = dict(message.get_params([], "Content-Disposition"))
    extended = message["Content-Disposition"].partition("filename*=UTF-8''")[2]
    assert (unquote(extended) or parameters["filename"]) == name
    assert "attachment" in parameters


def test_an_old_client_reads_a_likeness() -> None:
    assert content_disposition("inline", "Zürich 日.jpg").startswith('inline; filename="Zurich _.jpg"; filename*=')
