"""Reads a profile: how the classifier's queues are named and declared, and what its messages look like."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from pathlib import Path

import protovalidate
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

FOLDER = Path(__file__).parent / "profiles"
REQUEST_FIELDS = frozenset({"image", "id", "file_name", "content_type", "size_bytes", "sha256", "width", "height"})
REPLY_FIELDS = frozenset({"id", "label", "score", "model", "error"})


class ProfileError(Exception):
    """A profile that cannot be used; the message names the file and the field."""


def load_profile(name: str) -> Profile:
    """The profile of this name that comes with Dropmesh, or the one in this TOML file."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise ProfileError(f"profile: no {name}; there are {shipped}, or give the path of a .toml file") from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProfileError(f"profile: {path}: {error}") from None
    try:
        profile = json_format.ParseDict(content, Profile())
        protovalidate.validate(profile)
    except json_format.ParseError as error:
        raise ProfileError(f"profile: {path}: {error}") from None
    except protovalidate.ValidationError as error:
        first = error.to_proto().violations[0]
        field = ".".join(part.field_name for part in (first.field.elements if first.field else ()))
        raise ProfileError(f"profile: {path}: {field}: {first.message}") from None
    if fault := _fault(profile):
        raise ProfileError(f"profile: {path}: {fault}")
    return profile


def _fault(profile: Profile) -> str | None:
    """Returns the fault of a profile that each field alone does not show; None if there is none."""
    requests, replies = profile.requests, profile.replies
    by_field = replies.match == Profile.ID_FIELD
    if requests.body == Profile.FIELDS:
        needed = {"image", "id"} if by_field else {"image"}
        if fault := _wrong_fields("requests.fields", requests.fields, needed, REQUEST_FIELDS):
            return fault
    if replies.body == Profile.FIELDS:
        needed = {"label", "id"} if by_field else {"label"}
        if fault := _wrong_fields("replies.fields", replies.fields, needed, REPLY_FIELDS):
            return fault
    if by_field and requests.body == Profile.BINARY:
        return "requests.body is BINARY, which carries no id: replies.match must be CORRELATION_ID"
    return None


def _wrong_fields(where: str, fields: Collection[str], needed: set[str], known: frozenset[str]) -> str | None:
    given = set(fields)
    if missing := needed - given:
        return f"{where}: {', '.join(sorted(missing))} is missing"
    if unknown := given - known:
        return f"{where}: {', '.join(sorted(unknown))} is none of {', '.join(sorted(known))}"
    return None
