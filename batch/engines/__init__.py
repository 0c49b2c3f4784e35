"""Engines that answer SQL over Parquet files: the same text on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

ENGINES = ("duckdb", "spark")
Rows = list[tuple[object, ...]]


class EngineMissing(Exception):
    """The engine's package is not installed; the message says which."""


def answers(engine: str, files: Mapping[str, Sequence[Path]], queries: Sequence[str]) -> list[Rows]:
    """Each query's rows; `files` are those of each table, one at least."""
    try:
        if engine == "spark":
            from batch.engines.spark import run
        else:
            from batch.engines.duck import run
    except ImportError as error:
        raise EngineMissing(f"{error.name} is not installed: pip install {error.name}") from None
    return run(files, queries)
