"""Passes the events of the mesh to the streams of this process: read once for all, as soon as they are announced.

Only the kinds of events that a stream wants are read, and none while no stream listens.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import product

from services.common.base.errors import DropmeshError
from services.common.base.loops import pause
from services.common.events.announcing import Announcement
from services.common.events.filter import EventFilter
from services.common.events.log import Cursor, EventLog
from services.common.events.messages import event_message
from services.common.events.model import Changed, Event, EventKind
from services.common.events.reading import LOOK_BACK_NS, Reading
from services.common.events.tokens import event_token
from services.common.media.model import Media
from services.common.queue.bell import Bell
from services.query.events.server_sent import Sent

# Announcements may be lost: this often the log itself is read.
SWEEP_SECONDS = 5.0
# A stream whose client reads too slowly reads from the log instead once so many events wait for it.
WAITING_MOST = 1000
# An owner and an invite that a filter names; None stands for all.
Place = tuple[str | None, str | None]
# An owner, kinds and types that a filter names.
Wanted = tuple[str | None, frozenset[EventKind], frozenset[str]]


class Passed:
    """An event that is passed on, and where to read from for all that follows; its messages are made once for all."""

    def __init__(self, event: Event, cursor: Cursor) -> None:
        self.event = event
        self.cursor = cursor
        self._sent: dict[str, Sent] = {}

    def sent(self, viewer: str) -> Sent:
        """The event for an owner. Who gets it does not change it."""
        found = self._sent.get(viewer)
        if found is None:
            token = event_token(self.cursor, self.event)
            found = self._sent[viewer] = Sent(event_message(self.event, viewer, token))
        return found


class Subscription:
    """The events that wait for one stream."""

    def __init__(self, wanted: EventFilter) -> None:
        self.wanted = wanted
        self.has_missed = False
        self._waiting: deque[Passed] = deque()
        self._arrived = asyncio.Event()

    def add(self, passed: Passed) -> None:
        """Has the stream get an event that its filter accepts."""
        if len(self._waiting) == WAITING_MOST:
            self._waiting.clear()
            self.has_missed = True
        self._waiting.append(passed)
        self._arrived.set()

    async def next(self, seconds: float) -> Passed | None:
        """The next event; None after so long without one."""
        if not self._waiting:
            self._arrived.clear()
            await pause(seconds, self._arrived)
        return self._waiting.popleft() if self._waiting else None


class Watch:
    """The latest change of one media."""

    def __init__(self) -> None:
        self._shown: Media | None = None
        self._changed = asyncio.Event()

    def show(self, media: Media) -> None:
        """The media is like that now."""
        self._shown = media
        self._changed.set()

    async def next(self, seconds: float) -> Media | None:
        """The media after its next change; None after so long without one."""
        changed = await pause(seconds, self._changed)
        self._changed.clear()
        return self._shown if changed else None


class EventHub:
    """Subscriptions to events, and to single media, of all streams of this process."""

    def __init__(self, event_log: EventLog, bell: Bell, now_ns: Callable[[], int]) -> None:
        self._log = event_log
        self._bell = bell
        self._now_ns = now_ns
        # How many streams want the same, since what is announced is held against it before anything is read.
        self._wanted: Counter[Wanted] = Counter()
        # By owner and invite, so that an event is not held against the filter of every stream.
        self._by_place: defaultdict[Place, set[Subscription]] = defaultdict(set)
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._readings: dict[EventKind, Reading] = {}
        self._announced: dict[EventKind, set[str]] = {kind: set() for kind in EventKind}
        self._wake = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._is_listening = False

    @asynccontextmanager
    async def subscribe(self, wanted: EventFilter) -> AsyncIterator[Subscription]:
        """The events of a filter that show after this."""
        subscription = Subscription(wanted)
        place, kind = (wanted.owner, wanted.invite), (wanted.owner, wanted.kinds, frozenset(wanted.types))
        self._wanted[kind] += 1
        self._by_place[place].add(subscription)
        try:
            await self._begin(wanted.kinds)
            yield subscription
        finally:
            self._wanted[kind] -= 1
            if not self._wanted[kind]:
                del self._wanted[kind]
            self._by_place[place].discard(subscription)
            if not self._by_place[place]:
                del self._by_place[place]
            self._end()

    @asynccontextmanager
    async def watch(self, media_id: str) -> AsyncIterator[Watch]:
        """Every change of a media that callers can see, from now on."""
        watch = Watch()
        self._watches[media_id].add(watch)
        try:
            await self._begin({EventKind.MEDIA})
            yield watch
        finally:
            self._watches[media_id].discard(watch)
            if not self._watches[media_id]:
                del self._watches[media_id]
            self._end()

    def cursor(self, kinds: Iterable[EventKind]) -> Cursor:
        """All events of these kinds up to here were passed on."""
        cursors = [self._readings[kind].cursor for kind in kinds]
        # A filter that nothing can pass has no kind.
        return min(cursors, key=lambda cursor: cursor.at_ns, default=Cursor.at(self._now_ns() - LOOK_BACK_NS))

    async def run(self, stopping: asyncio.Event) -> None:
        """Reads and passes on the events that are announced, and sweeps, until the service stops."""
        loop = asyncio.get_running_loop()
        stop = asyncio.create_task(stopping.wait())
        stop.add_done_callback(lambda _: self._wake.set())
        swept_at = loop.time()
        try:
            while not stopping.is_set():
                await pause(max(0.0, swept_at + SWEEP_SECONDS - loop.time()), self._wake)
                self._wake.clear()
                # A store that does not answer is asked again by the next sweep.
                with suppress(DropmeshError):
                    await self._pass_on()
                    if loop.time() - swept_at >= SWEEP_SECONDS:
                        swept_at = loop.time()
                        await self._sweep()
        finally:
            stop.cancel()

    async def _begin(self, kinds: Iterable[EventKind]) -> None:
        if not self._is_listening:
            self._is_listening = True
            self._bell.listen(self._hear)
        async with self._beginning:
            for kind in kinds:
                if kind not in self._readings:
                    reading = Reading(self._log, Cursor.at(self._now_ns() - LOOK_BACK_NS), self._now_ns, kinds={kind})
                    # The stream does not get the events that are there already.
                    async for _ in reading.to_end():
                        pass
                    self._readings[kind] = reading
        # Some may have been announced meanwhile.
        self._wake.set()

    def _end(self) -> None:
        wanted = {kind for _, kinds, _ in self._wanted for kind in kinds}
        if self._watches:
            wanted.add(EventKind.MEDIA)
        if self._beginning.locked():
            return
        for kind in set(self._readings) - wanted:
            del self._readings[kind]
            self._announced[kind].clear()

    def _hear(self, text: str) -> None:
        announcement = Announcement.parse(text)
        if announcement is None:
            return
        wanted = announcement.ids
        if not any(_concerns(wanted_events, announcement) for wanted_events in self._wanted):
            wanted = tuple(key for key in wanted if key in self._watches)
        if wanted:
            self._announced[announcement.kind].update(wanted)
            self._wake.set()

    async def _pass_on(self) -> None:
        for kind, announced in self._announced.items():
            if announced and (reading := self._readings.get(kind)) is not None:
                ids = list(announced)
                announced.clear()
                for changed in await self._log.read(kind, ids):
                    self._dispatch(changed, reading.take(changed), reading.cursor)

    async def _sweep(self) -> None:
        for reading in list(self._readings.values()):
            async for changed, events in reading.to_end():
                self._dispatch(changed, events, reading.cursor)

    def _dispatch(self, changed: Changed, events: list[Event], cursor: Cursor) -> None:
        for event in events:
            passed = Passed(event, cursor)
            for place in _places(event):
                for subscription in self._by_place.get(place, ()):
                    if subscription.wanted.accepts(event):
                        subscription.add(passed)
        if isinstance(changed.resource, Media):
            for watch in self._watches.get(changed.resource.id, ()):
                watch.show(changed.resource)


def _concerns(wanted: Wanted, announcement: Announcement) -> bool:
    owner, kinds, types = wanted
    is_wanted = announcement.kind in kinds and owner in {None, announcement.owner}
    return is_wanted and (not types or announcement.type in types)


def _places(event: Event) -> Iterator[Place]:
    """The places of all filters that may accept an event."""
    invites = event.resource.invites if isinstance(event.resource, Media) else ()
    return product((None, event.resource.owner), (None, *dict.fromkeys(invites)))
