"""Attacks a mesh in mode `tokens` from outside: what it costs in memory, and what it does to another caller's drops.

Each attack runs without a token (stranger), with a well-formed token that the mesh never made (forger), and with a
token of the mesh (holder). Meanwhile the holder of another token drops. Fails where a stranger or a forger costs more
than 100 MB, a drop takes 1 s longer than without an attack, fails or is lost, or the memory does not come back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

from scripts.lib.checkouts import ROOT
from scripts.measuring.attacking.attacks import ATTACKS
from scripts.measuring.attacking.victim import Victim
from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh

MB = 1_000_000
MOST_COST_BYTES = 100 * MB
MOST_DELAY_SECONDS = 1.0
BACK_WITHIN_SECONDS = 30
# Memory that an allocator keeps is no attack's doing.
BACK_WITHIN_BYTES = 30 * MB
CALLERS = ("stranger", "forger", "holder")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The effects of an attack."""

    cost_bytes: dict[str, int]
    kept_bytes: dict[str, int]
    median_seconds: float
    longest_seconds: float
    drops: int
    failed: list[str]
    lost: int

    def faults(self, caller: str, calm_seconds: float) -> list[str]:
        """The limits that it broke."""
        found = []
        if caller != "holder" and sum(self.cost_bytes.values()) > MOST_COST_BYTES:
            found.append("memory")
        if self.longest_seconds - calm_seconds > MOST_DELAY_SECONDS:
            found.append("delay")
        if self.failed or self.lost:
            found.append("drops")
        if sum(self.kept_bytes.values()) > BACK_WITHIN_BYTES:
            found.append("not back")
        return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/attack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each attack (default: 60)")
    parser.add_argument("--caller", choices=CALLERS, action="append", help="attack only as this one; again for more")
    parser.add_argument("--attack", choices=ATTACKS, action="append", help="only this attack; again for more")
    given = parser.parse_args()
    with loaded_mesh(settings={"DROPMESH_MODE": "tokens", "DROPMESH_PULL_MODELS": "false"}) as mesh:
        return asyncio.run(_attack_all(mesh, given.seconds, given.caller or CALLERS, given.attack or list(ATTACKS)))


async def _attack_all(mesh: LoadedMesh, seconds: float, callers: tuple[str, ...], names: list[str]) -> int:
    victim = _token(mesh, "victim")
    forged = f"dm_{secrets.token_hex(8)}_{secrets.token_urlsafe(32)}"
    tokens = {"stranger": "", "forger": forged, "holder": _token(mesh, "attacker")}
    calm = Victim(mesh.port, victim)
    await calm.drop_until(time.monotonic() + 3)
    calm_seconds = statistics.median(calm.seconds)
    print(f"a drop without an attack: {calm_seconds * 1000:.0f} ms (median of {len(calm.seconds)})\n")
    titles = ("memory by process, MB (kept after 30 s)", "drop ms: median, longest", "drops: all, failed, lost")
    print(f"{'attack':14}{'by':10}{titles[0]:72}{titles[1]:26}{titles[2]}")
    faults = 0
    for caller in callers:
        for name in names:
            outcome = await _attack(mesh, name, tokens[caller], Victim(mesh.port, victim), seconds)
            found = outcome.faults(caller, calm_seconds)
            faults += len(found)
            print(_line(name, caller, outcome, found), flush=True)
    return 1 if faults else 0


async def _attack(mesh: LoadedMesh, name: str, token: str, victim: Victim, seconds: float) -> Outcome:
    before = mesh.memory_bytes()
    most = dict(before)
    command = (sys.executable, "-m", "scripts.measuring.attacking.attacks", name, str(mesh.port), token)
    attacking = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    dropping = asyncio.create_task(victim.drop_until(time.monotonic() + seconds))
    while not dropping.done():
        await asyncio.sleep(0.5)
        for process, held in (await asyncio.to_thread(mesh.memory_bytes)).items():
            most[process] = max(most.get(process, 0), held)
    if attacking.returncode is not None:
        raise RuntimeError(f"the attack ended by itself: {name}")
    attacking.kill()
    await attacking.wait()
    await dropping
    await asyncio.sleep(BACK_WITHIN_SECONDS)
    after = mesh.memory_bytes()
    return Outcome(
        {process: most[process] - held for process, held in before.items()},
        {process: max(0, after[process] - held) for process, held in before.items()},
        statistics.median(victim.seconds),
        max(victim.seconds),
        len(victim.seconds),
        victim.failures,
        await victim.lost(),
    )


def _line(name: str, caller: str, outcome: Outcome, faults: list[str]) -> str:
    memory = ", ".join(
        f"{process} {outcome.cost_bytes[process] / MB:.0f} ({outcome.kept_bytes[process] / MB:.0f})"
        for process in sorted(outcome.cost_bytes)
    )
    times = f"{outcome.median_seconds * 1000:.0f}, {outcome.longest_seconds * 1000:.0f}"
    drops = f"{outcome.drops}, {len(outcome.failed)}, {outcome.lost}"
    verdict = f"too much: {', '.join(faults)} {outcome.failed[:5] or ''}" if faults else "ok"
    return f"{name:14}{caller:10}{memory:72}{times:26}{drops:26}{verdict}"


def _token(mesh: LoadedMesh, subject: str) -> str:
    command = [sys.executable, "-m", "scripts.mesh.token", "create", subject, "--scope", "read", "--scope", "write"]
    environment = {**os.environ, "DROPMESH_DATA": str(mesh.data)}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
