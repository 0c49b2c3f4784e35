"""The figures of a run about the images that it found, by its results file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from dropmesh.classify_dir.messages import Label, Reply
from dropmesh.classify_dir.pictures import Broken, Found, Picture
from dropmesh.classify_dir.results import Outcomes, Results


class Folder:
    """A folder's results, at a time that goes on."""

    def __init__(self, file: Path) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._results = Results(file, self._later)

    def _later(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def begin(self, folder: str = "images") -> None:
        self._results.begin(Path(folder), "dropmesh", "p")

    async def add(self, name: str, label: str | None, size: int = 1) -> None:
        found, identity = Found(Path(name), name, size, 1), f"{name} {label and size}"
        if label is None:
            await self._results.add(found, Broken(identity, name, "", "it is broken"))
            return
        await self._results.add(found, Picture(identity, name, b"", "", "image/png", 1, 1))
        if label:
            await self._results.store(Reply(identity, (Label(label, 1.0),)), 1.0)

    def outcomes(self, **sizes: int) -> Outcomes:
        return self._results.outcomes({name: (size, 1) for name, size in sizes.items()})

    async def close(self) -> None:
        await self._results.close("ended")


async def test_the_figures_add_up_to_the_images_found(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "results.db")
    folder.begin()
    for name, label in (("red", "red"), ("gone", "red"), ("broken", None)):
        await folder.add(name, label)
    folder.begin()
    for name, label in (("blue", "blue"), ("damaged", None), ("waiting", "")):
        await folder.add(name, label)
    ended = folder.outcomes(red=1, broken=1, blue=1, damaged=1, waiting=1)
    assert (ended.found, ended.done_before, ended.failed_before, ended.done, ended.failed) == (5, 1, 1, 1, 1)
    assert (ended.unanswered, ended.labels) == (1, {"red": 1, "blue": 1})
    await folder.close()


async def test_only_the_present_content_of_a_file_counts(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "results.db")
    folder.begin()
    await folder.add("a", "red", size=1)
    await folder.add("a", None, size=2)
    # It has the same id at any size, since it cannot be read.
    await folder.add("a", None, size=4)
    for size, figures in ((1, (1, 0)), (2, (0, 0)), (4, (0, 1))):
        ended = folder.outcomes(a=size)
        assert (ended.done, ended.failed) == figures
    await folder.close()
