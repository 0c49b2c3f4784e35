"""Reads a profile: how the classifier's queues are named and declared, and what its messages look like.

The contract says what a profile may hold: the message ClassificationProfile and its rules.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import protovalidate
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

FOLDER = Path(__file__).parent / "profiles"


class ProfileError(Exception):
    """A profile that cannot be used; the message names the file and the field."""


def load_profile(name: str) -> Profile:
    """The profile of this name that comes with Dropmesh, or the one in this TOML file."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    try:
        profile = json_format.ParseDict(tomllib.loads(path.read_text()), Profile())
    except FileNotFoundError:
        shipped = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise ProfileError(f"profile: no {name}; there are {shipped}, or give the path of a .toml file") from None
    except (OSError, ValueError, json_format.ParseError) as error:
        raise ProfileError(f"profile: {path}: {error}") from None
    if violations := protovalidate.collect_violations(profile):
        raise ProfileError(f"profile: {path}: {_fault(violations)}")
    return profile


def _fault(violations: Sequence[protovalidate.Violation]) -> str:
    """The fault of a field, else of the whole profile, which may only follow from one, and names its field itself."""
    for violation in violations:
        if path := violation.proto.field:
            keys = [(part.field_name, part.subscript.value if part.subscript else "") for part in path.elements]
            parts = [str(part) for pair in keys for part in pair if part]
            return f"{'.'.join(parts)}: {violation.proto.message}"
    return str(violations[0].proto.message)
