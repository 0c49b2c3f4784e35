"""The highest rate that a dropzone holds, found by asking for more and more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scripts.measuring.loading.drop_requests import DropSeries
from scripts.measuring.loading.http_load import CONNECTIONS, LoadResult, send_load
from scripts.measuring.loading.reading_back import ACCEPTED

P99_SECONDS = 0.350
# Below this part of what was asked for, the rate is not held however fast the answers are.
KEPT_UP = 0.97
FIRST_STEP = 0.6
STEP = 1.1
PATH = "/v1/measurements"


@dataclass(frozen=True, slots=True)
class HeldRate:
    """A rate that was asked for, and how it went."""

    per_second: float
    result: LoadResult

    @property
    def is_held(self) -> bool:
        """Every drop accepted, in time."""
        all_accepted = self.result.count(ACCEPTED) == len(self.result.statuses)
        kept_up = self.result.answered_per_second >= KEPT_UP * self.per_second
        return all_accepted and kept_up and self.result.percentile(99) < P99_SECONDS

    def __str__(self) -> str:
        latencies = f"p50 {self.result.percentile(50) * 1e3:.1f} ms, p99 {self.result.percentile(99) * 1e3:.1f} ms"
        return f"{self.result.answered_per_second:.0f}/s of {self.per_second:.0f} asked for, {latencies}"


def highest_rate(
    port: int,
    first: int,
    *,
    seconds: float,
    say: Callable[[str], None],
    watch: Callable[[], None] = lambda: None,
) -> tuple[HeldRate | None, list[tuple[DropSeries, LoadResult]]]:
    """The best of rising rates, and everything that was sent; numbering begins at `first`."""
    sent: list[tuple[DropSeries, LoadResult]] = []

    def send(count: int, per_second: float | None) -> LoadResult:
        series = DropSeries(first + sum(before.count for before, _ in sent), count)
        result = send_load(port, series.requests(PATH), per_second=per_second)
        sent.append((series, result))
        watch()
        return result

    def attempt(per_second: float) -> HeldRate:
        step = HeldRate(per_second, send(max(500, round(per_second * seconds)), per_second))
        say(f"    {step}: {'held' if step.is_held else 'not held'}")
        return step

    send(500, None)
    flat_out = send(3000, None).answered_per_second
    say(f"    as fast as {CONNECTIONS} connections can: {flat_out:.0f}/s")
    held = None
    rate = FIRST_STEP * flat_out
    failures = 0
    while failures < 2:
        step = attempt(rate)
        if not step.is_held:
            # The machine may have been busy with something else.
            step = attempt(rate)
        if step.is_held:
            held = step
            failures = 0
        else:
            failures += 1
        rate *= STEP
    return held, sent
