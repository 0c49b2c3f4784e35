from __future__ import annotations

import asyncio
import signal

from scripts.mesh.forking import fork_command
from scripts.mesh.supervisor import Program, Supervisor
from tests.e2e.mesh import eventually, words


def program(tmp_path, *command: str) -> Program:
    return Program("one", command, {}, tmp_path / "log", tmp_path)


async def test_a_fork_writes_to_its_log_and_gives_its_exit_status(tmp_path):
    forked = fork_command(program(tmp_path, "/bin/sh", "-c", "pwd; echo wrong >&2; exit 3"))
    assert await asyncio.gather(forked.wait(), forked.wait()) == [3, 3]
    assert forked.returncode == 3
    assert (tmp_path / "log").read_text() == f"{tmp_path}\nwrong\n"


async def test_a_fork_that_is_ended_says_by_which_signal(tmp_path):
    forked = fork_command(program(tmp_path, "/bin/sleep", "60"))
    # Until then it has this process's own handlers of signals.
    await asyncio.to_thread(eventually, lambda: "sleep" in words(forked.pid))
    forked.terminate()
    assert await forked.wait() == -signal.SIGTERM
    # It is gone, and its number may be another's.
    forked.kill()


async def test_a_program_that_has_begun_is_kept_and_started_again_when_it_ends(tmp_path):
    said: list[str] = []
    again = asyncio.Event()

    def say(line: str) -> None:
        said.append(line)
        again.set()

    sleeper = program(tmp_path, "/bin/sleep", "60")
    forked = fork_command(sleeper)
    supervisor = Supervisor([sleeper], say, {"one": forked})
    await supervisor.start()
    await asyncio.sleep(0)
    forked.kill()
    await asyncio.wait_for(again.wait(), 30)
    await asyncio.wait_for(supervisor.stop(), 30)
    assert said[0].startswith("one ended (signal 9)")
