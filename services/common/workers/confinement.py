"""The limits of a child, its environment (no setting of its parent, and so no secret), and freed memory."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PASSED_ON: Final = frozenset(
    {
        "PATH",
        "LANG",
        "LC_ALL",
        "LC_CTYPE",
        "TZ",
        "TMPDIR",
        # The interpreter's own.
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONHASHSEED",
        "PYTHONHOME",
        "PYTHONPYCACHEPREFIX",
        # Where CUDA is, and which card is ours.
        "CUDA_CACHE_PATH",
        "CUDA_VISIBLE_DEVICES",
        "LD_LIBRARY_PATH",
        "NVIDIA_VISIBLE_DEVICES",
        # So that the tests see which lines run in children.
        "COVERAGE_FILE",
        "COVERAGE_PROCESS_CONFIG",
        "COVERAGE_PROCESS_START",
        "COVERAGE_RCFILE",
    }
)
_THREAD_COUNTS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """The limits of one child and of its answers."""

    memory_bytes: int
    result_bytes: int
    """Of a result's JSON."""
    content_bytes: int = 0
    """Of the raw bytes beside it."""
    cpu_seconds: float = 0.0
    """Of one job; 0 sets no limit beside the job's time limit."""
    jobs: int = 0
    """After so many a fresh child takes its place: what a library leaks does not add up. 0 sets no limit."""


def child_environment(parent: Mapping[str, str], threads: int) -> dict[str, str]:
    """The environment of a child."""
    return {
        **{name: value for name, value in parent.items() if name in _PASSED_ON},
        **dict.fromkeys(_THREAD_COUNTS, str(threads)),
        # The parent's own, less the current folder: nothing is imported from where the mesh was started.
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # Fewer arenas: what one thread frees serves the next one, and an idle child is smaller.
        "MALLOC_ARENA_MAX": "2",
    }


def give_back_memory() -> None:
    """Gives back what the process freed: the C library keeps most of it after a burst."""
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
