"""Stops the mesh that runs on a data folder."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
import time
from contextlib import suppress

from scripts.mesh.data_folder import data_option, settings_of
from services.common.settings import SettingsError

STOPPED_WITHIN_SECONDS = 60.0


def main() -> int:
    """Ends the process that holds the folder's lock, and waits until it is gone."""
    arguments = argparse.ArgumentParser(prog="scripts/down", description=__doc__, parents=[data_option()]).parse_args()
    try:
        data = settings_of(arguments).data
    except SettingsError as error:
        print(f"scripts/down: {error}", file=sys.stderr)
        return 1
    path = data / "lock"
    if not path.exists():
        print(f"no mesh has run on {data}")
        return 0
    with path.open() as lock:
        deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
        signalled = False
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # A mesh that just took the lock may not have written its process id; one that ended has no process.
                with suppress(ValueError, ProcessLookupError):
                    if not signalled:
                        os.kill(int(path.read_text()), signal.SIGTERM)
                        signalled = True
                time.sleep(0.1)
            else:
                print(f"the mesh on {data} is stopped" if signalled else f"no mesh runs on {data}")
                return 0
    print(f"the mesh on {data} did not stop within {STOPPED_WITHIN_SECONDS:g} s; logs: {data}/logs", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
