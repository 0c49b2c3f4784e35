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
        print(f"no mesh ever ran on {data}")
        return 0
    with path.open() as lock:
        deadline = time.monotonic() + STOPPED_WITHIN_SECONDS
        told = False
        while time.monotonic() < deadline:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # One that takes the folder just now has not said yet who it is; one that ends is gone by now.
                with suppress(ValueError, ProcessLookupError):
                    if not told:
                        os.kill(int(path.read_text()), signal.SIGTERM)
                        told = True
                time.sleep(0.1)
            else:
                print(f"the mesh on {data} is stopped" if told else f"no mesh runs on {data}")
                return 0
    print(f"the mesh on {data} does not stop within {STOPPED_WITHIN_SECONDS:g} s", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
