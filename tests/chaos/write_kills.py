"""kill -9 of a service at a random point in a hundred writes, again and again: what was acknowledged is there.

`python -m tests.chaos.write_kills --kills 20` does it at length; the suite does it briefly.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.chaos.writes import PATIENCE_SECONDS, Ledger, recovers, write_many
from tests.e2e.mesh import Mesh, running_mesh

WRITES = 100
CALLERS = 4
# Every write passes ingest; the others must be missed by nobody either.
TARGETS = ("ingest", "ingest", "ingest", "processor", "query")


@dataclass
class Outcome:
    """What became of all writes."""

    acknowledged: int = 0
    killed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


def kill_while_writing(mesh: Mesh, kills: int, seed: int, writes: int = WRITES) -> Outcome:
    """Makes so many writes for each kill; all that was ever acknowledged is looked for at the end."""
    choose = random.Random(seed)
    outcome, ledger = Outcome(), Ledger()
    for turn in range(kills):
        target, moment = choose.choice(TARGETS), turn * writes + choose.randrange(5, writes - 5)

        def kill(number: int, target: str = target, moment: int = moment) -> None:
            if number == moment and (process := mesh.service(target)):
                os.kill(process, signal.SIGKILL)
                outcome.killed[target] += 1

        recovers(mesh)
        write_many(mesh, range(turn * writes, (turn + 1) * writes), ledger, CALLERS, kill)
    recovers(mesh)
    with httpx.Client(base_url=mesh.url, timeout=PATIENCE_SECONDS) as http:
        outcome.missing = ledger.missing(http)
    outcome.acknowledged, outcome.refused = len(ledger.kept), ledger.refused
    return outcome


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.write_kills", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as data, running_mesh(Path(data)) as mesh:
        print(kill_while_writing(mesh, arguments.kills, arguments.seed))


if __name__ == "__main__":
    main()
