"""One call as a servicer sees it: who makes it, its headers, and how to answer beyond the message."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

from services.common.rpc.identity import ANYONE, Caller

REQUEST_ID = "x-request-id"
# Set by the edge where the call came over REST.
REST_PATH = "x-envoy-original-path"
# The edge removes this header of an answer and answers with the status that it holds: gRPC has no 201, 206 or 304.
HTTP_STATUS = "x-http-code"


@dataclass(slots=True)
class Places:
    """How many calls of one kind may be under way at once, and how many are.

    One holder, a caller or for calls without a token an address, has at most the share of them.
    """

    setting: str
    limit: int
    retry_after: timedelta
    share: int
    taken: int = 0
    held: dict[str, int] = field(default_factory=dict)

    def take(self, holder: str) -> bool:
        """Takes a place; False where none is free, or none for this holder."""
        held = self.held.get(holder, 0)
        if self.taken >= self.limit or held >= self.share:
            return False
        self.add(holder)
        return True

    def add(self, holder: str) -> None:
        """Takes a place, free or not."""
        self.taken += 1
        self.held[holder] = self.held.get(holder, 0) + 1

    def give_back(self, holder: str) -> None:
        """Gives up a place."""
        self.taken -= 1
        held = self.held[holder] - 1
        if held:
            self.held[holder] = held
        else:
            del self.held[holder]

    @contextmanager
    def lend(self, waits: Places, holder: str) -> Iterator[bool]:
        """Gives up a place here for one among those that wait; False, and nothing changes, where none is free."""
        if not waits.take(holder):
            yield False
            return
        self.give_back(holder)
        try:
            yield True
        finally:
            waits.give_back(holder)
            self.add(holder)


@dataclass(slots=True)
class Call:
    """Handed to every servicer method beside its request.

    The server that received the call makes it; the guard sets the fields from `caller` to `waits`. Headers are those of
    the REST request, or the metadata of the gRPC call.
    """

    headers: Iterable[tuple[str, str | bytes]]
    is_cancelled: Callable[[], bool]
    caller: Caller = ANYONE
    request_id: str = ""
    # The places that it holds one of, as whom, and those that it may wait in.
    places: Places | None = None
    holder: str = ""
    waits: Places | None = None
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

    def waiting(self) -> AbstractContextManager[bool]:
        """While it lasts the call takes a place among those that wait; False where none is free: do not wait."""
        if self.places is None or self.waits is None:
            return nullcontext(enter_result=True)
        return self.places.lend(self.waits, self.holder)
