"""Where a text is nested too deep, found without nesting calls: for documents on which a parser gives up."""

from __future__ import annotations

import json
import re

from services.processor.drops.parsing.paths import key_path

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|[\[\]{},:]', re.DOTALL)


def path_too_deep(text: str, max_depth: int) -> str:
    """Return the path of the first array or object deeper than `max_depth`; up to there the text must be JSON."""
    path: list[int | str] = []
    key = ""
    for token in _TOKEN.finditer(text):
        kind = token[0][0]
        if kind in "[{":
            if len(path) == max_depth:
                break
            path.append(0 if kind == "[" else "")
        elif kind in "]}":
            path.pop()
        elif kind == '"':
            key = json.loads(token[0])
        elif kind == ":":
            path[-1] = key
        elif isinstance(path[-1], int):
            path[-1] += 1
    shown = "$"
    for step in path:
        shown = f"{shown}[{step}]" if isinstance(step, int) else key_path(shown, step)
    return shown
