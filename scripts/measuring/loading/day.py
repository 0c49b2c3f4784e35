"""Simulates a day of a mesh on a cluster: uploads, photos that wait, and processors that are added and removed.

Second by second and the same each time. What a processor does, and how long it takes to start, are arguments: the
figures of scripts/load capacity, or a customer's own.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

DAY_SECONDS = 86_400
HOUR_SECONDS = 3_600
# As in k8s/components/keda and k8s/base.
POLLED_EVERY_SECONDS, SCALE_DOWN_AFTER_SECONDS, REMOVED_A_MINUTE = 15, 300, 2
BUSY_SHARE = 0.75
LEAST = 2
# The metrics server's CPU is that of the last half minute or so.
USE_SEEN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class World:
    """The uploaders, and the speed of a processor."""

    users: int
    a_minute: float
    swing: float
    """0: the same all day; 0.8: between 20 % and 180 % of the mean."""
    photos_a_second: float
    """Of one processor with all its cores."""
    start_seconds: int
    waiting_each: int
    """Waiting photos for each processor, above which another is started."""
    most: int
    depth_alone: bool = False

    def arrivals_a_second(self, second: int) -> float:
        """The mean of uploads in a second; least at 3 in the night, most at 15."""
        mean = self.users * self.a_minute / 60
        return mean * (1 - self.swing * math.cos((second / HOUR_SECONDS - 3) / 24 * 2 * math.pi))


@dataclass
class Hour:
    """The events of one hour."""

    number: int
    arrived: int = 0
    deepest: int = 0
    processors: list[int] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


@dataclass
class _Processors:
    """Those that run, those that start, and the autoscaler's memory."""

    world: World
    running: int = LEAST
    starting: deque[int] = field(default_factory=deque)
    wanted_lately: deque[tuple[int, int]] = field(default_factory=deque)
    last_removed: int = 0

    used: deque[float] = field(default_factory=lambda: deque(maxlen=USE_SEEN_SECONDS))
    """The share of their time that they worked, second by second."""

    def step(self, second: int, depth: int) -> None:
        while self.starting and self.starting[0] <= second:
            self.starting.popleft()
            self.running += 1
        if second % POLLED_EVERY_SECONDS:
            return
        by_depth = math.ceil(depth / self.world.waiting_each)
        by_use = math.ceil(self.running * (sum(self.used) / len(self.used)) / BUSY_SHARE) if self.used else LEAST
        wanted = min(self.world.most, max(LEAST, by_depth, 0 if self.world.depth_alone else by_use))
        self.wanted_lately.append((second, wanted))
        while self.wanted_lately[0][0] < second - SCALE_DOWN_AFTER_SECONDS:
            self.wanted_lately.popleft()
        there = self.running + len(self.starting)
        if wanted > there:
            # At most twice as many at a time, as the autoscaler's own rule is.
            added = min(wanted - there, max(there, 4))
            self.starting.extend([second + self.world.start_seconds] * added)
        least_wanted = max(number for _, number in self.wanted_lately)
        if least_wanted < self.running and second - self.last_removed >= HOUR_SECONDS / 60:
            self.running -= min(REMOVED_A_MINUTE, self.running - least_wanted)
            self.last_removed = second


def simulate(world: World, seed: int = 1) -> Iterator[Hour]:
    """The hours of a day."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    processors = _Processors(world)
    waiting: deque[int] = deque()
    can_do = 0.0
    hour = Hour(0)
    for second in range(DAY_SECONDS):
        if second // HOUR_SECONDS != hour.number:
            yield hour
            hour = Hour(second // HOUR_SECONDS)
        arrived = _poisson(chance, world.arrivals_a_second(second))
        hour.arrived += arrived
        waiting.extend([second] * arrived)
        can_do += processors.running * world.photos_a_second
        done = min(len(waiting), math.floor(can_do))
        can_do -= done
        hour.waits.extend(second - waiting.popleft() for _ in range(done))
        processors.used.append(min(1.0, done / (processors.running * world.photos_a_second)))
        can_do = min(can_do, 1.0) if not waiting else can_do
        processors.step(second, len(waiting))
        hour.deepest = max(hour.deepest, len(waiting))
        hour.processors.append(processors.running)
    yield hour


def percentile(values: list[float], percent: float) -> float:
    """A percentile, 0 where there are no values."""
    return sorted(values)[min(len(values) - 1, math.floor(len(values) * percent / 100))] if values else 0.0


def main() -> int:
    """Prints a line an hour, and the day's."""
    parser = argparse.ArgumentParser(prog="scripts/load day", description=__doc__)
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--a-minute", type=float, default=1.0, help="photos of a user in a minute (1)")
    parser.add_argument("--swing", type=float, default=0.8, help="how far the night is below the day, 0 to 1 (0.8)")
    parser.add_argument("--photos-a-second", type=float, default=0.5, help="of one processor with two cores (0.5)")
    parser.add_argument("--start-seconds", type=int, default=60, help="until a new processor works, its node too (60)")
    parser.add_argument("--waiting-each", type=int, default=10, help="as in k8s/components/keda (10)")
    parser.add_argument("--most", type=int, default=100, help="processors at most (100)")
    parser.add_argument("--depth-alone", action="store_true", help="the autoscaler does not look at CPU")
    arguments = parser.parse_args()
    world = World(**vars(arguments))
    hours = list(simulate(world))
    print("hour   uploads  a second  deepest queue  processors  wait p50  wait p99")
    for hour in hours:
        print(
            f"{hour.number:4} {hour.arrived:9,} {hour.arrived / HOUR_SECONDS:9.1f} {hour.deepest:14,} "
            f"{min(hour.processors):5}-{max(hour.processors):<5} {percentile(hour.waits, 50):7.0f} s "
            f"{percentile(hour.waits, 99):7.0f} s"
        )
    waits = [wait for hour in hours for wait in hour.waits]
    hours_of_processors = sum(sum(hour.processors) for hour in hours) / HOUR_SECONDS
    print(
        f"day: {sum(hour.arrived for hour in hours):,} uploads; wait p50 {percentile(waits, 50):.0f} s, "
        f"p99 {percentile(waits, 99):.0f} s, longest {max(waits, default=0):.0f} s; "
        f"{hours_of_processors:,.0f} hours of processors, {max(max(hour.processors) for hour in hours)} at once"
    )
    return 0


def _poisson(chance: random.Random, mean: float) -> int:
    """A number of arrivals; by a normal distribution where there are many."""
    if mean > 50:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, number, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        number += 1
        product *= chance.random()
    return number


if __name__ == "__main__":
    sys.exit(main())
