"""Files as old versions of PyTorch save them, byte by byte."""

from __future__ import annotations

import pickle
import struct

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


def tensor_pickle(name: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, count: int) -> bytes:
    """The instructions that PyTorch writes for a dictionary of one tensor."""

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    text = name.encode()
    return b"".join(
        [
            b"\x80\x02ccollections\nOrderedDict\n)R(X" + struct.pack("<I", len(text)) + text,
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000",
            b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", count) + b"NtQ",
            b"J" + struct.pack("<i", offset) + integers(shape) + integers(strides),
            b"\x89ccollections\nOrderedDict\n)RtRu.",
        ]
    )


def state_file(state: bytes, values: list[float], claimed: int | None = None) -> bytes:
    count = len(values) if claimed is None else claimed
    parts = [pickle.dumps(MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2), state]
    parts += [pickle.dumps(["0"], 2), struct.pack("<q", count), np.array(values, "<f4").tobytes()]
    return b"".join(parts)
