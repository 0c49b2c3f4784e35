"""Runs `child` beside the test."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


async def start(url: str, what: str, name: str) -> Process:
    """Another process at work on the catalog of this address, from when it has it open."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto/python'}"}
    command = ("-m", "tests.contract.catalog.child", url, what, name)
    process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, env=environment, stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"open\n"
    return process


async def lines(process: Process) -> list[list[str]]:
    """The words of each whole line that a process printed until it ended."""
    assert process.stdout is not None
    printed = await process.stdout.read()
    await process.wait()
    return [line.decode().split() for line in printed.split(b"\n")[:-1]]


async def run(url: str, what: str, *names: str) -> list[list[list[str]]]:
    """Several processes at once, to their end: what each printed."""
    processes = await asyncio.gather(*(start(url, what, name) for name in names))
    printed = await asyncio.gather(*(lines(process) for process in processes))
    assert [process.returncode for process in processes] == [0] * len(names)
    return list(printed)
