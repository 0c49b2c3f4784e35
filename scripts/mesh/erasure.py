"""Counts what the stores of a mesh have of an owner: to prove an erasure, or to see what one would remove.

It reads the catalog, the objects, the queue and the logs themselves, and shares no code with what erases. On RabbitMQ
each message that waits is given back, which costs it an attempt.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from scripts.mesh.data_folder import NoCatalog, data_option, require_catalog, settings_of
from scripts.remains.search import Inventory, Remains, search
from services.common.base.errors import DropmeshError
from services.common.settings import Settings, SettingsError


def main() -> int:
    """The command line."""
    folder = data_option()
    parser = argparse.ArgumentParser(prog="scripts/erasure", description=__doc__, parents=[folder])
    commands = parser.add_subparsers(dest="command", required=True)
    inventory = commands.add_parser(
        "inventory", parents=[folder], help="write the ids and object keys of an owner to a file, before its erasure"
    )
    inventory.add_argument("owner")
    inventory.add_argument("file", type=Path)
    verify = commands.add_parser("verify", parents=[folder], help="count what is left of an owner; fails unless 0")
    verify.add_argument("owner")
    verify.add_argument(
        "--inventory", type=Path, metavar="FILE", help="look for what this file names too, not for the owner alone"
    )
    arguments = parser.parse_args()
    try:
        settings = settings_of(arguments)
        require_catalog(settings)
        return asyncio.run(_run(arguments, settings))
    except (SettingsError, DropmeshError, NoCatalog, OSError) as error:
        print(f"scripts/erasure: {error}", file=sys.stderr)
        return 1


async def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    if arguments.command == "inventory":
        remains, found = await search(settings, arguments.owner)
        found.write(arguments.file)
        _print(remains)
        return 0
    before = None if arguments.inventory is None else Inventory.read(arguments.inventory)
    remains, _ = await search(settings, arguments.owner, before)
    _print(remains)
    return 1 if remains.total else 0


def _print(remains: Remains) -> None:
    for place, counts in (
        ("documents", remains.documents),
        ("messages", remains.messages),
        ("log lines", remains.log_lines),
    ):
        for name, count in sorted(counts.items()):
            if count:
                print(f"{count} {place} in {name}")
    if remains.archived_days:
        print(f"{remains.archived_days} lists of archived days")
    print(f"{remains.objects} objects of {remains.object_bytes} bytes")
    print(f"{remains.total} in all")
    if remains.unmentioned_objects:
        print(f"beside that, {remains.unmentioned_objects} objects that no document mentions, of any owner")


if __name__ == "__main__":
    sys.exit(main())
