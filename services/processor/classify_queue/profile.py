"""Reads a profile: the queues that requests and replies take, and what they look like."""

from __future__ import annotations

import tomllib
from pathlib import Path

from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile
from google.protobuf import json_format

from services.common.base.errors import InvalidArgument
from services.common.rpc.request_rules import Rules
from services.common.settings import CHECKOUT, PREFIX, SettingsError

SHIPPED = CHECKOUT / "client" / "dropmesh" / "classify_dir" / "profiles"


def load_profile(name: str) -> Profile:
    """The profile of this name that comes with the command line, or the one in this TOML file."""
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    try:
        profile = json_format.ParseDict(tomllib.loads(path.read_text()), Profile())
        Rules().check(profile)
    except FileNotFoundError:
        raise SettingsError(f"{PREFIX}CLASSIFY_PROFILE is {name!r}: there is no {path}") from None
    except (OSError, ValueError, json_format.ParseError, InvalidArgument) as error:
        raise SettingsError(f"{PREFIX}CLASSIFY_PROFILE is {name!r}: {error}") from None
    for body, fields, needed in (
        (profile.requests.body, profile.requests.fields, {"image"}),
        (profile.replies.body, profile.replies.fields, {"label"}),
    ):
        wanted = needed | ({"id"} if profile.replies.match == Profile.ID_FIELD else set())
        if body == Profile.FIELDS and (missing := wanted - set(fields)):
            raise SettingsError(
                f"{PREFIX}CLASSIFY_PROFILE is {name!r}: the fields of {', '.join(sorted(missing))} have no names"
            )
    if profile.requests.body == Profile.BINARY and profile.replies.match == Profile.ID_FIELD:
        raise SettingsError(
            f"{PREFIX}CLASSIFY_PROFILE is {name!r}: BINARY requests carry no id; replies.match must be CORRELATION_ID"
        )
    return profile
