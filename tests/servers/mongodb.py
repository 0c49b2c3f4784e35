"""A private server of MongoDB's wire protocol."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.process import accepts, free_port, private_folder, running
from tests.servers.tools import Missing, find_tool


@contextmanager
def mongodb() -> Iterator[str]:
    """Runs the server and yields its `mongodb://` address, without a database name."""
    home = find_tool("mongodb").parent.parent
    if shutil.which("java") is None:
        raise Missing("mongodb", "no java on the PATH")
    port = free_port()
    # A test server: starts fast and takes one small heap rather than a quarter of the machine.
    # Many threads: it runs each command on the thread of its connection, which other connections share. With Netty's
    # four, one test's scan of a large collection kept every other test waiting for seconds.
    options = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx1g", "-Dio.netty.eventLoopThreads=128"]
    command = ["java", *options, "-cp", f"{home}/lib/*:{home}/classes", "Start", str(port)]
    with private_folder("mongodb") as folder, running(command, lambda: accepts(port), folder / "log"):
        yield f"mongodb://127.0.0.1:{port}"
