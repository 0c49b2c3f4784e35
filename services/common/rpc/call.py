"""One call as a servicer sees it: who makes it, its REST headers, and how to answer beyond the message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from services.common.rpc.identity import Caller

# The edge takes this header away and answers with the status it holds: gRPC has no 201, 206 or 304 of its own.
HTTP_STATUS = "x-http-code"


@dataclass(slots=True)
class Call:
    """Handed to every servicer method beside its request."""

    caller: Caller
    request_id: str
    context: grpc.aio.ServicerContext[Any, Any]

    def header(self, name: str) -> str | None:
        """A header of the REST request, or metadata of the gRPC call."""
        for key, value in self.context.invocation_metadata() or ():
            if key == name:
                return value if isinstance(value, str) else value.decode()
        return None

    async def answer_with(self, http_status: int, headers: Mapping[str, str] | None = None) -> None:
        """Sets the REST status and headers of the answer; called once, before anything is sent."""
        await self.context.send_initial_metadata(((HTTP_STATUS, str(http_status)), *(headers or {}).items()))
