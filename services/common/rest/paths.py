"""Paths of the contract as regular expressions with a group for each variable."""

from __future__ import annotations

import re

_VARIABLE = re.compile(r"\{(\w+)(?:=([\w/*]+))?\}")


def path_pattern(template: str) -> re.Pattern[str]:
    """The pattern of a template such as /v1/{name=media/*}."""
    parts = _VARIABLE.split(template)
    pattern = ""
    for literal, name, value in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        pattern += re.escape(literal)
        if name:
            pattern += f"(?P<{name}>{(value or '*').replace('*', '[^/]+')})"
    return re.compile(pattern)
