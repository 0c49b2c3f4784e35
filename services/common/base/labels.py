"""Labels that users give to their resources: a map from names to values, written as name=value in queries and forms."""

from __future__ import annotations

import re
from collections.abc import Iterable

LABELS_MOST = 64
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,62}=[^\x00]{0,200}", re.DOTALL)


def read_labels(texts: Iterable[str]) -> dict[str, str]:
    """Labels that are written as name=value."""
    return dict(text.split("=", 1) for text in texts)


def is_label(text: str) -> bool:
    """Whether a text is a label as the contract's rules take it."""
    return _LABEL.fullmatch(text) is not None
