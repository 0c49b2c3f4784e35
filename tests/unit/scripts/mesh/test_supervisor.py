from __future__ import annotations

import asyncio

from scripts.mesh.supervisor import Program, Supervisor


async def test_a_program_that_is_just_starting_is_ended_too(tmp_path):
    said: list[str] = []
    sleeper = Program("sleeper", ("sleep", "600"), {}, tmp_path / "log")
    supervisor = Supervisor([sleeper], said.append)
    await supervisor.start()
    # Its keeper is on the way to a process, and has none yet.
    await asyncio.sleep(0)
    await asyncio.wait_for(supervisor.stop(), 60)
    assert said == []
