"""Checks before the mesh starts; each failure names the problem and the way out."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import socket
from pathlib import Path
from typing import IO

from services.common.settings import Settings

# The longest path that a unix socket may have, on Linux and macOS alike, less its own end.
LONGEST_SOCKET = 103


# With less a mesh does not even make its stores.
LEAST_FREE_BYTES = 8 * 1024 * 1024
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


class CannotStart(Exception):
    """A reason for a person."""


def own_folder(data: Path) -> IO[str]:
    """Makes the data folder and takes its lock, which lasts as long as the returned file is open."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in ("run", "logs"):
            (data / folder).mkdir(exist_ok=True)
        lock = (data / "lock").open("a+")
    except OSError as error:
        if error.errno in NO_SPACE:
            raise CannotStart(no_space(data)) from None
        raise CannotStart(
            f"cannot write to the data folder {data} ({error.strerror}); choose another one with --data DIR"
        ) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip()
        raise CannotStart(
            f"a mesh already runs on {data}"
            + (f" (process {holder})" if holder else "")
            + "; stop it with scripts/down, "
            "or choose another folder with --data DIR"
        ) from None
    try:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
    except OSError:
        raise CannotStart(no_space(data)) from None
    longest = data / "run" / "processor.metrics.sock"
    if len(str(longest)) > LONGEST_SOCKET:
        raise CannotStart(
            f"the data folder's path is too long for a unix socket ({longest}); choose a shorter one with --data DIR"
        )
    return lock


def present_space(data: Path) -> None:
    """Fails when the disk of the data folder is full."""
    if shutil.disk_usage(data).free < LEAST_FREE_BYTES:
        raise CannotStart(no_space(data))


def no_space(place: str | Path) -> str:
    """Says that a disk is full."""
    return (
        f"the disk of {place} is full; free {LEAST_FREE_BYTES // 1024**2} MiB at the least, then start again. "
        "Acknowledged data is kept"
    )


def address_each(settings: Settings) -> None:
    """Fails when all services would listen at one address."""
    given = {"LISTEN": settings.listen, "METRICS": settings.metrics, "HTTP": settings.http}
    for name, address in given.items():
        if address:
            raise CannotStart(
                f"DROPMESH_{name} is {address!r}: it is only for a single service; scripts/up runs three, so unset it"
            )


def present_provider(provider: str) -> None:
    """Fails when models are to run where this machine cannot run them."""
    if provider == "cpu":
        return
    # Loading what runs models takes a moment, which only this question needs.
    from services.processor.models.errors import ProviderMissing
    from services.processor.models.runtime import Provider, Runtime

    try:
        Runtime(Provider(provider)).require_provider()
    except ProviderMissing as missing:
        raise CannotStart(f"DROPMESH_PROVIDER is {provider!r}: {missing}") from None


def free_port(host: str, port: int, option: str) -> None:
    """Fails when something else listens there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), port))
        except OSError as error:
            raise CannotStart(
                f"cannot listen on port {port} of {host} ({error.strerror}); choose another one with {option} PORT"
            ) from None
