"""One reader of the log: each state of a resource once, those of one resource in their order, none missed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import timedelta

from services.common.base.instants import LOOK_BACK, SECOND_NS, to_ns
from services.common.events.log import Cursor, EventLog
from services.common.events.model import Changed, Event, EventKind

LOOK_BACK_NS = to_ns(LOOK_BACK)
# The clock of the machine that made a cursor may be ahead by so much.
CLOCKS_DIFFER_NS = 3 * SECOND_NS
# Every reader reads more often than that.
SET_BACK_NS = to_ns(timedelta(minutes=5))
PAGE = 200


class Reading:
    """Reads from a cursor to the end of the log, as often as it is asked to.

    The cursor stays LOOK_BACK behind the present, so that what shows late is found. `ahead` has, for each resource that
    was read beyond the cursor, the time of the last state that was read: so nothing is read twice.

    Where the machine's clock is set back, the reader follows it: states that were read before may come once more.
    """

    def __init__(
        self,
        log: EventLog,
        cursor: Cursor,
        now_ns: Callable[[], int],
        *,
        owner: str | None = None,
        kinds: Iterable[EventKind],
        ahead: Mapping[str, int] | None = None,
        page: int = PAGE,
    ) -> None:
        self.cursor = cursor
        self.ahead = dict(ahead or {})
        self._log = log
        self._now_ns = now_ns
        self._owner = owner
        self._kinds = frozenset(kinds)
        self._page = page

    def take(self, changed: Changed) -> list[Event]:
        """The states of a resource that this reader does not have yet; it has them from now on."""
        self._follow_clock()
        resource_id = changed.resource.id
        events = changed.events_after(self.ahead.get(resource_id, self.cursor.since_ns))
        if events:
            self.ahead[resource_id] = events[-1].time_ns
        return events

    def has(self, event: Event) -> bool:
        """Whether this reader has an event already."""
        self._follow_clock()
        return event.time_ns <= max(self.cursor.since_ns, self.ahead.get(event.resource.id, self.cursor.since_ns))

    async def to_end(self) -> AsyncIterator[tuple[Changed, list[Event]]]:
        """Every resource with states that this reader does not have, up to the end of the log."""
        self._follow_clock()
        place = self.cursor
        while True:
            began_ns = self._now_ns() - LOOK_BACK_NS
            found = await self._log.page(place, owner=self._owner, kinds=self._kinds, limit=self._page)
            # From before the clock was set back.
            page = [changed for changed in found if changed.place[0] <= began_ns + 2 * LOOK_BACK_NS]
            for changed in page:
                if events := self.take(changed):
                    yield changed, events
                at_ns, at_id = changed.place
                place = Cursor(place.since_ns, at_ns, at_id)
                if at_ns <= began_ns:
                    self.cursor = place
            if len(page) < self._page:
                self._advance(began_ns)
                return

    def _follow_clock(self) -> None:
        now_ns = self._now_ns()
        if max(self.cursor.since_ns, self.cursor.at_ns) > now_ns + CLOCKS_DIFFER_NS:
            self.cursor = Cursor.at(now_ns - SET_BACK_NS)

    def _advance(self, to_ns: int) -> None:
        """All up to an instant is read, and nothing from before it will show any more."""
        if to_ns > self.cursor.at_ns:
            self.cursor = Cursor.at(to_ns)
            self.ahead = {key: time_ns for key, time_ns in self.ahead.items() if time_ns > to_ns}
