"""Prints what becomes of a video of each container, codec, depth and sound: processed, or refused at upload."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scripts.measuring.evaluation.containers.combinations import COMBINATIONS
from scripts.measuring.evaluation.containers.outcomes import outcome_of


def main() -> int:
    """Reads the command line, tries each combination, prints; 1 where a result is wrong."""
    parser = argparse.ArgumentParser(prog="scripts/evaluate containers", description=__doc__)
    parser.add_argument("--only", default="", help="try the combinations alone whose title holds this text")
    chosen = [one for one in COMBINATIONS if parser.parse_args().only in one.title]
    wrong = 0
    for number, combination in enumerate(chosen, 1):
        with tempfile.TemporaryDirectory() as name:
            outcome = outcome_of(combination, Path(name))
        wrong += bool(outcome.faults) or outcome.state == "FAILED"
        said = " ".join(filter(None, [outcome.note, *(f"WRONG: {fault}" for fault in outcome.faults)]))
        print(f"{number:3}  {combination.title:64} {outcome.state:10} {said}")
    print(f"{len(chosen)} combinations, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
