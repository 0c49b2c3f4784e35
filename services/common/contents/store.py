"""Which objects hold which bytes, and who needs them: bytes are stored once, however many media share them.

A content is the object that holds the bytes of one sha256, and a set of holders: each a media and the name under which
it holds them. The set is exact and every change of it can be repeated. The claimer has stored the bytes already, as
an object of its own, so that a claim never depends on what others do:
- no media holds the bytes: the claimer's object becomes the content;
- some media does: the claimer joins, and its own object is deleted;
- the last holder is letting go at this moment: the claimer's object takes the place of the one that goes.

A claim comes before the media that refers to it, so a crash in between leaves a holder that no media knows. Therefore a
claim stays unsettled until its media is stored, and a sweep looks into what is unsettled for long.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from services.common.base.errors import DataLoss
from services.common.base.instants import EPOCH, SECOND_NS
from services.common.catalog import Catalog, Collection, Delete, Index, Insert, Refusal, Replace, change
from services.common.catalog.documents import from_document, to_document
from services.common.objects import Objects
from services.common.objects.checking import check

CONTENTS = Collection(
    "contents",
    (
        Index("by_object", ("object_key",)),
        Index("unsettled", ("unsettled_since_ns",), sparse=True),
    ),
)
PREFIX = "contents"


@dataclass(frozen=True, slots=True)
class Holder:
    """A media that needs the bytes, the name of its need, and since when it is not known to be stored."""

    media: str
    name: str
    unsettled_since_ns: int | None = None


@dataclass(frozen=True, slots=True)
class StoredContent:
    """The object that holds the bytes of a sha256, and its holders. Doomed: no holder is left; it is being deleted."""

    id: str
    object_key: str
    size_bytes: int
    holders: tuple[Holder, ...]
    doomed: bool = False
    unsettled_since_ns: int | None = None
    version: int = 0


def object_key(now_ns: int) -> str:
    """Returns a unique key; keys of one hour share a prefix, so that a sweep can list them hour by hour."""
    return f"{hour_prefix(now_ns)}{secrets.token_hex(16)}"


def hour_prefix(now_ns: int) -> str:
    """How the keys of objects begun in an hour start."""
    return _prefix_of_hour(now_ns // (3600 * SECOND_NS))


@lru_cache(maxsize=4)
def _prefix_of_hour(hours: int) -> str:
    hour: datetime = EPOCH + timedelta(hours=hours)
    return f"{PREFIX}/{hour:%Y%m%d/%H}"


def begun_ns(key: str) -> int:
    """The hour in which the object of such a key was begun, as the instant at its start."""
    day, rest = key.removeprefix(f"{PREFIX}/").split("/")
    hour = datetime.strptime(f"{day}{rest[:2]}", "%Y%m%d%H").replace(tzinfo=UTC)
    return (hour - EPOCH) // timedelta(seconds=1) * SECOND_NS


class Contents:
    """The contents of a mesh."""

    def __init__(self, catalog: Catalog, objects: Objects) -> None:
        self._catalog = catalog
        self._objects = objects

    async def get(self, sha256: str) -> StoredContent | None:
        """Returns the holders of these bytes, and their object."""
        document = await self._catalog.get(CONTENTS, sha256)
        return None if document is None else from_document(StoredContent, document)

    def first_claim(self, sha256: str, own_key: str, size_bytes: int, holder: Holder) -> Insert:
        """Returns the write that `claim` does when no media holds the bytes, to be batched with others."""
        return Insert(CONTENTS, to_document(_first(sha256, own_key, size_bytes, holder)))

    async def claim(self, sha256: str, own_key: str, size_bytes: int, holder: Holder) -> str:
        """Makes a media a holder of bytes that the caller stored under a key of its own; returns the content's key.

        The claim is durable once the media is, which is stored after it.
        """
        claimed = await self._claim(sha256, own_key, size_bytes, holder)
        if claimed.object_key != own_key:
            await self._objects.delete([own_key])
        return claimed.object_key

    async def is_whole(self, content: StoredContent) -> bool:
        """Whether the stored bytes are the right ones, all of them."""
        try:
            await check(self._objects, content.object_key, content.size_bytes, content.id)
        except DataLoss:
            return False
        return True

    async def repair(self, content: StoredContent, good_key: str) -> None:
        """Copies the bytes of another object over those of a content, which are missing or damaged."""
        copy = await self._objects.create(content.object_key)
        try:
            async for chunk in self._objects.read(good_key):
                await copy.write(chunk)
            await copy.commit()
        except BaseException:
            await copy.abort()
            raise
        now = await self.get(content.id)
        if now is None or now.doomed or now.object_key != content.object_key:
            # Its last holder let go meanwhile: no sweep looks for an object of its hour.
            await self._objects.delete([content.object_key])

    async def settle(self, holders: Sequence[tuple[str, str]]) -> None:
        """The media of these claims, each (sha256, name of the holder), are stored.

        What a power cut undoes is settled again by the sweep of unsettled claims.
        """
        names: dict[str, list[str]] = {}
        for sha256, name in holders:
            names.setdefault(sha256, []).append(name)
        stored = await self._catalog.get_many(CONTENTS, list(names))
        edited = {
            sha256: _settled(from_document(StoredContent, document), names[sha256])
            for sha256, document in stored.items()
        }
        changed = {sha256: content for sha256, content in edited.items() if content is not None}
        outcomes = await self._catalog.batch(
            [Replace(CONTENTS, to_document(content), content.version) for content in changed.values()], durable=False
        )
        for sha256, outcome in zip(changed, outcomes, strict=True):
            if not outcome.applied:
                await self._change(sha256, partial(_settled, names=names[sha256]))

    async def release(self, sha256: str, name: str) -> None:
        """Releases a media's hold; bytes without a holder are deleted. Repeating it changes nothing."""
        content = await self._change(sha256, partial(_released, name=name))
        if content is not None and content.doomed:
            await self._bury(content)

    async def check_unsettled(
        self, before_ns: int, refers: Callable[[Holder], Awaitable[bool]], *, limit: int = 100
    ) -> int:
        """Looks into claims older than an instant: those whose media does not refer to them are released.

        Also finishes what was begun with the last holder's release. Returns how many contents were looked into.
        """
        documents = await self._catalog.find(CONTENTS, "unsettled", limit=limit)
        due = [from_document(StoredContent, document) for document in documents]
        due = [content for content in due if (content.unsettled_since_ns or 0) < before_ns]
        for content in due:
            if content.doomed:
                await self._bury(content)
            for holder in content.holders:
                if holder.unsettled_since_ns is None or holder.unsettled_since_ns >= before_ns:
                    continue
                if await refers(holder):
                    await self.settle([(content.id, holder.name)])
                else:
                    await self.release(content.id, holder.name)
        return len(due)

    async def is_named(self, key: str) -> bool:
        """Whether some content is in the object of this key."""
        return bool(await self._catalog.find(CONTENTS, "by_object", (key,), limit=1))

    async def _bury(self, doomed: StoredContent) -> None:
        # The object is deleted first: without the document it would be lost. A claim in between changes the version.
        await self._objects.delete([doomed.object_key])
        await self._catalog.batch([Delete(CONTENTS, doomed.id, doomed.version)])

    async def _claim(self, sha256: str, own_key: str, size_bytes: int, holder: Holder) -> StoredContent:
        new = _first(sha256, own_key, size_bytes, holder)
        (outcome,) = await self._catalog.batch([Insert(CONTENTS, to_document(new))], durable=False)
        if outcome.refusal is not Refusal.EXISTS:
            return new

        def edit(document: dict[str, Any] | None) -> dict[str, Any] | None:
            if document is None:
                return to_document(new)
            content = from_document(StoredContent, document)
            if content.doomed:
                return to_document(replace(new, version=content.version))
            if any(held.name == holder.name for held in content.holders):
                return None
            return to_document(_with_holders(content, (*content.holders, holder)))

        document = await change(self._catalog, CONTENTS, sha256, edit, durable=False)
        if document is None:
            raise AssertionError("a claim always leaves a content")
        return from_document(StoredContent, document)

    async def _change(self, sha256: str, edit: Callable[[StoredContent], StoredContent | None]) -> StoredContent | None:
        def edit_document(document: dict[str, Any] | None) -> dict[str, Any] | None:
            edited = None if document is None else edit(from_document(StoredContent, document))
            return None if edited is None else to_document(edited)

        document = await change(self._catalog, CONTENTS, sha256, edit_document)
        return None if document is None else from_document(StoredContent, document)


def _first(sha256: str, own_key: str, size_bytes: int, holder: Holder) -> StoredContent:
    return StoredContent(sha256, own_key, size_bytes, (holder,), unsettled_since_ns=holder.unsettled_since_ns)


def _settled(content: StoredContent, names: Sequence[str]) -> StoredContent | None:
    if not any(held.name in names and held.unsettled_since_ns is not None for held in content.holders):
        return None
    holders = (replace(held, unsettled_since_ns=None) if held.name in names else held for held in content.holders)
    return _with_holders(content, tuple(holders))


def _released(content: StoredContent, name: str) -> StoredContent | None:
    holders = tuple(held for held in content.holders if held.name != name)
    if len(holders) == len(content.holders):
        return None
    if holders:
        return _with_holders(content, holders)
    # Found by the sweep at once, should this process die before the object is gone.
    return replace(content, holders=(), doomed=True, unsettled_since_ns=0)


def _with_holders(content: StoredContent, holders: tuple[Holder, ...]) -> StoredContent:
    since = [held.unsettled_since_ns for held in holders if held.unsettled_since_ns is not None]
    return replace(content, holders=holders, unsettled_since_ns=min(since) if since else None)
