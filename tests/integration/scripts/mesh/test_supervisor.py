from __future__ import annotations

import asyncio
import sys

from scripts.mesh.supervisor import Program, Supervisor


async def test_a_program_that_exits_at_once_is_started_again_after_longer_pauses(tmp_path):
    said: list[str] = []
    program = Program("wrong", (sys.executable, "-c", "raise SystemExit(3)"), {}, tmp_path / "log")
    supervisor = Supervisor([program], said.append)
    await supervisor.start()
    async with asyncio.timeout(60):
        while len(said) < 4:
            await asyncio.sleep(0.05)
    await supervisor.stop()
    pauses = [line.partition("restarting in ")[2].partition(" ")[0] for line in said[:4]]
    assert pauses == ["0.5", "1", "1.5", "1.5"]
    assert said[0].startswith("wrong ended (exit status 3)")
