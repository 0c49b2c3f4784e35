"""A file that ends a hostile header's walk: a sound one needs few reads."""

from __future__ import annotations

import io
from typing import BinaryIO, Final

from services.common.media.refusals import DamagedMedia

MAX_READS: Final = 50_000


class BoundedFile(io.RawIOBase):
    """Passes reads on to `file` until their count passes the bound, then raises DamagedMedia.

    Millions of empty segments fit into a file of a permitted size, and each costs the reading library a step.
    """

    def __init__(self, file: BinaryIO, format: str, max_reads: int = MAX_READS) -> None:
        super().__init__()
        self._file = file
        self._format = format
        self._reads_left = max_reads

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as the file would."""
        self._reads_left -= 1
        if self._reads_left < 0:
            raise DamagedMedia(self._format, "it has too many segments")
        return self._file.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Seek as the file would."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """The position in the file."""
        return self._file.tell()

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True
