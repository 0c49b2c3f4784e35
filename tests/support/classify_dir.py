"""What the tests of `dropmesh classify-dir` share: folders of images, a running platform, a look into its results."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from services.processor.models.store import sha256_of
from tests.servers.process import leashed
from tests.support.onnx_models import save_colours

ROOT = Path(__file__).resolve().parents[2]


def draw_images(folder: Path, count: int) -> None:
    """Small images, no two alike: red ones and blue ones by turns, some of them in folders below."""
    for number in range(count):
        shade = number % 100
        colour = (255 - shade, shade, number // 100) if number % 2 else (number // 100, shade, 255 - shade)
        path = folder / f"{number // 100}" / f"{number:04}.{('jpg', 'png')[number % 3 == 0]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), colour).save(path)


def install_colours(models: Path) -> None:
    """A models folder whose classifier says red, green or blue."""
    models.mkdir(parents=True)
    save_colours(models / "colours.onnx")
    (models / "colours.txt").write_text("red\ngreen\nblue\n")
    (models / "registry.toml").write_text(
        "[models.colours]\n"
        'title = "Colours"\ntask = "classify"\nlicence = "MIT"\nlabels = "colour-names"\npriority = 100\n'
        'input = { width = 8, height = 8, colour = "rgb", std = [255.0, 255.0, 255.0] }\n'
        + _file(models / "colours.onnx")
        + '[models.colour-names]\ntitle = "Names"\ntask = "labels"\nlicence = "MIT"\n'
        + _file(models / "colours.txt")
    )


def _file(path: Path) -> str:
    return f'file = "{path.name}"\nsha256 = "{sha256_of(path)}"\nsize_bytes = {path.stat().st_size}\n\n'


class Processor:
    """A processor that answers requests for labels, on a data folder of its own."""

    def __init__(self, data: Path, models: Path, settings: Mapping[str, str]) -> None:
        self.log = data / "log"
        data.mkdir(exist_ok=True)
        environment = {"DROPMESH_DATA": str(data), "DROPMESH_MODELS": str(models), "DROPMESH_WORKERS": "1", **settings}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                leashed([sys.executable, "-m", "services.processor"]),
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_ready(self) -> bool:
        return "answers requests for labels" in self.log.read_text()

    def kill(self) -> None:
        """Ends it like a power cut."""
        self._process.kill()
        self._process.wait()


@contextmanager
def plain_classifier(url: str, output: Path) -> Iterator[None]:
    """Runs the classifier that cannot be changed; what it prints is RabbitMQ's refusals."""
    with output.open("wb") as file:
        command = leashed([sys.executable, "-m", "tests.support.plain_classifier", url])
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file)
    try:
        yield
    finally:
        process.kill()
        process.wait()


class Platform:
    """A `dropmesh classify-dir` that runs."""

    def __init__(self, folder: Path, output: Path, options: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.output = output
        with (output / "terminal").open("ab") as terminal:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dropmesh.cli", "classify-dir", str(folder), *options],
                cwd=output,
                env={**os.environ, **environment},
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
            )

    def wait(self, seconds: float = 120) -> int:
        """Its exit code."""
        return self._process.wait(seconds)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Ends it like a power cut."""
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> str:
        path = self.output / "run.log"
        return path.read_text() if path.exists() else ""

    @property
    def terminal(self) -> str:
        return (self.output / "terminal").read_text()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.output / "results.db", query)


def rows(results: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query of a results file finds; nothing while there is no such file."""
    if not results.exists():
        return []
    connection = sqlite3.connect(results, timeout=30)
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return []
        raise
    finally:
        connection.close()


@contextmanager
def platform(
    folder: Path, output: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[Platform]:
    """Starts a platform that writes into `output`, and kills what is left of it."""
    output.mkdir(exist_ok=True)
    started = Platform(folder, output, options, environment or {})
    try:
        yield started
    finally:
        started.kill()
