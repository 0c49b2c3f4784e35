"""Reads a profile: the queues that requests and replies take, and what they look like.

The contract says what a profile may hold: the message ClassificationProfile and its rules. The profiles that have a
name are files of the command line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

import protovalidate
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

from services.common.settings import CHECKOUT, PREFIX, SettingsError

SHIPPED = CHECKOUT / "client" / "dropmesh" / "classify_dir" / "profiles"


def load_profile(name: str) -> Profile:
    """The profile of this name that comes with the command line, or the one in this TOML file."""
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    setting = f"{PREFIX}CLASSIFY_PROFILE is {name!r}"
    try:
        profile = json_format.ParseDict(tomllib.loads(path.read_text()), Profile())
    except FileNotFoundError:
        raise SettingsError(f"{setting}: there is no {path}") from None
    except (OSError, ValueError, json_format.ParseError) as error:
        raise SettingsError(f"{setting}: {error}") from None
    if violations := protovalidate.collect_violations(profile):
        raise SettingsError(f"{setting}: {_fault(violations)}")
    return profile


def _fault(violations: Sequence[protovalidate.Violation]) -> str:
    """The fault of a field, else of the whole profile, which may only follow from one, and names its field itself."""
    for violation in violations:
        if path := violation.proto.field:
            keys = [(part.field_name, part.subscript.value if part.subscript else "") for part in path.elements]
            parts = [str(part) for pair in keys for part in pair if part]
            return f"{'.'.join(parts)}: {violation.proto.message}"
    return str(violations[0].proto.message)
