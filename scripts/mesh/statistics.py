"""Recounts the statistics of media from the catalog, and compares the stored ones with them or replaces them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time

from scripts.mesh.data_folder import NoCatalog, data_option, open_catalog_of_mesh, settings_of
from services.common.base.errors import DropmeshError
from services.common.settings import Settings, SettingsError
from services.common.statistics.store import StatisticsStore
from services.common.stores.collections import COLLECTIONS
from services.processor.statistics.recounting import NotQuiet, Recounting


def main() -> int:
    """The command line."""
    folder = data_option()
    parser = argparse.ArgumentParser(prog="scripts/statistics", description=__doc__, parents=[folder])
    commands = parser.add_subparsers(dest="command", required=True)
    for command, help_ in (
        ("check", "list the differences between the stored statistics and the recount"),
        ("recompute", "replace the stored statistics by the recount"),
    ):
        commands.add_parser(command, parents=[folder], help=help_)
    arguments = parser.parse_args()
    try:
        return asyncio.run(_run(arguments.command, settings_of(arguments)))
    except (SettingsError, DropmeshError, NoCatalog, NotQuiet) as error:
        print(f"scripts/statistics: {error}", file=sys.stderr)
        return 1


async def _run(command: str, settings: Settings) -> int:
    catalog = await open_catalog_of_mesh(settings, COLLECTIONS)
    recounting = Recounting(catalog, StatisticsStore(catalog))
    now_ns = time.time_ns()
    try:
        if command == "recompute":
            print(f"{await recounting.recompute(now_ns=now_ns)} statistics were recounted")
            return 0
        found = await recounting.check(now_ns=now_ns)
        for difference in found:
            print(f"{difference.scope}: {difference.what}: stored {difference.kept}, counted {difference.counted}")
        print("the stored statistics agree" if not found else f"{len(found)} differences")
        return 1 if found else 0
    finally:
        await catalog.close()


if __name__ == "__main__":
    sys.exit(main())
