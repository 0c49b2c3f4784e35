"""Faults on the way to a server: a proxy that cuts, delays and resets connections."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import Request, urlopen

from tests.servers.process import accepts, free_port, private_folder, running
from tests.servers.tools import find_tool


class Link:
    """A way to a server that can be broken and healed; `url` is the server's address by this way."""

    def __init__(self, api: str, name: str, url: str) -> None:
        self._proxy = f"{api}/proxies/{name}"
        self.url = url

    def cut(self) -> None:
        """Closes every connection and refuses new ones."""
        _call("POST", self._proxy, {"enabled": False})

    def delay(self, seconds: float) -> None:
        """Holds back every byte, both ways, for this long."""
        for stream in ("upstream", "downstream"):
            self._add("latency", stream, {"latency": int(seconds * 1000)})

    def reset(self) -> None:
        """Ends every connection, old or new, with a TCP reset as soon as bytes pass."""
        for stream in ("upstream", "downstream"):
            self._add("reset_peer", stream, {"timeout": 0})

    def swallow(self) -> None:
        """Lets no byte through, either way, and closes nothing: a black hole."""
        for stream in ("upstream", "downstream"):
            self._add("timeout", stream, {"timeout": 0})

    def heal(self) -> None:
        """Takes every fault away."""
        for toxic in _call("GET", f"{self._proxy}/toxics"):
            _call("DELETE", f"{self._proxy}/toxics/{toxic['name']}")
        _call("POST", self._proxy, {"enabled": True})

    def _add(self, kind: str, stream: str, attributes: dict[str, int]) -> None:
        _call("POST", f"{self._proxy}/toxics", {"type": kind, "stream": stream, "attributes": attributes})


class Toxiproxy:
    """A running toxiproxy, by the `url` of its API."""

    def __init__(self, api: str) -> None:
        self.url = api

    @contextmanager
    def before(self, url: str) -> Iterator[Link]:
        """Opens a healthy link to the server of this address (any URL with a port) for the length of the block."""
        parts = urlsplit(url)
        name = uuid.uuid4().hex
        upstream = f"{parts.hostname}:{parts.port}"
        proxy = _call("POST", f"{self.url}/proxies", {"name": name, "listen": "127.0.0.1:0", "upstream": upstream})
        credentials = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        try:
            yield Link(self.url, name, urlunsplit(parts._replace(netloc=f"{credentials}{proxy['listen']}")))
        finally:
            _call("DELETE", f"{self.url}/proxies/{name}")


@contextmanager
def toxiproxy() -> Iterator[Toxiproxy]:
    """Runs toxiproxy and yields it."""
    port = free_port()
    command: list[str | Path] = [find_tool("toxiproxy"), "-host", "127.0.0.1", "-port", str(port)]
    with private_folder("toxiproxy") as folder, running(command, lambda: accepts(port), folder / "log"):
        yield Toxiproxy(f"http://127.0.0.1:{port}")


def _call(method: str, url: str, body: dict[str, Any] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(url, data, {"Content-Type": "application/json"}, method=method), timeout=10) as answer:
        content = answer.read()
    return json.loads(content) if content else None
