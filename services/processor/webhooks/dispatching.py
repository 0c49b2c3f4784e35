"""Has each webhook take its turns: as soon as something is announced that concerns it, and after a sweep.

A sweep reads the log once for all webhooks, since most have nothing to do; each has a turn every minute in any case.
Several processors share the webhooks: a turn that delivers holds a lease, which is stored in the webhook.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence

from services.common.base.errors import DropmeshError
from services.common.base.loops import pause
from services.common.events.announcing import Announcement
from services.common.events.log import Cursor, EventLog
from services.common.events.model import EventKind
from services.common.events.reading import LOOK_BACK_NS
from services.common.queue.bell import Bell
from services.common.tracing import Tracing
from services.common.webhooks.model import Webhook
from services.common.webhooks.store import Deliveries, Webhooks
from services.processor.webhooks.turn import Send, TakenOver, Turn

# Announcements may be lost, and deliveries are due again by the clock.
SWEEP_SECONDS = 5.0
# A turn stores how far its webhook has read, and goes on with what a dead processor left.
EACH_SECONDS = 60.0
# With more events than this since the last sweep, each webhook looks for its own.
NEWS_MOST = 200
# So many webhooks take their turn at once. A dead receiver keeps a place for the time of one attempt.
TURNS_AT_ONCE = 200
log = logging.getLogger(__name__)


class WebhookDispatcher:
    """Runs turns in tasks, one for each webhook at most."""

    def __init__(
        self,
        webhooks: Webhooks,
        deliveries: Deliveries,
        event_log: EventLog,
        bell: Bell,
        send: Send,
        now_ns: Callable[[], int],
        tracing: Tracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._webhooks = webhooks
        self._deliveries = deliveries
        self._log = event_log
        self._bell = bell
        self._send = send
        self._now_ns = now_ns
        self._wake = asyncio.Event()
        self._places = asyncio.Semaphore(TURNS_AT_ONCE)
        self._known: Sequence[Webhook] = ()
        self._swept_ns = now_ns()
        self._announced: dict[str, set[str]] = {}
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._is_listening = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Begins turns until the service stops."""
        if not self._is_listening:
            self._is_listening = True
            self._bell.listen(self._hear)
        loop = asyncio.get_running_loop()
        stop = asyncio.create_task(stopping.wait())
        stop.add_done_callback(lambda _: self._wake.set())
        swept_at, each_at = -SWEEP_SECONDS, -EACH_SECONDS
        try:
            while not stopping.is_set():
                if loop.time() - swept_at >= SWEEP_SECONDS:
                    swept_at = loop.time()
                    is_each = swept_at - each_at >= EACH_SECONDS
                    each_at = swept_at if is_each else each_at
                    await self._sweep(is_each=is_each)
                announced, self._announced = self._announced, {}
                for webhook in self._known:
                    if announced.get(webhook.owner, set()) & webhook.wanted.kinds:
                        self._begin(webhook.id)
                await pause(max(0.0, swept_at + SWEEP_SECONDS - loop.time()), self._wake)
                self._wake.clear()
        finally:
            stop.cancel()
            for task in self._turns.values():
                task.cancel()
            await asyncio.gather(*self._turns.values(), return_exceptions=True)

    async def _sweep(self, *, is_each: bool) -> None:
        """Begins the turns of webhooks that may have something to do, or of each."""
        waited = {webhook.id for webhook in self._known if not webhook.disabled}
        self._known = await self._webhooks.all()
        if not self._known:
            return
        began_ns = self._now_ns()
        # The machine's clock may have been set back.
        since_ns = min(self._swept_ns, began_ns) - LOOK_BACK_NS
        news = await self._log.page(Cursor.at(since_ns), owner=None, kinds=EventKind, limit=NEWS_MOST)
        owners = {changed.resource.owner for changed in news}
        due = await self._deliveries.due(began_ns)
        self._swept_ns = began_ns
        for webhook in self._known:
            is_concerned = webhook.owner in owners or webhook.id in due or webhook.progress.failures > 0
            if is_each or len(news) == NEWS_MOST or is_concerned or webhook.id not in waited:
                self._begin(webhook.id)

    def _hear(self, text: str) -> None:
        announcement = Announcement.parse(text)
        if announcement is not None and self._known:
            self._announced.setdefault(announcement.owner, set()).add(announcement.kind)
            self._wake.set()

    def _begin(self, webhook_id: str) -> None:
        if webhook_id in self._turns:
            self._again.add(webhook_id)
            return
        self._turns[webhook_id] = asyncio.create_task(self._take_turns(webhook_id))

    async def _take_turns(self, webhook_id: str) -> None:
        try:
            async with self._places:
                again = True
                while again:
                    self._again.discard(webhook_id)
                    await self._take_turn(webhook_id)
                    again = webhook_id in self._again
        except TakenOver:
            # Another processor delivers its events, or its owner has changed it.
            pass
        except DropmeshError as error:
            extra = {"webhook": webhook_id, "cause": getattr(error, "cause", error.message)}
            log.warning("a store does not answer: the events of a webhook are delivered later", extra=extra)
        except Exception:
            log.exception("unexpected exception while events were delivered", extra={"webhook": webhook_id})
        finally:
            del self._turns[webhook_id]

    async def _take_turn(self, webhook_id: str) -> None:
        webhook = await self._webhooks.find(webhook_id)
        if webhook is not None:
            holder = secrets.token_hex(8)
            turn = Turn(
                webhook,
                holder,
                self._webhooks,
                self._deliveries,
                self._log,
                self._send,
                self._now_ns,
                self._tracing,
            )
            await turn.run()
