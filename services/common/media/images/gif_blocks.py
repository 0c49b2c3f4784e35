"""The blocks of a GIF, walked without decoding any pixel."""

from __future__ import annotations

import re
from collections.abc import Iterator

EXTENSION, IMAGE, TRAILER = 0x21, 0x2C, 0x3B
CONTROL, APPLICATION = 0xF9, 0xFF
HAS_TABLE = 0x80
_BEGIN = re.compile(b"[\x21\x2c\x3b]")


def gif_blocks(data: bytes) -> Iterator[tuple[int, int]]:
    """Each block's kind and where its content starts; an extension's kind is its label."""
    at = 13 + table_size(data[10])
    while at < len(data):
        kind = data[at]
        if kind == EXTENSION and at + 2 < len(data):
            yield data[at + 1], at + 2
            at = skip_sub_blocks(data, at + 2)
        elif kind == IMAGE and at + 10 < len(data):
            yield kind, at + 1
            at = skip_sub_blocks(data, at + 11 + table_size(data[at + 9]))
        elif kind == TRAILER:
            yield kind, at
            return
        else:
            # What a careless program left between blocks: players skip it.
            found = _BEGIN.search(data, at + 1)
            at = len(data) if found is None else found.start()


def table_size(flags: int) -> int:
    """How many bytes the colour table takes that these flags announce."""
    return 3 << (flags & 7) + 1 if flags & HAS_TABLE else 0


def skip_sub_blocks(data: bytes, at: int) -> int:
    """Where the sub-blocks that start here end."""
    while at < len(data) and data[at]:
        at += data[at] + 1
    return at + 1
