"""Finds where a text is nested too deep without recursion: for documents on which a parser gives up."""

from __future__ import annotations

import json
import re
from itertools import pairwise

from services.processor.drops.parsing.paths import key_path

# Possessive (`++`, `*+`): a backtracking pattern remembers every character of a string, 100 bytes for each.
_TO_NEXT_BRACKET = re.compile(r'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+[\[\]{}]', re.DOTALL)
# Objects as pairs, since a key that comes twice has its first place in a dict; Python refuses very long integers.
_DECODER = json.JSONDecoder(object_pairs_hook=list, parse_int=float)


def path_too_deep(text: str, max_depth: int) -> str:
    """Returns the path of the first array or object deeper than `max_depth`; up to there the text must be JSON."""
    starts: list[int] = []
    for match in _TO_NEXT_BRACKET.finditer(text):
        bracket = match.end() - 1
        if text[bracket] in "]}":
            starts.pop()
            continue
        starts.append(bracket)
        if len(starts) > max_depth:
            break
    path = "$"
    for start, end in pairwise(starts):
        path = _last_step(path, text[start:end])
    return path


def _last_step(path: str, opened: str) -> str:
    """Adds the index or key of the value that follows an array or object that is not closed yet."""
    if opened.startswith("["):
        return f"{path}[{len(_DECODER.decode(opened + '0]')) - 1}]"
    return key_path(path, _DECODER.decode(opened + "0}")[-1][0])
