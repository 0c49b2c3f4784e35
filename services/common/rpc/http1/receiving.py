"""The bytes of requests that are not complete, which a service holds in memory: how many there may be."""

from __future__ import annotations

from datetime import timedelta

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import ResourceExhausted

RETRY_AFTER = timedelta(seconds=1)


class Receiving:
    """Counts the bytes of unfinished bodies; one caller may have at most half of the limit."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._taken_bytes = 0
        self._held_bytes: dict[str, int] = {}

    def take(self, holder: str, size_bytes: int) -> None:
        """Counts further bytes; raises ResourceExhausted where they are too many."""
        held_bytes = self._held_bytes.get(holder, 0) + size_bytes
        if self._taken_bytes + size_bytes > self._limit_bytes or held_bytes > self._limit_bytes // 2:
            raise ResourceExhausted(
                reasons.TOO_BUSY,
                f"too many bytes of unfinished requests (limit {self._limit_bytes}, half of it for one caller); "
                f"retry after {RETRY_AFTER.seconds} s",
                metadata={"limit": str(self._limit_bytes)},
                retry_after=RETRY_AFTER,
            )
        self._taken_bytes += size_bytes
        self._held_bytes[holder] = held_bytes

    def give_back(self, holder: str, size_bytes: int) -> None:
        """Counts bytes no more."""
        self._taken_bytes -= size_bytes
        held_bytes = self._held_bytes.pop(holder, 0) - size_bytes
        if held_bytes > 0:
            self._held_bytes[holder] = held_bytes
