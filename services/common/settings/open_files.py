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
    needed = _needed(settings)
    reachable = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if reachable < needed:
        raise SettingsError(
            f"this process may open {hard} files, and {PREFIX}MAX_IN_FLIGHT={settings.max_in_flight} needs {needed}: "
            f"raise the limit (ulimit -Hn {needed}), or lower {PREFIX}MAX_IN_FLIGHT"
        )
    if soft != resource.RLIM_INFINITY and soft < reachable:
        resource.setrlimit(resource.RLIMIT_NOFILE, (reachable, hard))


def most_waits(settings: Settings) -> int:
    """How many calls may wait at once: as many as the settings say, or as there are files left for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return settings.max_waits
    return max(1, min(settings.max_waits, soft - _needed(settings)))


def _needed(settings: Settings) -> int:
    # Each call, each stream and each guest has a connection of its own.
    return 2 * settings.max_in_flight + settings.max_in_flight // 4 + BESIDE_CALLS
