"""How much memory the values of a drop can take once they are read, known before they are."""

from __future__ import annotations

# Measured: what orjson and the Python object hold for it, with room to grow; containers also for the time they take.
_BYTES_PER_MARK = ((b",", 56), (b'"', 90), (b"[", 160), (b"{", 272))


def memory_needed(raw: bytes, enough: int) -> int:
    """Returns a bound on the bytes that reading takes beside the text; 0 where it is surely below `enough`."""
    if len(raw) * max(size for _, size in _BYTES_PER_MARK) <= enough:
        return 0
    return sum(raw.count(mark) * size for mark, size in _BYTES_PER_MARK)
