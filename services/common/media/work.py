"""The steps of a worker on a media: take it, report progress, end it.

Each taking is a new run, and a worker names its run with each call. Where the media is in another run by then (the
lease ended and another worker took it, it was cancelled, deleted or is to be processed again) nothing changes and the
call returns False: the worker releases what it made. A power cut may undo a taking, since it ends the worker too: the
media is then as before, and begun anew. How a run ended is durable.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from services.common.base.instants import to_ns
from services.common.media import transitions
from services.common.media.model import Content, Failure, Media
from services.common.media.store import MediaStore
from services.common.media.transitions import Findings

ATTEMPTS_MOST = 5
LEASE = timedelta(seconds=10)
# A lease that lasts longer was given by a clock that was set back since: it is shortened, so that it ends.
LONGEST_LEASE = timedelta(minutes=1)


class HeldByAnother(Exception):
    """Another worker has the media; its lease ends at `until_ns` if it is not extended."""

    def __init__(self, until_ns: int) -> None:
        super().__init__("another worker has this media")
        self.until_ns = until_ns


class MediaWork:
    """The media as workers see them."""

    def __init__(self, media: MediaStore) -> None:
        self._media = media

    async def begin(
        self, media_id: str, *, now_ns: int, excuses: Callable[[int], bool] = lambda _: False
    ) -> Media | None:
        """Takes a media until its lease ends: the answer's `run` is the worker's.

        None where there is nothing to do for this message; HeldByAnother while another worker's lease lasts.
        """

        lease_end_ns, shortened = now_ns + to_ns(LEASE), False

        def edit(media: Media) -> Media | None:
            nonlocal shortened
            until_ns = media.held_until_ns(now_ns)
            if shortened := until_ns is not None and until_ns > now_ns + to_ns(LONGEST_LEASE):
                return transitions.extend(media, media.run, lease_end_ns=lease_end_ns)
            if until_ns is not None:
                raise HeldByAnother(until_ns)
            return transitions.take(media, now_ns=now_ns, lease_end_ns=lease_end_ns, excuses=excuses)

        taken = await self._change(media_id, edit, durable=False)
        if shortened:
            raise HeldByAnother(lease_end_ns)
        return taken

    async def extend(self, media_id: str, run: int, *, now_ns: int) -> bool:
        """Makes the lease last anew; False when the run is stale, and the worker should stop."""
        end_ns = now_ns + to_ns(LEASE)
        changed = await self._change(
            media_id, lambda media: transitions.extend(media, run, lease_end_ns=end_ns), durable=False
        )
        return changed is not None

    async def let_go(self, media_id: str, run: int, *, is_failure: bool, now_ns: int) -> None:
        """Ends the lease before the work is done, so that another worker may begin at once."""
        await self._change(media_id, lambda media: transitions.let_go(media, run, is_failure=is_failure, now_ns=now_ns))

    async def progress(
        self, media_id: str, run: int, *, progress: float, frames_done: int = 0, frames_total: int = 0, now_ns: int
    ) -> bool:
        """Reports how far the work is, and extends the lease; False when the run is stale."""
        changed = await self._change(
            media_id,
            lambda media: transitions.report_progress(
                media,
                run,
                progress=progress,
                frames_done=frames_done,
                frames_total=frames_total,
                now_ns=now_ns,
                lease_end_ns=now_ns + to_ns(LEASE),
            ),
            durable=False,
        )
        return changed is not None

    async def is_current(self, media_id: str, run: int) -> bool:
        """Whether the run still is the media's: cheaper than reporting progress."""
        media = await self._media.find(media_id)
        return media is not None and media.is_in_run(run)

    async def finish(self, media_id: str, run: int, anonymized: Content, findings: Findings, *, now_ns: int) -> bool:
        """Makes a result the media's; False when the run is stale, and the claim of its content is to be released.

        The content is claimed before and settled after.
        """
        changed = await self._change(
            media_id, lambda media: transitions.finish(media, run, anonymized, findings, now_ns=now_ns)
        )
        return changed is not None

    async def fail(self, media_id: str, run: int, failure: Failure, *, now_ns: int) -> bool:
        """Ends the work for good; False when the run is stale."""
        changed = await self._change(media_id, lambda media: transitions.fail(media, run, failure, now_ns=now_ns))
        return changed is not None

    async def _change(
        self, media_id: str, edit: Callable[[Media], Media | None], *, durable: bool = True
    ) -> Media | None:
        """As the store's `change`, but None too where `edit` left the media as it is."""
        edited: list[bool] = []

        def edit_once_more(media: Media) -> Media | None:
            changed = edit(media)
            edited[:] = [changed is not None]
            return changed

        media = await self._media.change(media_id, edit_once_more, durable=durable)
        return media if edited and edited[0] else None
