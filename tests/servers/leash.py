"""Becomes a command that the kernel kills as soon as the process that asked for it is gone, however that one ended.

Run as a script: `leash.py PARENT_PID COMMAND [ARGUMENT...]`. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ties this process to its parent, then turns into the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the leash was on
        sys.exit("the process that asked for this server is gone")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
