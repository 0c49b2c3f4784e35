"""A client with a token of its own that drops during an attack, and checks afterwards that nothing is lost."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field

DROP = b'{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 30.0


@dataclass(slots=True)
class Victim:
    """Each drop takes a connection of its own."""

    port: int
    token: str
    seconds: list[float] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    async def drop_until(self, end: float) -> None:
        """Drops a few times a second until a moment of the monotonic clock."""
        while time.monotonic() < end:
            started = time.monotonic()
            try:
                status, body = await asyncio.wait_for(self._request("POST", "/v1/measurements", DROP), PATIENCE_SECONDS)
            except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(type(error).__name__)
            else:
                if status == 202:
                    self.receipts.append(json.loads(body)["receipt"]["name"])
                else:
                    self.failures.append(str(status))
            self.seconds.append(time.monotonic() - started)
            await asyncio.sleep(PAUSE_SECONDS)

    async def lost(self) -> int:
        """How many acknowledged drops are not there."""
        statuses = [(await self._request("GET", f"/v1/{name}"))[0] for name in self.receipts]
        return sum(status != 200 for status in statuses)

    async def _request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(
                f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1:{self.port}\r\nauthorization: Bearer {self.token}\r\n"
                f"content-length: {len(body)}\r\n\r\n".encode()
                + body
            )
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(b" ", 2)[1])
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return status, await reader.readexactly(int(length or 0))
        finally:
            writer.close()
