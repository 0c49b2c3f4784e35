"""Counts the statistics of media anew from the catalog: compares them with the kept ones, or replaces those."""

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
        ("check", "say where the kept statistics are not what counting gives"),
        ("recompute", "put what counting gives in place of the kept statistics"),
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
            print(f"{await recounting.recompute(now_ns=now_ns)} statistics were counted anew")
            return 0
        found = await recounting.check(now_ns=now_ns)
        for difference in found:
            print(f"{difference.scope}: {difference.what} is {difference.kept}, counted {difference.counted}")
        print("the kept statistics agree" if not found else f"{len(found)} differences")
        return 1 if found else 0
    finally:
        await catalog.close()


if __name__ == "__main__":
    sys.exit(main())
