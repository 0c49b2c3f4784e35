"""Kills processors again and again under a queue of media: each media ends, once, and nothing is stuck.

`python -m tests.chaos.processor_kills --media 200 --kills 50` does it at length; the suite does it briefly.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
from PIL import Image, ImageDraw

from tests.e2e.mesh import Mesh, eventually, running_mesh

ENDED = {"PROCESSED", "FAILED"}


def processor_of(mesh: Mesh) -> int | None:
    """The process id of the mesh's processor, while there is one."""
    supervisor = (mesh.data / "lock").read_text()
    found = subprocess.run(
        ["pgrep", "-P", supervisor, "-f", "services.processor"], check=False, stdout=subprocess.PIPE, text=True
    )
    return int(found.stdout.split()[0]) if found.stdout.split() else None


def picture(number: int) -> bytes:
    """A small picture, another one for each number."""
    drawn = Image.new("RGB", (640, 480), "navy")
    drawing = ImageDraw.Draw(drawn)
    drawing.ellipse((100, 100, 300, 350), fill="tan")
    drawing.text((10, 10), str(number), fill="white", font_size=40)
    output = io.BytesIO()
    drawn.save(output, "JPEG")
    return output.getvalue()


def kill_processors(mesh: Mesh, media: int, kills: int, seed: int, within_seconds: float) -> Counter[str]:
    """Uploads so many media, kills so often at random moments, and returns how many ended in which state."""
    choose = random.Random(seed)
    with httpx.Client(base_url=mesh.url, timeout=60) as http:
        names = []
        for number in range(media):
            answer = http.post("/v1/media", content=picture(number)).raise_for_status().json()
            names.append(answer["results"][0]["media"]["name"])
        assert len(set(names)) == media, "each upload is a media of its own"
        deadline = time.monotonic() + within_seconds
        killed = 0
        while killed < kills and time.monotonic() < deadline:
            if killed % 2:
                # Every other time it has come as far as working; else it may be starting.
                eventually(lambda: http.get(f"{mesh.operations_url}/healthz").status_code == 200, 60)
            time.sleep(choose.uniform(0.05, 1.0))
            if (process := processor_of(mesh)) is not None:
                os.kill(process, signal.SIGKILL)
                killed += 1
        print(f"{killed} kills; media that had no end by the last: {_unended(http, names)}", flush=True)
        states: dict[str, str] = {}
        while time.monotonic() < deadline and len(states) < len(names):
            for name in names:
                if name not in states:
                    found = http.get(f"/v1/{name}").json()
                    if found["state"] in ENDED:
                        states[name] = found["state"]
            time.sleep(0.5)
        for name, state in states.items():
            if state == "PROCESSED":
                found = http.get(f"/v1/{name}").json()
                content = http.get(f"/v1/{name}/anonymized").raise_for_status().content
                assert len(content) == int(found["anonymized"]["size_bytes"])
        return Counter(states.get(name, "stuck") for name in names)


def _unended(http: httpx.Client, names: list[str]) -> int:
    """How many media are still to be processed; a mesh whose services were killed a moment ago may need a while."""
    return sum(http.get(f"/v1/{name}").json().get("state") not in ENDED for name in names)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.processor_kills", description=__doc__)
    parser.add_argument("--media", type=int, default=200)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data)) as mesh:
        print(dict(kill_processors(mesh, arguments.media, arguments.kills, arguments.seed, 1800)))


if __name__ == "__main__":
    main()
