"""The command behind scripts/servers."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

from tests.servers.install import install
from tests.servers.process import leashed
from tests.servers.tools import TOOLS, Missing

if TYPE_CHECKING:  # they need the virtual environment, which installing does not
    from tests.servers.s3 import S3
    from tests.servers.toxiproxy import Toxiproxy


def main() -> int:
    """Runs the chosen command and returns its exit status."""
    parser = argparse.ArgumentParser(prog="scripts/servers", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    get = commands.add_parser("install", help="get servers and judges once, into a cache outside the checkout")
    get.add_argument("--require-all", action="store_true", help="fail when one cannot be had here")
    commands.add_parser("list", help="say which are at hand")
    run = commands.add_parser(
        "run", help="run COMMAND while private servers are up, their addresses in DROPMESH_TEST_*"
    )
    run.add_argument("words", nargs="+", metavar="COMMAND", help="after --")
    arguments = parser.parse_args()
    if arguments.command == "install":
        return 0 if install(require_all=arguments.require_all) else 1
    if arguments.command == "list":
        for tool in TOOLS:
            print(f"{tool.name:20} {tool.path or 'missing'}")
        return 0
    return _run(arguments.words)


def _run(command: list[str]) -> int:
    from tests.servers.mongodb import mongodb
    from tests.servers.rabbitmq import rabbitmq
    from tests.servers.s3 import s3
    from tests.servers.toxiproxy import toxiproxy

    # A polite kill unwinds the stack below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    environment = dict(os.environ)
    servers: dict[str, Callable[[], AbstractContextManager[str | S3 | Toxiproxy]]] = {
        "mongodb": mongodb,
        "rabbitmq": rabbitmq,
        "s3": s3,
        "toxiproxy": toxiproxy,
    }
    with ExitStack() as stack:
        for name, server in servers.items():
            try:
                running = stack.enter_context(server())
            except Missing as missing:
                print(missing, file=sys.stderr)
                continue
            variable, address = f"DROPMESH_TEST_{name.upper()}", running if isinstance(running, str) else running.url
            environment[variable] = address
            print(f"{variable}={address}", file=sys.stderr)
        # Ctrl-C is the command's own affair: it ends, and then so does this.
        signal.signal(signal.SIGINT, lambda *_: None)
        with subprocess.Popen(leashed(command), env=environment) as process:
            try:
                return process.wait()
            finally:
                process.terminate()


if __name__ == "__main__":
    sys.exit(main())
