"""Fetches a file over HTTP: resumed where it broke off, never larger than expected, checked before it counts."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import urllib.error
import urllib.request
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from services.processor.models.errors import SourceFailed
from services.processor.models.progress import Progress
from services.processor.models.store import sha256_of
from services.processor.models.timeouts import Timeouts

CHUNK_BYTES = 256 * 1024
ATTEMPTS = 4
"""A connection that breaks off is tried again from where it broke, so often in all."""


class _BrokeOff(Exception):
    """Some bytes came, then the connection ended."""


def download(url: str, target: Path, sha256: str, size_bytes: int, timeouts: Timeouts, progress: Progress) -> None:
    """Fetch a URL into a file whose size and sha256 are known.

    What has come so far stands in `target` with `.part` behind its name and is continued, by this call or by a later
    one. The target appears complete and checked, or not at all. Raises `SourceFailed`.
    """
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.exists()
    try:
        _fetch(url, part, size_bytes, timeouts, progress)
        found = sha256_of(part)
        if found != sha256 and resumed:
            # An earlier pull may have left part of another version: download the whole file again.
            part.unlink()
            _fetch(url, part, size_bytes, timeouts, progress)
            found = sha256_of(part)
    finally:
        progress.end()
    if found != sha256:
        part.unlink()
        raise SourceFailed(url, f"its sha256 is {found}, expected {sha256}")
    part.replace(target)


def _fetch(url: str, part: Path, size_bytes: int, timeouts: Timeouts, progress: Progress) -> None:
    for attempt in range(ATTEMPTS):
        try:
            _continue(url, part, size_bytes, timeouts, progress)
        except _BrokeOff as error:
            if attempt + 1 == ATTEMPTS:
                raise SourceFailed(url, f"broke off {ATTEMPTS} times, at last: {error}") from error
        else:
            return


def _continue(url: str, part: Path, size_bytes: int, timeouts: Timeouts, progress: Progress) -> None:
    done = part.stat().st_size if part.exists() else 0
    if done > size_bytes:
        part.unlink()
        done = 0
    if done == size_bytes:
        return
    timeouts.require_reachable(url)
    _require_name(url, timeouts)
    # The registry's schema and the mirror's setting allow nothing but http and https.
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeouts.timeout_seconds(url)) as response:  # noqa: S310
            start = _start(url, response, done)
            with part.open("r+b" if start else "wb") as file:
                file.seek(start)
                _copy(url, response, file, start, size_bytes, timeouts, progress)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and done:
                part.unlink()
                raise _BrokeOff("the server has no such range") from error
            raise SourceFailed(url, f"the server answers {error.code} {error.reason}") from error
    except (TimeoutError, urllib.error.URLError) as error:
        timeouts.give_up(url)
        raise SourceFailed(url, f"cannot be reached: {getattr(error, 'reason', error)}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _BrokeOff(str(error)) from error


def _require_name(url: str, timeouts: Timeouts) -> None:
    """Raise when the host's name is not found in time; the system's resolver itself knows no timeout."""
    parts = urlsplit(url)
    if parts.scheme in urllib.request.getproxies():
        return
    found: list[object] = []
    resolver = threading.Thread(target=_resolve, args=(parts.hostname, found), daemon=True)
    resolver.start()
    resolver.join(timeouts.timeout_seconds(url))
    if not found:
        timeouts.give_up(url)
        raise SourceFailed(url, f"the name {parts.hostname} is not found")


def _resolve(host: str | None, found: list[object]) -> None:
    with contextlib.suppress(OSError):
        found.extend(socket.getaddrinfo(host, None))


def _start(url: str, response: http.client.HTTPResponse, done: int) -> int:
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0
    said = response.headers.get("Content-Range", "")
    if not said.startswith(f"bytes {done}-"):
        raise SourceFailed(url, f"asked for bytes from {done}, the server sends {said or 'others'}")
    return done


def _copy(
    url: str,
    response: http.client.HTTPResponse,
    file: BinaryIO,
    done: int,
    size_bytes: int,
    timeouts: Timeouts,
    progress: Progress,
) -> None:
    while chunk := response.read(CHUNK_BYTES):
        done += len(chunk)
        if done > size_bytes:
            raise SourceFailed(url, f"sends more than the {size_bytes} bytes it should have")
        file.write(chunk)
        progress.at(done, size_bytes)
        timeouts.left_seconds(url)
    if done < size_bytes:
        raise _BrokeOff(f"only {done} of {size_bytes} bytes came")
