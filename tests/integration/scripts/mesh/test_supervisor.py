from __future__ import annotations

import asyncio
import sys

from scripts.mesh.supervisor import Program, Supervisor


async def test_a_program_that_exits_at_once_is_started_again_after_longer_pauses(tmp_path):
    said: list[str] = []
    enough = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        if len(said) == 4:
            enough.set()

    program = Program("wrong", (sys.executable, "-c", "raise SystemExit(3)"), {}, tmp_path / "log")
    supervisor = Supervisor([program], say)
    await supervisor.start()
    await asyncio.wait_for(enough.wait(), 60)
    await supervisor.stop()
    pauses = [line.partition("restarting in ")[2].partition(" ")[0] for line in said[:4]]
    assert pauses == ["0.5", "1", "1.5", "1.5"]
    assert said[0].startswith("wrong ended (exit status 3)")
