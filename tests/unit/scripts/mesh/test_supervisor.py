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


async def test_a_program_that_fails_again_and_again_is_started_again_soon(tmp_path):
    said: list[str] = []
    failing = Program("failing", ("false",), {}, tmp_path / "log")
    supervisor = Supervisor([failing], said.append)
    await supervisor.start()
    async with asyncio.timeout(30):
        while len(said) < 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await supervisor.stop()
    assert ["0.5 s" in said[0], "1 s" in said[1], *("1.5 s" in line for line in said[2:])] == [True] * len(said)
