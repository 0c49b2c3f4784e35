"""The two programs that read a profile, each with a loader of its own, accept and refuse the same files."""

from __future__ import annotations

from pathlib import Path

import pytest
from dropmesh.classify_dir import profile as client

from services.common.settings import SettingsError
from services.processor.classify_queue.profile import SHIPPED, load_profile

MODELCLS = (client.FOLDER / "modelcls.toml").read_text()
DROPMESH = (client.FOLDER / "dropmesh.toml").read_text()

ACCEPTED = {
    "modelcls": MODELCLS,
    "dropmesh": DROPMESH,
    "without a description": DROPMESH.replace("description =", "# description ="),
    "without dead letters": MODELCLS.replace('name = "to_ai.dead"', 'name = ""'),
    "queues that another program makes": MODELCLS.replace('name = "to_ai"', 'name = "to_ai"\npassive = true'),
    "binary requests": DROPMESH.replace('[requests]\nbody = "MESSAGE"', '[requests]\nbody = "BINARY"'),
    "fields with a correlation_id": MODELCLS.replace('match = "ID_FIELD"', 'match = "CORRELATION_ID"'),
    "all fields": MODELCLS.replace('image = "image"', 'image = "image"\nsha256 = "hash"\nfile_name = "name"'),
    "an empty table": MODELCLS + "\n[dead.arguments]\n",
}

REFUSED = {
    "a word that is no field": (
        MODELCLS.replace('name = "to_ai"', 'name = "to_ai"\ndurabel = true'),
        "durabel",
    ),
    "no image": (MODELCLS.replace('image = "image"\n', ""), "requests.fields: image is missing"),
    "no label": (MODELCLS.replace('label = "label"\n', ""), "replies.fields: label is missing"),
    "no id in a request": (
        MODELCLS.replace('id = "photo_id"\n\n[requests', "\n[requests"),
        "requests.fields: id is missing",
    ),
    "no id in a reply": (MODELCLS.replace('id = "photo_id"\nlabel', "label"), "replies.fields: id is missing"),
    "a field that a request has not": (
        MODELCLS.replace('image = "image"', 'image = "image"\npicture = "x"'),
        "requests.fields.picture: .*file_name",
    ),
    "a field that a reply has not": (
        MODELCLS.replace('label = "label"', 'label = "label"\nword = "x"'),
        "replies.fields.word: .*score",
    ),
    "a field without a name": (MODELCLS.replace('label = "label"', 'label = ""'), "replies.fields.label: "),
    "a binary request matched by a field": (
        MODELCLS.replace('body = "FIELDS"\n# It', 'body = "BINARY"\n# It'),
        "requests.body: BINARY carries no id",
    ),
    "a binary reply": (DROPMESH.replace('[replies]\nbody = "MESSAGE"', '[replies]\nbody = "BINARY"'), "replies.body: "),
    "no match": (MODELCLS.replace('match = "ID_FIELD"', ""), "replies.match: "),
    "an unknown match": (MODELCLS.replace('match = "ID_FIELD"', 'match = "NAME"'), "NAME"),
    "no requests": (MODELCLS[MODELCLS.index("[replies]") :], "requests: "),
    "no queue": (MODELCLS.replace('[requests.queue]\nname = "to_ai"', ""), "requests.queue: "),
    "a queue for requests without a name": (
        MODELCLS.replace('name = "to_ai"', 'name = ""'),
        "requests.queue.name: must be set",
    ),
    "a queue for requests of each platform": (
        DROPMESH.replace('name = "dropmesh.classify"', 'name = "dropmesh.{platform}"'),
        "requests.queue.name: must be set and the same",
    ),
    "a queue for replies without a name": (
        MODELCLS.replace('name = "from_ai"', 'name = ""'),
        "replies.queue.name: must be set",
    ),
    "replies for each platform that no request names": (
        DROPMESH.replace("reply_to = true", "reply_to = false"),
        "replies.queue.name: .*reply_to",
    ),
    "a name that RabbitMQ would refuse": (MODELCLS.replace('"to_ai"', f'"{256 * "x"}"'), "requests.queue.name: "),
    "a number for a name": (MODELCLS.replace('"to_ai"', "7"), "name"),
    "a date for a description": (MODELCLS.replace("description = ", "description = 2026-01-01 # "), "description"),
    "a date for an argument": (MODELCLS + "\n[dead.arguments]\nx-since = 2026-01-01\n", "x-since|date"),
    "no TOML": (MODELCLS.replace("[requests]", "[requests"), "Expected"),
    "no text": ("\udcff", "utf-8"),
    "nothing": ("", "requests: "),
}


def save(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return str(path)


def test_the_profiles_with_a_name_are_the_command_lines_files() -> None:
    assert SHIPPED.samefile(client.FOLDER)


@pytest.mark.parametrize("text", ACCEPTED.values(), ids=ACCEPTED)
def test_both_accept_the_same_files_and_read_the_same_in_them(tmp_path: Path, text: str) -> None:
    name = save(tmp_path, text)
    assert load_profile(name) == client.load_profile(name)


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_both_refuse_the_same_files_with_the_same_words(tmp_path: Path, text: str, said: str) -> None:
    assert text not in (MODELCLS, DROPMESH)
    name = save(tmp_path, text)
    with pytest.raises(SettingsError, match=said) as processor:
        load_profile(name)
    with pytest.raises(client.ProfileError, match=said) as platform:
        client.load_profile(name)
    fault = str(processor.value).removeprefix(f"DROPMESH_CLASSIFY_PROFILE is {name!r}: ")
    assert str(platform.value) == f"profile: {name}: {fault}"


def test_a_name_that_no_profile_has_is_refused_with_the_variable() -> None:
    with pytest.raises(SettingsError, match="DROPMESH_CLASSIFY_PROFILE is 'other': there is no"):
        load_profile("other")
