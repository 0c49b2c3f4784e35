"""How many files and connections a process may open: with too few, calls would hang instead of being refused."""

from __future__ import annotations

import resource

from services.common.settings import PREFIX, Settings, SettingsError

# Stores, logs, child processes, and connections that are kept for the next call.
BESIDE_CALLS = 256
ENOUGH = 65_536


def allow_open_files(settings: Settings) -> None:
    """Raises the limit of this process as far as it may; SettingsError where that is too low for the settings."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_in_flight + BESIDE_CALLS
    reachable = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if reachable < needed:
        raise SettingsError(
            f"this process may open {hard} files, and {PREFIX}MAX_IN_FLIGHT={settings.max_in_flight} needs {needed}: "
            f"raise the limit (ulimit -Hn {needed}), or lower {PREFIX}MAX_IN_FLIGHT"
        )
    if soft != resource.RLIM_INFINITY and soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))
