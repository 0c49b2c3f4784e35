from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.common.base.errors import FieldViolation, InvalidArgument
from services.common.media.vocabulary import Mode, ObjectClass, Sound
from services.ingest.media.files import FileOptions, files_of

FORM = "multipart/form-data; boundary=b"


def field(name: str, value: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()


def file(data: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n{data}\r\n'.encode()


async def modes(*parts: bytes, of_a_holder: bool = False) -> list[Mode]:
    """The mode of each file of a form."""

    async def body() -> AsyncIterator[bytes]:
        for part in (*parts, b"--b--\r\n"):
            yield part

    found = []
    async for incoming in files_of(body(), FORM, FileOptions(), form_may_change_options=not of_a_holder):
        found.append(incoming.options.anonymize.mode)
        async for _ in incoming.chunks:
            pass
    return found


async def test_a_field_applies_to_the_files_after_it() -> None:
    default = FileOptions().anonymize.mode
    assert await modes(file("1"), field("mode", "solid"), file("2"), file("3")) == [default, Mode.SOLID, Mode.SOLID]


@pytest.mark.parametrize(("name", "value"), [("mode", "solid"), ("objects", "person"), ("labels", "a=b")])
async def test_an_option_after_the_last_file_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name}: stands after the last file"):
        await modes(file("1"), field(name, value))


OWNERS_FIELDS = "filename, sha256, objects, mode, labels and anonymize"
HOLDERS_FIELDS = "filename, sha256, sender_name and pin"


@pytest.mark.parametrize(
    "name", ["object", "objets", "Objects", "margin", "mod", "color", "sound", "pin", "sender_name"]
)
async def test_a_field_that_the_form_does_not_have_is_refused_by_name(name: str) -> None:
    fault = f"this form has no such field; beside files it may have {OWNERS_FIELDS}"
    with pytest.raises(InvalidArgument) as raised:
        await modes(field(name, "person"), file("1"))
    assert raised.value.message == f"{name}: {fault}"
    assert raised.value.metadata == {"field": name}
    assert raised.value.violations == (FieldViolation(name, fault, "UNKNOWN_FIELD"),)


async def test_a_field_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=f"^form: a field of the form has no name; .* {OWNERS_FIELDS}$"):
        await modes(field("", "person"), file("1"))


@pytest.mark.parametrize("name", ["objects", "mode", "labels", "anonymize", "object"])
async def test_the_holder_of_an_invite_sets_no_options(name: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^{name}: this form has no such field; .* {HOLDERS_FIELDS}$"):
        await modes(field(name, "face"), file("1"), of_a_holder=True)


async def test_a_holders_form_has_what_the_page_of_the_invite_sends() -> None:
    assert len(await modes(field("pin", "4711"), field("sender_name", "Mia"), file("1"), of_a_holder=True)) == 1


OF_VEHICLES = '{"class_options": [{"object_class": "VEHICLE", "mode": "SOLID"}]}'


async def test_options_of_a_class_that_is_not_covered_are_refused() -> None:
    with pytest.raises(InvalidArgument) as raised:
        await modes(field("anonymize", OF_VEHICLES), file("1"))
    assert raised.value.message == (
        "anonymize.class_options[0].object_class: VEHICLE is not covered, since objects is FACE, LICENSE_PLATE; "
        "add VEHICLE to objects"
    )


@pytest.mark.parametrize("first", ["objects", "anonymize"])
async def test_the_class_may_be_added_by_the_short_field_in_either_order(first: str) -> None:
    fields = {"objects": field("objects", "face,vehicle"), "anonymize": field("anonymize", OF_VEHICLES)}
    assert len(await modes(fields.pop(first), *fields.values(), file("1"))) == 1


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
