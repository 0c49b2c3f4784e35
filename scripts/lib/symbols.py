"""Removes from shared libraries what is for debuggers and linkers alone: symbols.py FOLDER.

The system loads the segments of a library, and reads neither its section headers nor what follows the last segment.
Needs no `strip`, which many machines lack and which damages libraries that `patchelf` has changed.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

# A 64-bit little-endian ELF file; on other systems libraries have other formats and stay as they are.
MAGIC = b"\x7fELF\x02\x01"
HEADER_BYTES = 64


def remove_symbols(library: Path) -> int:
    """Returns how many bytes a file lost; 0 when it had none to lose, or is of another kind."""
    content = bytearray(library.read_bytes())
    if not content.startswith(MAGIC):
        return 0
    end = max(_ends_of_segments(content))
    saved = len(content) - end
    if saved <= 0:
        return 0
    # Where the section headers begin, how many there are, and which one holds their names.
    struct.pack_into("<Q", content, 40, 0)
    struct.pack_into("<HH", content, 60, 0, 0)
    # A new file takes the old one's place: another folder may share the old one's bytes.
    new = library.with_name(f"{library.name}.new")
    new.write_bytes(content[:end])
    new.chmod(library.stat().st_mode)
    new.replace(library)
    return saved


def _ends_of_segments(content: bytearray) -> Iterator[int]:
    """Where each segment of the file ends, and the table that lists them."""
    (table,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    yield max(HEADER_BYTES, table + size * count)
    for place in range(table, table + size * count, size):
        (offset,) = struct.unpack_from("<Q", content, place + 8)
        (length,) = struct.unpack_from("<Q", content, place + 32)
        yield offset + length


if __name__ == "__main__":
    for path in Path(sys.argv[1]).rglob("*.so*"):
        if path.is_file() and not path.is_symlink():
            remove_symbols(path)
