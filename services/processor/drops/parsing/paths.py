"""JSON paths (RFC 9535) that are valid, bounded Unicode for any key."""

from __future__ import annotations

import json
import re

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_SHOWN_LENGTH = 64


def key_path(parent: str, key: str) -> str:
    """Return the path of a key: `$.data`, or `$["strange key"]`, cut after 64 characters."""
    return f"{parent}.{key}" if _PLAIN_KEY.fullmatch(key) else f"{parent}[{quoted(key)}]"


def quoted(text: str) -> str:
    """Return the text as an ASCII JSON string, cut after 64 characters."""
    return json.dumps(text if len(text) <= _SHOWN_LENGTH else text[:_SHOWN_LENGTH] + "...")
