"""kill -9 of ingest at random points of stores and appends of series, on embedded and on real stores.

Every acknowledged point has to be there once, and no reader may see a part of a body.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.series_kills import CALLERS, kill_while_storing
from tests.e2e.mesh import running_mesh
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq_node
from tests.servers.s3 import s3
from tests.servers.store_settings import store_settings

STORES = ("embedded", "servers")


def main() -> int:
    """Prints the verdict; fails where a point is missing or twice."""
    parser = argparse.ArgumentParser(prog="scripts/load series-kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help=f"each amid {CALLERS} writes (%(default)s)")
    parser.add_argument("--stores", choices=STORES, nargs="+", default=STORES, help="both if not given")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    faults = 0
    for stores in arguments.stores:
        began = time.monotonic()
        with (
            _settings(stores) as settings,
            tempfile.TemporaryDirectory(prefix="dropmesh-") as data,
            running_mesh(Path(data), settings) as mesh,
        ):
            outcome = kill_while_storing(mesh, CALLERS * arguments.kills, arguments.seed)
        print(
            f"{stores}: {outcome.kills} kills of ingest amid {outcome.acknowledged} stores and appends, of which"
            f" {outcome.resent} requests were sent again; {outcome.checked_points:,} points read back;"
            f" {len(outcome.faults)} faults; {time.monotonic() - began:.0f} s",
            *outcome.faults[:20],
            sep="\n  ",
            flush=True,
        )
        faults += len(outcome.faults)
    return int(faults > 0)


@contextmanager
def _settings(stores: str) -> Iterator[dict[str, str]]:
    if stores == "embedded":
        yield {}
        return
    with mongodb() as catalog, s3() as bucket, rabbitmq_node() as broker:
        yield store_settings(catalog, broker.url, bucket)


if __name__ == "__main__":
    sys.exit(main())
