"""The command `dropmesh`: hands its arguments to the command that the first one names."""

from __future__ import annotations

import argparse
import sys

from dropmesh.classify_dir import command as classify_dir


def main() -> int:
    """Runs a command and returns its exit code."""
    parser = argparse.ArgumentParser(prog="dropmesh", description="Dropmesh on the command line.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    classify_dir.add_to(commands)
    arguments = parser.parse_args()
    code: int = arguments.run(arguments)
    return code


if __name__ == "__main__":
    sys.exit(main())
