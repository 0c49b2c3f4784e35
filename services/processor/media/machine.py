"""Which failures are the machine's or a store's, and no fault of the content."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable
from pathlib import Path

from services.common.base.errors import DropmeshError, ResourceExhausted, StoreCorrupt, Unavailable
from services.common.base.instants import SECOND_NS
from services.common.stores.probes import SCARCE_BYTES

_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.EIO, errno.EROFS}
)
# A lease that ended so long after a store was last seen away was not lost through it.
_AFTERMATH_NS = 30 * SECOND_NS


class MachineFault(Exception):
    """The work was put back for a fault of the machine or of a store."""


def is_of_machine(error: Exception, folder: Path) -> bool:
    """Whether a failure is no fault of the content: a store is away or full, or the machine lacks something."""
    if isinstance(error, (Unavailable, ResourceExhausted, StoreCorrupt, MemoryError)):
        return True
    if isinstance(error, OSError) and error.errno in _ERRORS:
        return True
    # A decoder or encoder may call a full disk by another name.
    return shutil.disk_usage(folder).free < SCARCE_BYTES


def cause_of(error: Exception) -> str:
    """The cause, for an operator."""
    return str(getattr(error, "cause", "")) or (error.message if isinstance(error, DropmeshError) else repr(error))


class Troubles:
    """When stores were away, as this process saw it: a lease that ended then is no fault of its media."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._first_ns = self._last_ns = -_AFTERMATH_NS

    def note(self) -> None:
        """A store is away now."""
        now_ns = self._now_ns()
        if now_ns - self._last_ns > _AFTERMATH_NS:
            self._first_ns = now_ns
        self._last_ns = now_ns

    def excuse(self, lease_end_ns: int) -> bool:
        """Whether a lease that ended then may have ended for want of a store."""
        return self._first_ns <= lease_end_ns <= self._last_ns + _AFTERMATH_NS
