"""Runs `deface` on picture after picture, loaded once: the measuring command starts this with deface's own Python.

Reads `SOURCE<tab>TARGET` lines; answers each with the wall and processor seconds that it took.
"""

from __future__ import annotations

import contextlib
import sys
import time

from deface.centerface import CenterFace  # type: ignore[import-not-found]
from deface.deface import image_detect  # type: ignore[import-not-found]


def main() -> None:
    """Serve until the input ends; the one argument is deface's backend."""
    with contextlib.redirect_stdout(sys.stderr):
        centerface = CenterFace(backend=sys.argv[1])
    for line in sys.stdin:
        source, target = line.rstrip("\n").split("\t")
        wall, processor = time.perf_counter(), time.process_time()
        image_detect(source, target, centerface, 0.2, "blur", 1.3, True, False, False, False)
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main()
