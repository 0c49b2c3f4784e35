"""Reads every stored object, lists those that are missing or damaged, and has made anew what can be made anew."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from batch.stored_objects import Kind, NamedObject, kinds
from services.common.base.errors import ObjectDamaged, ObjectMissing
from services.common.catalog import Catalog, Delete, Position, Upsert
from services.common.catalog.documents import from_document, to_document
from services.common.contents.orphans import SWEEPS, Sweep
from services.common.contents.store import Contents
from services.common.media import transitions
from services.common.media.model import Media
from services.common.media.store import MediaStore
from services.common.media.vocabulary import UNFINISHED
from services.common.objects import Objects
from services.common.objects.checking import check
from services.common.queue.outbox import Outbox
from services.common.settings import Settings
from services.common.stores.open import Stores
from services.ingest.media.unqueued import media_outbox

AT_ONCE = 4


async def verify_objects(stores: Stores, _settings: Settings, arguments: argparse.Namespace) -> int:
    """Goes on where the last run was stopped; fails when an object is missing or damaged."""
    media = MediaStore(stores.catalog)
    outbox = media_outbox(stores.queue, media, Contents(stores.catalog, stores.objects), time.time_ns)
    verification = _Verification(stores.catalog, stores.objects, media, outbox)
    all_kinds = kinds(stores.catalog)
    if arguments.from_start:
        await verification.forget(all_kinds)
    for kind in all_kinds:
        await verification.verify(kind)
    await verification.forget(all_kinds)
    counts = verification.counts
    print(f"{counts['objects']} objects of {counts['bytes']} bytes were read: ", end="")
    print(f"{counts['missing']} are missing, {counts['damaged']} damaged; ", end="")
    print(f"{counts['again']} media are queued to be processed again")
    return 1 if counts["missing"] or counts["damaged"] else 0


@dataclass
class _Verification:
    catalog: Catalog
    objects: Objects
    media: MediaStore
    outbox: Outbox[Media]
    counts: Counter[str] = field(default_factory=Counter)

    async def verify(self, kind: Kind) -> None:
        """Checks the objects of a kind; keeps how far it came after each page."""
        places = asyncio.Semaphore(AT_ONCE)
        document = await self.catalog.get(SWEEPS, _progress(kind))
        after: Position | None = None
        if document is not None:
            after = tuple(json.loads(from_document(Sweep, document).after))

        async def one_of(named: NamedObject) -> None:
            async with places:
                await self._check(kind, named)

        async for page, position in kind.pages(self.catalog, after):
            await asyncio.gather(*map(one_of, page))
            await self.outbox.publish_waiting()
            done = Sweep(_progress(kind), after=json.dumps(position))
            await self.catalog.batch([Upsert(SWEEPS, to_document(done))])

    async def forget(self, all_kinds: Sequence[Kind]) -> None:
        """The next run starts with the first object."""
        await self.catalog.batch([Delete(SWEEPS, _progress(kind)) for kind in all_kinds])

    async def _check(self, kind: Kind, named: NamedObject) -> None:
        self.counts["objects"] += 1
        self.counts["bytes"] += named.size_bytes
        try:
            await self._read(named)
        except (ObjectMissing, ObjectDamaged) as error:
            if not await kind.still_names(self.catalog, named):
                return
            fault = "missing" if isinstance(error, ObjectMissing) else "damaged"
            self.counts[fault] += 1
            print(f"{fault}: {named.key}, {named.size_bytes} bytes of {named.use}", flush=True)
            for holder in named.holders:
                await self._make_again(holder.media, holder.name)

    async def _read(self, named: NamedObject) -> None:
        if named.sha256 is not None:
            await check(self.objects, named.key, named.size_bytes, named.sha256)
            return
        found = await self.objects.stat(named.key)
        if found is None:
            raise ObjectMissing(named.key)
        if found.size_bytes != named.size_bytes:
            raise ObjectDamaged(named.key)

    async def _make_again(self, media_id: str, holder: str) -> None:
        """An anonymized content is made from its original; an original comes from its owner alone."""
        changed = await self.media.change(media_id, partial(_again, holder=holder))
        if changed is None:
            return
        if changed.unqueued_since_ns is not None:
            self.outbox.add(changed)
            self.counts["again"] += 1
            print(f"  media/{media_id} is processed again, which repairs it", flush=True)
        elif changed.original.holder == holder and changed.has_original:
            print(f"  it is the original of media/{media_id}: upload the same bytes again to repair it", flush=True)


def _again(media: Media, holder: str) -> Media | None:
    is_result = media.anonymized is not None and media.anonymized.holder == holder
    if not is_result or not media.has_original or media.state in UNFINISHED:
        return None
    return transitions.process_again(media, None, now_ns=time.time_ns())


def _progress(kind: Kind) -> str:
    return f"verify-objects/{kind.collection.name}"
