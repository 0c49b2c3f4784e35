"""Finds what belongs to an owner by looking at everything: documents, objects, messages, log lines.

It shares no code with what erases. A document is the owner's where a text in it is the owner's name, alone or at the
start of a key; and so is one that mentions the id of such a document, and an object that only the owner's documents
mention, or that is in the owner's folder of the archive. After an erasure no document names the owner, so the ids and
keys of before, the inventory, are looked for too.
"""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.remains.documents import Document, documents
from scripts.remains.messages import messages
from scripts.remains.objects import objects, read_texts
from services.common.settings import Settings

ARCHIVE, DAYS = "archive/", "archive/days/"
PLAIN = frozenset(string.ascii_letters + string.digits + ".-")
# Long words with a letter: instants in keys are digits alone.
ID = re.compile(r"\b(?=[0-9]*[A-Za-z])[0-9A-Za-z]{16,}\b")


@dataclass
class Inventory:
    """The ids of an owner's documents, and the keys of its objects."""

    ids: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    def write(self, file: Path) -> None:
        """Stores it."""
        file.write_text(json.dumps({"ids": sorted(self.ids), "keys": sorted(self.keys)}, indent=1) + "\n")

    @classmethod
    def read(cls, file: Path) -> Inventory:
        """Reads the file of `write`."""
        stored = json.loads(file.read_text())
        return cls(set(stored["ids"]), set(stored["keys"]))


@dataclass
class Remains:
    """How much there is of an owner, by place; and how many objects no document mentions."""

    documents: Counter[str] = field(default_factory=Counter)
    objects: int = 0
    object_bytes: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    log_lines: Counter[str] = field(default_factory=Counter)
    archived_days: int = 0
    unmentioned_objects: int = 0

    @property
    def total(self) -> int:
        """Everything that is the owner's."""
        places = (self.documents, self.messages, self.log_lines)
        return self.objects + self.archived_days + sum(place.total() for place in places)


async def search(settings: Settings, owner: str, before: Inventory | None = None) -> tuple[Remains, Inventory]:
    """Looks at everything that the stores and logs of a mesh have."""
    sizes = dict(objects(settings))
    found = Inventory(set(before.ids) if before else set(), set())
    names = [document for document in documents(settings.catalog_url) if _names(document[1], owner)]
    found.ids.update(key for _, document in names for key in ID.findall(document["_id"]))
    remains, mine, others = Remains(), set[str](), set[str]()
    for collection, document in documents(settings.catalog_url):
        texts = list(_texts(document))
        keys = {text for text in texts if text in sizes}
        is_named = _names(document, owner)
        if is_named or any(key in found.ids for text in texts for key in ID.findall(text)):
            remains.documents[collection] += 1
            mine |= keys
        if not is_named:
            others |= _held_by_others(document, found.ids, keys)
    archived = {key for key in sizes if _is_archived(key, owner)}
    found.keys = archived | {
        key for key in sizes if key in mine - others or any(part in found.ids for part in ID.findall(key))
    }
    left = found.keys | ((before.keys if before else set()) & sizes.keys())
    remains.objects, remains.object_bytes = len(left), sum(sizes[key] for key in left)
    lists = sorted(key for key in sizes if key.startswith(DAYS))
    remains.archived_days = sum(_names(json.loads(text), owner) for text in read_texts(settings, lists))
    remains.unmentioned_objects = sum(not key.startswith(ARCHIVE) for key in sizes.keys() - mine - others)
    async for queue, text in messages(settings):
        remains.messages[queue] += _mentions(text, owner, found.ids)
    for file in sorted((settings.data / "logs").glob("*.log*")):
        name = re.compile(rf"(?<![\w-]){re.escape(owner)}(?![\w-])")
        with file.open(errors="replace") as lines:
            remains.log_lines[file.name] += sum(name.search(line) is not None for line in lines)
    return remains, found


def _held_by_others(document: Document, ids: set[str], keys: set[str]) -> set[str]:
    """The objects that a document mentions for other owners; a content has a holder for each media."""
    holders = document.get("holders")
    if holders is None:
        is_mine = any(key in ids for text in _texts(document) for key in ID.findall(text))
        return set() if is_mine else keys
    return keys if any(holder["media"] not in ids for holder in holders) else set()


def _is_archived(key: str, owner: str) -> bool:
    """Whether the object is in the owner's folder of the archive, whose name has other bytes as _ and two digits."""
    plain = "".join(char if char in PLAIN else "".join(f"_{byte:02X}" for byte in char.encode()) for char in owner)
    known = {plain, f"_sha256_{hashlib.sha256(owner.encode()).hexdigest()}"}
    return key.startswith(ARCHIVE) and not known.isdisjoint(key.split("/"))


def _names(document: Document, owner: str) -> bool:
    return any(_is_name(text, owner) for text in _texts(document))


def _is_name(text: str, owner: str) -> bool:
    return text == owner or text.startswith(f"{owner}/") or text.endswith(f":{owner}")


def _mentions(text: str, owner: str, ids: Iterable[str]) -> bool:
    return any(_is_name(line, owner) for line in text.splitlines()) or not set(ID.findall(text)).isdisjoint(ids)


def _texts(value: Any) -> Iterator[str]:
    """Every text in a document, also as a key of a mapping."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, held in value.items():
            yield key
            yield from _texts(held)
    elif isinstance(value, list):
        for held in value:
            yield from _texts(held)
