"""The encoders of the pictures. What they write does not depend on the machine, so their threads are constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from services.processor.video.encoding.light import MasteringLight

DEEP_BITS: Final = 10

_CPU: Final = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Encoder:
    """A codec, how it is set up, and the tag by which players know it."""

    codec: str
    options: Mapping[str, str]
    tag: str


def bits_of_result(bits: int) -> int:
    """The depth that is kept of pictures of so many bits."""
    return DEEP_BITS if bits > 8 else 8


def choose_encoder(bits: int, light: MasteringLight) -> Encoder:
    """H.264 for 8 bits, HEVC for 10: few players know 10 bits in H.264.

    At these qualities a compressed frame looks like its original; slower presets save bytes, not quality.
    """
    if bits == 8:
        options = {"preset": "veryfast", "crf": "20", "threads": "2"}
        if _has_avx512():
            # x264 reads memory that it has not written where it uses AVX-512, and what it makes then varies.
            options["x264-params"] = "asm=avx2"
        return Encoder("libx264", options, "avc1")
    # With more than one frame at a time the result depends on the number of cores.
    parameters = ["log-level=none", "frame-threads=1", "pools=2"]
    if light.display:
        parameters.append(f"master-display={light.display}")
    if light.content:
        parameters.append(f"max-cll={light.content}")
    return Encoder("libx265", {"preset": "ultrafast", "crf": "20", "x265-params": ":".join(parameters)}, "hvc1")


@cache
def _has_avx512() -> bool:
    return _CPU.exists() and "avx512" in _CPU.read_text()
