"""Asks the Envoy of this container to end its connections, and waits: what a pod does before it stops.

Envoy itself would end at once, and each request under way with it.
"""

from __future__ import annotations

import argparse
import http.client
import socket
import sys
import time
from pathlib import Path

from services.common.settings.reading import load_settings

ADMIN_SOCKET = "admin.sock"
PATIENCE_SECONDS = 5.0


def main() -> int:
    """New connections are still taken while the old ones end; the caller stops Envoy afterwards."""
    parser = argparse.ArgumentParser(prog="python -m scripts.mesh.drain_edge", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="time that connections have to end")
    seconds = parser.parse_args().seconds
    try:
        status = _ask_to_drain(load_settings().data / "edge" / ADMIN_SOCKET)
    except (OSError, http.client.HTTPException) as error:
        print(f"the edge does not answer: {error}", file=sys.stderr)
        return 1
    time.sleep(seconds)
    return 0 if status == http.HTTPStatus.OK else 1


def _ask_to_drain(path: Path) -> int:
    connection = http.client.HTTPConnection("edge", timeout=PATIENCE_SECONDS)
    with socket.socket(socket.AF_UNIX) as opened:
        opened.settimeout(PATIENCE_SECONDS)
        opened.connect(str(path))
        connection.sock = opened
        connection.request("POST", "/drain_listeners?graceful&skip_exit")
        return connection.getresponse().status


if __name__ == "__main__":
    sys.exit(main())
