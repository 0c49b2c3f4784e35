"""One call as a servicer sees it: who makes it, its headers, and how to answer beyond the message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from services.common.rpc.identity import ANYONE, Caller

REQUEST_ID = "x-request-id"


@dataclass(slots=True)
class Call:
    """Handed to every servicer method beside its request.

    The server that received the call makes it; the guard sets `caller` and `request_id`. Headers are those of the REST
    request, or the metadata of the gRPC call.
    """

    headers: Iterable[tuple[str, str | bytes]]
    is_cancelled: Callable[[], bool]
    caller: Caller = ANYONE
    request_id: str = ""
    http_status: int | None = None
    answer_headers: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str | None:
        """A header of the request, by its name in lower case."""
        for key, value in self.headers:
            if key == name:
                return value if isinstance(value, str) else value.decode()
        return None

    def answer_with(self, http_status: int, headers: Mapping[str, str] | None = None) -> None:
        """Sets the REST status and headers of the answer; has no effect once a stream has sent a message."""
        self.http_status = http_status
        self.answer_headers.update(headers or {})
