"""Prints the figures behind docs/decisions: what is written by hand, beside what a library or the usual way does.

All ways of one decision run in turns in one process; each figure is the least CPU time of its turns.
"""

from __future__ import annotations

import argparse
import math
import statistics as library
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from functools import partial
from importlib import import_module
from types import SimpleNamespace
from typing import Any, cast

import bson
import numpy as np

from services.common.catalog.documents import from_document, to_document
from services.common.drops.measurements import LineageEntry, Measurement
from services.common.drops.receipt import Receipt, ReceiptState, new_document, new_receipt
from services.common.rpc.identity import Caller
from services.processor.drops.parsing.statistics import compute_statistics

_TURNS = 15
_NS = 1_700_000_000_000_000_000
_NEW = Receipt("r", "o", "s", ReceiptState.NEW, b"x" * 32, 200, _NS, b"r" * 200, None, 7, _NS)
_SETTLED = replace(_NEW, state=ReceiptState.PROCESSED, new_since_ns=None, process_time_ns=_NS, measurement_count=1)
_MEASUREMENT = Measurement("o//1", "o", "", _NS, 3, 1.5, 0.5, 0.7, 1.0, 2.0, "r", 7, _NS, _NS)
_LINEAGE = LineageEntry("r/1", "o/1", "r", 7)


def main() -> int:
    """Prints one decision's figures, or all."""
    parser = argparse.ArgumentParser(prog="scripts/bench decisions", description=__doc__)
    parser.add_argument("name", nargs="?", choices=_DECISIONS, help="one decision; all when left out")
    name = parser.parse_args().name
    for each in _DECISIONS if name is None else (name,):
        print(f"{each}:")
        _DECISIONS[each]()
    return 0


def _document_codec() -> None:
    stored = bson.decode(bson.encode(to_document(_NEW)))

    def own() -> None:
        from_document(Receipt, stored)
        for model in (_SETTLED, _MEASUREMENT, _LINEAGE):
            to_document(model)

    ways = {"own, a drop": own}
    try:
        gen, preset = import_module("cattrs.gen"), import_module("cattrs.preconf.bson")
    except ImportError:
        print("  cattrs is not installed: pip install cattrs")
    else:
        converter = preset.make_converter()
        names = {"id": gen.override(rename="_id"), "version": gen.override(rename="_version")}
        for model, keys in ((Receipt, ("id", "version")), (Measurement, ("id", "version")), (LineageEntry, ("id",))):
            renamed = {key: names[key] for key in keys}
            converter.register_structure_hook(model, gen.make_dict_structure_fn(model, converter, **renamed))
            converter.register_unstructure_hook(model, gen.make_dict_unstructure_fn(model, converter, **renamed))

        def cattrs() -> None:
            converter.structure(stored, Receipt)
            for model in (_SETTLED, _MEASUREMENT, _LINEAGE):
                converter.unstructure(model)

        ways["cattrs, a drop"] = cattrs
    _print_times(ways, 2000)


def _receipts() -> None:
    caller = cast("Caller", SimpleNamespace(owner="o", subject="s"))
    numbered = {"sequence": 7, "_version": 1}

    def by_hand() -> bytes:
        document = new_document("r", caller, b"r" * 200, b"x" * 32, 200, _NS, None)
        new_receipt({**document, **numbered})
        return bson.encode(document)

    def by_codec() -> bytes:
        document = to_document(_NEW)
        from_document(Receipt, {**document, **numbered})
        return bson.encode(document)

    _print_times({"by hand": by_hand, "by the codec": by_codec}, 2000)
    print(f"  a new receipt as BSON: {len(by_hand())} bytes by hand, {len(by_codec())} by the codec")


def _exact_statistics() -> None:
    random = np.random.default_rng(7)
    for count in (3, 16, 200, 1000, 100_000):
        points = random.normal(20.0, 5.0, count).round(3)
        values = points.tolist()
        ways: dict[str, Callable[[], Any]] = {
            "exact (own)": partial(compute_statistics, points),
            "numpy mean, std": partial(_numpy, points),
            "math.fsum, two passes": partial(_fsum, values),
        }
        if count <= 1000:
            ways["statistics.fmean, pstdev"] = partial(_library, values)
        print(f"  {count} points")
        _print_times(ways, max(1, 20_000 // count), turns=5)
    for title, points in (
        ("spread 0.001 around 1e9", 1e9 + random.normal(0, 1e-3, 1000)),
        ("+-1e16 and small", np.array([1e16, 1.0, -1e16, 3.0] * 25)),
        ("near 1e300", random.normal(1e300, 1e298, 100)),
    ):
        print(f"  relative error of mean and population deviation, {title}")
        exact_mean, exact_deviation = _by_fractions(points)
        own = compute_statistics(points)
        with np.errstate(all="ignore"):
            numpy = float(points.mean()), float(points.std())
        for name, mean, deviation in (
            ("exact (own)", own.mean, own.population_stddev),
            ("numpy", *numpy),
            ("math.fsum", *_fsum(points.tolist())),
        ):
            print(f"    {name:12} {_error(mean, exact_mean):.1e} {_error(deviation, exact_deviation):.1e}")


def _numpy(points: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, ...]:
    return float(points.mean()), float(points.std()), float(points.std(ddof=1))


def _library(values: list[float]) -> tuple[float, float]:
    return library.fmean(values), library.pstdev(values)


def _fsum(values: list[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    try:
        return mean, math.sqrt(math.fsum([(value - mean) ** 2 for value in values]) / len(values))
    except OverflowError:
        return mean, math.inf


def _by_fractions(points: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    values = [Fraction(value) for value in points.tolist()]
    mean = sum(values, Fraction()) / len(values)
    variance = sum(((value - mean) ** 2 for value in values), Fraction()) / len(values)
    shift = 1 << 200
    root = Fraction(math.isqrt(int(variance * shift * shift)), shift)
    return float(mean), float(root)


def _error(found: float, exact: float) -> float:
    return abs(found - exact) / abs(exact) if exact else abs(found)


def _print_times(ways: Mapping[str, Callable[[], Any]], repeats: int, turns: int = _TURNS) -> None:
    least = dict.fromkeys(ways, math.inf)
    for _ in range(turns):
        for name, way in ways.items():
            began = time.process_time()
            for _ in range(repeats):
                way()
            least[name] = min(least[name], (time.process_time() - began) / repeats)
    for name, seconds in least.items():
        print(f"  {name:26} {seconds * 1e6:10.2f} us CPU")


_DECISIONS: dict[str, Callable[[], None]] = {
    "document-codec": _document_codec,
    "receipts": _receipts,
    "exact-statistics": _exact_statistics,
}

if __name__ == "__main__":
    sys.exit(main())
