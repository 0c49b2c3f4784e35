"""Brings a model's weights into the store, from the first source that has them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from services.processor.models.download import download
from services.processor.models.entry import ModelEntry
from services.processor.models.errors import ModelError, NotPulled, SourceFailed
from services.processor.models.progress import NoProgress, Progress
from services.processor.models.store import ModelStore
from services.processor.models.timeouts import Timeouts


class Puller:
    """Tries a mirror first, where one is set, and then the sources of the registry, in their order.

    A mirror is an http(s) address or a local folder that has the files under the names that the registry gives them.
    """

    def __init__(
        self,
        store: ModelStore,
        timeouts: Timeouts,
        mirror: str = "",
        progress: Callable[[ModelEntry], Progress] = lambda _: NoProgress(),
    ) -> None:
        self._store = store
        self._timeouts = timeouts
        self._mirror = mirror.rstrip("/")
        self._progress = progress

    def pull(self, entry: ModelEntry) -> str:
        """Fetch one entry's file and return its source; raises `NotPulled` with every cause."""
        target = self._store.target(entry)
        target.parent.mkdir(parents=True, exist_ok=True)
        causes: list[ModelError] = []
        for name, fetch in self._sources(entry, target):
            try:
                fetch()
            except ModelError as cause:
                causes.append(cause)
            else:
                return name
        raise NotPulled(entry.name, causes)

    def _sources(self, entry: ModelEntry, target: Path) -> Iterator[tuple[str, Callable[[], None]]]:
        if self._mirror.startswith(("http://", "https://")):
            url = f"{self._mirror}/{entry.file}"
            yield url, partial(self._download, url, entry, target)
        elif self._mirror:
            file = Path(self._mirror).expanduser() / entry.file
            yield str(file), partial(_copy, file, entry, target)
        for source in entry.sources:
            yield source.url, partial(self._download, source.url, entry, target)

    def _download(self, url: str, entry: ModelEntry, target: Path) -> None:
        download(url, target, entry.sha256, entry.size_bytes, self._timeouts, self._progress(entry))


def _copy(source: Path, entry: ModelEntry, target: Path) -> None:
    if not source.is_file():
        raise SourceFailed(str(source), "no such file")
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != entry.sha256:
        raise SourceFailed(str(source), f"its sha256 is {found}, expected {entry.sha256}")
    part = target.with_name(f"{target.name}.new")
    shutil.copyfile(source, part)
    part.replace(target)
