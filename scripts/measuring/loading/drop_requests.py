"""Drops that can be told apart: each has an instant of its own, and numbers that follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from services.common.base.timestamps import format_timestamp, parse_timestamp

FIRST_NS = parse_timestamp("2019-05-01T06:00:00-04:00")
STEP_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class DropSeries:
    """Numbered drops from `first` on."""

    first: int
    count: int

    def requests(self, path: str) -> list[bytes]:
        """Each as the HTTP request that curl -d would send."""
        return [_request(path, number) for number in range(self.first, self.first + self.count)]

    def measurements(self) -> Iterator[tuple[str, int, float]]:
        """Returns the expected measurement of each: its instant, count and mean."""
        for number in range(self.first, self.first + self.count):
            points = _points(number)
            yield _instant(number), len(points), sum(points) / len(points)

    @property
    def start(self) -> str:
        """The first instant."""
        return _instant(self.first)

    @property
    def end(self) -> str:
        """The instant after the last one."""
        return _instant(self.first + self.count)


def _request(path: str, number: int) -> bytes:
    points = ", ".join(map(repr, _points(number)))
    body = f'{{"time_stamp": "{_instant(number)}", "data": [{points}]}}'
    return (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: load\r\naccept: */*\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n{body}"
    ).encode()


def _instant(number: int) -> str:
    return format_timestamp(FIRST_NS + number * STEP_NS)


def _points(number: int) -> list[float]:
    # Sums and quotients of these are exact, so that the reading back can ask for equality.
    return [number + 0.25, number + 0.5, number * 2.0, number + 2.25]
