"""The holders of invites' links: what they must show, and what they may download."""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Callable
from datetime import timedelta
from weakref import WeakValueDictionary

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import PermissionDenied, ResourceExhausted
from services.common.base.instants import SECOND_NS
from services.common.invites.pin import StoredPin
from services.common.invites.store import Download, Invite, Invites

PIN = "x-invite-pin"
REMEMBERED_MOST = 10_000


class Holders:
    """Lets in who has the link and, if the invite has one, the PIN."""

    def __init__(self, invites: Invites, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._invites = invites
        self._now_ns = now_ns
        # PINs that were right, by a hash with a key of this process, so that each costs the slow hash once.
        self._key = secrets.token_bytes(32)
        self._right: set[bytes] = set()
        # By invite id, while it has tries: they are taken one after the other.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def admit(self, link: str, pin: str | None) -> Invite:
        """The invite of a link; INVITE_NOT_FOUND, or an error about the PIN."""
        invite = await self._invites.find_by_link(link)
        await self.check_pin(invite, pin)
        return invite

    async def admit_to(self, link: str, pin: str | None, media_id: str, token: str) -> Invite:
        """The invite of a link whose holder may download a media: by the token of its upload, or since all may."""
        invite = await self._invites.find_by_link(link)
        known = download_token(invite, media_id)
        is_sender = bool(known) and hmac.compare_digest(known.encode(), token.encode())
        if not is_sender:
            await self.check_pin(invite, pin)
        invite.check_open(self._now_ns())
        if not is_sender and invite.download is not Download.ALL:
            raise download_refused(invite)
        return invite

    async def admit_to_list(self, link: str, pin: str | None, proof: str) -> Invite:
        """The invite of a link whose holder may list and download all, by the PIN or a page's proof of it."""
        invite = await self._invites.find_by_link(link)
        known = list_proof(invite)
        if not known or not hmac.compare_digest(known.encode(), proof.encode()):
            await self.check_pin(invite, pin)
        invite.check_open(self._now_ns())
        if invite.download is not Download.ALL:
            raise download_refused(invite)
        return invite

    async def check_pin(self, invite: Invite, pin: str | None) -> None:
        """Refuses a missing or wrong PIN; a try counts before it is checked, so that many at once count too."""
        if invite.pin is None:
            return
        if not pin:
            raise PermissionDenied(
                reasons.INVITE_PIN_MISSING,
                f"the invite has a PIN; send it in the header {PIN}, or as the form field pin before the files",
            )
        digest = hmac.digest(self._key, invite.pin.salt + pin.encode(), "sha256")
        # What came before is counted before this try is judged, and the right PIN many times at once costs one hash.
        turn = self._turns.setdefault(invite.id, asyncio.Lock())
        async with turn:
            if digest not in self._right:
                await self._try_pin(invite.id, invite.pin, pin)
                if len(self._right) >= REMEMBERED_MOST:
                    self._right.clear()
                self._right.add(digest)
                return
        # A lock would not hide the right PIN if this one passed it. The invite may have been read long ago.
        locked_until_ns = await self._invites.pin_locked_until(invite.id)
        if locked_until_ns is not None:
            _check_unlocked(locked_until_ns, self._now_ns())
            # As after any right PIN: else one wrong try would begin the next lock, a longer one.
            await self._invites.forget_pin_attempts(invite.id)

    async def _try_pin(self, invite_id: str, stored: StoredPin, pin: str) -> None:
        now_ns = self._now_ns()
        _check_unlocked(await self._invites.begin_pin_attempt(invite_id, now_ns=now_ns), now_ns)
        if not await asyncio.to_thread(stored.matches, pin):
            raise PermissionDenied(reasons.INVITE_PIN_WRONG, "the PIN is wrong")
        await self._invites.forget_pin_attempts(invite_id)


def _check_unlocked(lock_end_ns: int | None, now_ns: int) -> None:
    if lock_end_ns is not None and lock_end_ns > now_ns:
        wait = timedelta(seconds=-(-(lock_end_ns - now_ns) // SECOND_NS))
        raise ResourceExhausted(
            reasons.INVITE_PIN_LOCKED,
            f"too many wrong PINs; retry after {wait.total_seconds():.0f} s",
            retry_after=wait,
        )


def download_token(invite: Invite, media_id: str) -> str:
    """The proof that its holder sent a media and, if the invite has a PIN, gave it; empty where no download needs it.

    A link of a page cannot have the PIN in a header. Once the PIN is another one, the proof is none.
    """
    is_needed = invite.download is Download.OWN or (invite.download is Download.ALL and invite.pin is not None)
    return _proof(invite, media_id) if is_needed else ""


def list_proof(invite: Invite) -> str:
    """The proof that its holder gave the PIN of an invite that lets all be listed; empty where it has none."""
    return _proof(invite, "list") if invite.pin is not None and invite.download is Download.ALL else ""


def _proof(invite: Invite, of: str) -> str:
    if invite.download_key is None:
        return ""
    pin = b"" if invite.pin is None else invite.pin.scrypt
    digest = hmac.digest(invite.download_key, pin + of.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def download_refused(invite: Invite) -> PermissionDenied:
    """The invite does not let its holder download this."""
    why = "needs the download_token of its upload" if invite.download is Download.OWN else "is not allowed"
    return PermissionDenied(
        reasons.INVITE_DOWNLOAD_REFUSED,
        f"downloading this through the invite {why}",
        metadata={"download": invite.download.upper()},
    )
