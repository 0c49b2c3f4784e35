"""The command behind scripts/servers."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys

from tests.servers.install import install
from tests.servers.process import leashed
from tests.servers.tools import TOOLS


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
    # Here, because it needs the virtual environment, and installing does not.
    from tests.servers.private import private_servers

    # A polite kill unwinds the block below.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with private_servers() as (addresses, missing):
        for line in (*missing, *(f"{variable}={address}" for variable, address in addresses.items())):
            print(line, file=sys.stderr)
        # Ctrl-C is the command's own affair: it ends, and then so does this.
        signal.signal(signal.SIGINT, lambda *_: None)
        with subprocess.Popen(leashed(command), env={**os.environ, **addresses}) as process:
            try:
                return process.wait()
            finally:
                process.terminate()


if __name__ == "__main__":
    sys.exit(main())
