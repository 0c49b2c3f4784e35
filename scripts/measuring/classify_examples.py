"""Writes docs/examples/: what `dropmesh classify-dir` leaves of a few generated pictures, from a real run.

`python -m scripts.measuring.classify_examples`; it needs RabbitMQ (scripts/servers install).
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.servers.rabbitmq import rabbitmq
from tests.support.classify_dir import Processor, install_colours

TARGET = Path(__file__).resolve().parents[2] / "docs" / "examples"
TABLES = ("runs", "images", "results")
READY_SECONDS = 300.0


def main() -> int:
    """Runs the two programs and keeps what the run left."""
    with tempfile.TemporaryDirectory() as name, rabbitmq() as url:
        folder = Path(name)
        _draw(folder / "pictures")
        install_colours(folder / "models")
        processor = Processor(folder / "processor", folder / "models", {"DROPMESH_CLASSIFY_AMQP": url})
        try:
            deadline = time.monotonic() + READY_SECONDS
            while not processor.is_ready() and time.monotonic() < deadline:
                time.sleep(0.1)
            # Two at a time, so that the log is easy to follow.
            command = ["-m", "dropmesh.cli", "classify-dir", "pictures", "--amqp", url, "--in-flight", "2"]
            done = subprocess.run(
                [sys.executable, *command], cwd=folder, check=False, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        finally:
            processor.kill()
        TARGET.mkdir(exist_ok=True)
        (TARGET / "terminal.txt").write_bytes(done.stdout)
        (TARGET / "rows.txt").write_text(_rows(folder / "results.db"))
        for file in ("run.log", "results.db"):
            shutil.copy(folder / file, TARGET / file)
    return 0


def _draw(folder: Path) -> None:
    """Five pictures of one colour each, and a file that is none."""
    (folder / "more").mkdir(parents=True)
    for name, colour in (
        ("sunset.jpg", "orangered"),
        ("sea.jpg", "navy"),
        ("meadow.png", "forestgreen"),
        ("more/rose.webp", "crimson"),
        ("more/sky.gif", "deepskyblue"),
    ):
        Image.new("RGB", (320, 240), colour).save(folder / name)
    (folder / "broken.jpg").write_bytes((folder / "sea.jpg").read_bytes()[:300])


def _rows(results: Path) -> str:
    connection = sqlite3.connect(results)
    parts = []
    for table in TABLES:
        found = connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2")  # noqa: S608 - names from above
        columns = [column[0] for column in found.description]
        lines = [columns, *([_text(value) for value in row] for row in found)]
        parts.append(f"{table}\n" + "\n".join(" | ".join(line) for line in lines))
    connection.close()
    return "\n\n".join(parts) + "\n"


def _text(value: object) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
