"""The output in the terminal: a progress bar during a run, and a table at its end."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TextIO

from dropmesh.classify_dir.results import Outcomes

WIDTH = 30
LABELS_SHOWN = 5


@dataclass(slots=True)
class Progress:
    """How far a run is."""

    found: int = 0
    before: int = 0
    """Of those found, the ones that an earlier run had finished."""
    done: int = 0
    failed: int = 0
    sent: int = 0
    retried: int = 0
    duplicates: int = 0
    waiting: int = 0

    def bar(self, seconds: float) -> str:
        """One line, as long as the numbers need."""
        ended = self.before + self.done + self.failed
        share = ended / self.found if self.found else 0.0
        filled = round(WIDTH * share)
        rate = (self.done + self.failed) / seconds if seconds > 0 else 0.0
        return (
            f"[{'#' * filled}{'.' * (WIDTH - filled)}] {ended}/{self.found}  {rate:.1f}/s  "
            f"waiting {self.waiting}  failed {self.failed}"
        )

    def table(self, seconds: float, outcomes: Outcomes) -> str:
        """The end of a run."""
        rows = [
            ("images found", outcomes.found),
            ("classified before", outcomes.done_before),
            ("failed before", outcomes.failed_before),
            ("classified", outcomes.done),
            ("failed", outcomes.failed),
            ("not answered", outcomes.unanswered),
            ("sent", self.sent),
            ("sent again", self.retried),
            ("replies ignored", self.duplicates),
        ]
        lines = [f"{name:<20} {count:>8}" for name, count in rows]
        lines += [f"{'seconds':<20} {seconds:>8.1f}"]
        commonest = sorted(outcomes.labels.items(), key=lambda item: (-item[1], item[0]))[:LABELS_SHOWN]
        lines += [f"  {label:<18.18} {count:>8}" for label, count in commonest]
        if outcomes.failed_before:
            lines.append("images that failed before are not sent again; --retry-failed sends them")
        return "\n".join(lines)


class Terminal:
    """Draws the bar where there is a terminal, and otherwise a line for each tenth."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._tenth = 0

    def draw(self, progress: Progress, seconds: float) -> None:
        """Shows how far the run is."""
        if self._is_terminal:
            self._stream.write(f"\r{progress.bar(seconds)}\x1b[K")
            self._stream.flush()
            return
        ended = progress.before + progress.done + progress.failed
        tenth = 10 * ended // progress.found if progress.found else 0
        if tenth > self._tenth:
            self._tenth = tenth
            print(progress.bar(seconds), file=self._stream, flush=True)

    def end(self) -> None:
        """Leaves the bar's line."""
        if self._is_terminal:
            print(file=self._stream, flush=True)
