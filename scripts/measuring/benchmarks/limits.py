"""Measures a mesh with content that is too long, too large or damaged: the outcome, its time and its memory."""

from __future__ import annotations

import argparse
import io
import json
import struct
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from scripts.measuring.benchmarks.idle import tree
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh

MOST_SECONDS, MOST_MEGABYTES = 2.0, 200.0
ENDED = {"PROCESSED", "FAILED"}
LOOK_SECONDS = 0.01


def main() -> int:
    """Starts a mesh, sends it each of them, prints what became of it; fails where it took too long or too much."""
    parser = argparse.ArgumentParser(prog="scripts/bench limits", description=__doc__)
    parser.parse_args()
    bodies = {name: make() for name, make in CASES.items()}
    good = True
    with loaded_mesh(settings={"DROPMESH_PULL_MODELS": "false"}) as mesh:
        send(mesh, photo(1200, 900))
        time.sleep(1)
        for name, body in bodies.items():
            before = _memory(mesh)
            began = time.perf_counter()
            outcome = send(mesh, body)
            seconds = time.perf_counter() - began
            more = _more_megabytes(before, mesh)
            good = good and seconds <= MOST_SECONDS and more <= MOST_MEGABYTES
            print(
                f"{name}, {len(body) / 1e6:.1f} MB sent: {seconds:.2f} s, {more:.0f} MB more\n    {outcome}", flush=True
            )
    print(f"at most {MOST_SECONDS:g} s, {MOST_MEGABYTES:g} MB more")
    return 0 if good else 1


def send(mesh: LoadedMesh, body: bytes) -> str:
    """Uploads a content, waits until it has an end, and says which."""
    request = urllib.request.Request(  # noqa: S310 - this machine
        f"{mesh.url}/v1/media", body, {"content-type": "application/octet-stream"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - this machine
            media = json.load(answer)["results"][0]["media"]
    except urllib.error.HTTPError as refused:
        return f"{refused.code} {json.load(refused)['message']}"
    while media["state"] not in ENDED:
        time.sleep(LOOK_SECONDS)
        with urllib.request.urlopen(f"{mesh.url}/v1/{media['name']}", timeout=60) as answer:  # noqa: S310 - this machine
            media = json.load(answer)
    if media["state"] == "FAILED":
        return f"FAILED: {media['processing']['error']['message']}"
    return f"PROCESSED; warnings: {', '.join(one['message'] for one in media['warnings']) or 'none'}"


@dataclass(frozen=True, slots=True)
class _Memory:
    """The resident memory of each process of a mesh, in bytes; their peaks begin anew."""

    by_process: Mapping[int, int]


def _memory(mesh: LoadedMesh) -> _Memory:
    held = {}
    for pid in _processes(mesh):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        held[pid] = _status(pid, "VmRSS")
    return _Memory(held)


def _more_megabytes(before: _Memory, mesh: LoadedMesh) -> float:
    """By how much the processes grew at their peaks, those that are new with all that they have."""
    peaks = {pid: _status(pid, "VmHWM") for pid in _processes(mesh)}
    return sum(max(0, peak - before.by_process.get(pid, 0)) for pid, peak in peaks.items()) / 1e6


def _processes(mesh: LoadedMesh) -> list[int]:
    return tree(int((mesh.data / "lock").read_text()))


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def photo(width: int, height: int) -> bytes:
    """A JPEG with something on it."""
    small = Image.effect_noise((width // 20, height // 20), 90).convert("RGB")
    output = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).save(output, "JPEG", quality=90)
    return output.getvalue()


def truncated_jpeg() -> bytes:
    """Twelve megapixels of which the last third is missing."""
    whole = photo(4000, 3000)
    return whole[: 2 * len(whole) // 3]


def long_video(hours: int = 10) -> bytes:
    """A frame a second, for hours: one picture again and again."""
    output = io.BytesIO()
    with av.open(output, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=1, width=320, height=240, pix_fmt="yuv420p")
        (packet,) = (*stream.encode(av.VideoFrame.from_ndarray(np.full((240, 320, 3), 90, np.uint8))), *stream.encode())
        coded = bytes(packet)
        for second in range(hours * 3600):
            again: Any = av.Packet(coded)
            again.stream, again.time_base, again.is_keyframe = stream, Fraction(1), True
            again.pts = again.dts = second
            container.mux(again)
    return output.getvalue()


def long_gif(frames: int = 30_000) -> bytes:
    """So many frames of VGA size, each a few bytes."""
    first, second = (Image.new("P", (640, 480), colour) for colour in (0, 1))
    output = io.BytesIO()
    first.save(output, "GIF", save_all=True, append_images=[second], duration=40)
    whole = output.getvalue()
    start = whole.index(b"\x21\xf9")
    return whole[:start] + whole[start:-1] * (frames // 2) + whole[-1:]


def png_bomb(side: int = 50_000) -> bytes:
    """A small file of very many black pixels."""
    row_bytes, packer = side // 8 + 1, zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(row_bytes)) for _ in range(side)) + packer.flush()
    return _png(side, side, 1, [(b"IDAT", packed)])


def png_with_a_bomb_of_a_profile(size_bytes: int = 1 << 30) -> bytes:
    """A small picture whose colour profile unpacks to a gibibyte."""
    packer, block = zlib.compressobj(9), bytes(1 << 20)
    packed = b"".join(packer.compress(block) for _ in range(size_bytes >> 20)) + packer.flush()
    pixels = zlib.compress(bytes(64 * 9))
    return _png(64, 64, 1, [(b"iCCP", b"bomb\0\0" + packed), (b"IDAT", pixels)])


def _png(width: int, height: int, depth: int, chunks: list[tuple[bytes, bytes]]) -> bytes:
    head = (b"IHDR", struct.pack(">2I5B", width, height, depth, 0, 0, 0, 0))
    parts = [b"\x89PNG\r\n\x1a\n"]
    for kind, body in (head, *chunks, (b"IEND", b"")):
        parts.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return b"".join(parts)


CASES: Mapping[str, Callable[[], bytes]] = {
    "a 10-hour video of a frame a second": long_video,
    "a GIF of 30,000 frames": long_gif,
    "a truncated JPEG of 12 megapixels": truncated_jpeg,
    "a PNG of 2,500 megapixels": png_bomb,
    "a PNG whose profile is 1 GiB": png_with_a_bomb_of_a_profile,
}

if __name__ == "__main__":
    sys.exit(main())
