"""One command for each job of the batch layer. Each may be stopped, and run twice: it does what is left to do."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import date

from batch.archive.job import archive
from batch.engines import ENGINES, EngineMissing
from batch.recompute import recompute
from batch.recount import recount
from batch.refit import refit
from batch.reprocess import reprocess
from batch.sweep import sweep
from batch.verify_objects import verify_objects
from scripts.mesh.data_folder import NoCatalog, data_option, require_catalog, settings_of
from services.common.base.errors import DropmeshError
from services.common.settings import Settings, SettingsError
from services.common.stores.open import Stores, open_stores
from services.processor.models.errors import ModelError
from services.processor.statistics.recounting import NotQuiet

Job = Callable[[Stores, Settings, argparse.Namespace], Awaitable[int]]


def main() -> int:
    """Exits with 0 when the job came to its end and found nothing wrong."""
    arguments = command_parser().parse_args()
    job: Job = arguments.job
    try:
        return asyncio.run(_run(job, settings_of(arguments), arguments))
    except (SettingsError, NoCatalog, DropmeshError, ModelError, NotQuiet, EngineMissing) as error:
        print(f"scripts/batch {arguments.command}: {error}", file=sys.stderr)
        return 1


def command_parser() -> argparse.ArgumentParser:
    """Every job and its options."""
    folder = data_option()
    parser = argparse.ArgumentParser(prog="scripts/batch", description=__doc__, parents=[folder])
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, job: Job, text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, parents=[folder], help=text, description=text)
        made.set_defaults(job=job)
        return made

    command("recount", recount, "count the statistics anew from every media, and replace those that differ")
    again = command("reprocess", reprocess, "process the media of older models again, through the queue")
    again.add_argument(
        "--model", metavar="NAME", help="media whose result is not by this model, as it is registered now"
    )
    again.add_argument("--depth", type=int, default=200, help="messages that wait in the queue at most (default 200)")
    command("refit", refit, "make stored forecasts anew whose series has changed since")
    command("sweep", sweep, "finish what crashed processes left unfinished")
    objects = command("verify-objects", verify_objects, "read every stored object, and list what is missing or damaged")
    objects.add_argument("--from-start", action="store_true", help="not where the last run was stopped")
    days = command("archive", archive, "write days as Parquet into the objects")
    days.add_argument("--days", type=int, default=8, help="so many days before today (default 8)")
    days.add_argument("--since", type=date.fromisoformat, metavar="DAY", help="every day from this one on, with today")
    anew = command("recompute", recompute, "compute statistics from the archive, and compare them with the stored ones")
    anew.add_argument("--engine", choices=ENGINES, default="duckdb")
    return parser


async def _run(job: Job, settings: Settings, arguments: argparse.Namespace) -> int:
    require_catalog(settings)
    stores = await open_stores(settings)
    try:
        return await job(stores, settings, arguments)
    finally:
        await stores.close()


if __name__ == "__main__":
    sys.exit(main())
