from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.common.base.errors import InvalidArgument
from services.common.media.vocabulary import Mode, ObjectClass, Sound
from services.ingest.media.files import FileOptions, files_of

FORM = "multipart/form-data; boundary=b"


def field(name: str, value: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(data: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n{data}\r\n'.encode()


async def modes(*parts: bytes) -> list[Mode]:
    """The mode of each file of a form."""

    async def body() -> AsyncIterator[bytes]:
        for part in (*parts, b"--b--\r\n"):
            yield part

    found = []
    async for incoming in files_of(body(), FORM, FileOptions()):
        found.append(incoming.options.anonymize.mode)
        async for _ in incoming.chunks:
            pass
    return found


async def test_a_field_applies_to_the_files_after_it() -> None:
    default = FileOptions().anonymize.mode
    assert await modes(file("1"), field("mode", "solid"), file("2"), file("3")) == [default, Mode.SOLID, Mode.SOLID]


@pytest.mark.parametrize(("name", "value"), [("mode", "solid"), ("objects", "person"), ("labels", "a=b"), ("pin", "1")])
async def test_an_option_after_the_last_file_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name}: stands after the last file"):
        await modes(file("1"), field(name, value))


async def test_a_field_of_another_name_may_stand_anywhere() -> None:
    assert len(await modes(file("1"), field("button", "send"))) == 1


ALL_OPTIONS = '{"objects": ["PERSON"], "mode": "BLUR", "sound": "DROP", "margin": 0.25}'


async def test_a_field_holds_all_options_as_json() -> None:
    parts = (field("anonymize", ALL_OPTIONS), file("1"), field("mode", "solid"), file("2"))

    async def body() -> AsyncIterator[bytes]:
        for part in (*parts, b"--b--\r\n"):
            yield part

    first, second = [incoming.options.anonymize async for incoming in files_of(body(), FORM, FileOptions())]
    assert (first.mode, first.objects, first.margin, first.sound) == (
        Mode.BLUR,
        (ObjectClass.PERSON,),
        0.25,
        Sound.DROP,
    )
    assert second == replace(first, mode=Mode.SOLID)


async def test_the_short_fields_win_in_either_order() -> None:
    assert await modes(field("mode", "mosaic"), field("anonymize", ALL_OPTIONS), file("1")) == [Mode.MOSAIC]
    assert await modes(field("anonymize", ALL_OPTIONS), field("mode", "mosaic"), file("1")) == [Mode.MOSAIC]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("BLUR", "anonymize: must be AnonymizeOptions as JSON"),
        ('{"modee": "SOLID"}', 'no field named "modee"'),
        ('{"margin": 9}', "anonymize.margin: "),
        ('{"exclude_objects": [1]}', "anonymize.exclude_objects: is set by the mesh"),
        ("[" * 5000, "anonymize: must be AnonymizeOptions as JSON"),
    ],
)
async def test_wrong_options_are_refused_with_their_field(value: str, fault: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        await modes(field("anonymize", value), file("1"))
    assert fault in raised.value.message
