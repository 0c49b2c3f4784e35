"""Work that a service puts off since the machine or a store fails: no fault of the work, and for operators to see."""

from __future__ import annotations

from collections.abc import Mapping

from services.common.base.telemetry import Metrics


class PutOff:
    """The kinds of work that are put off now, each with the cause."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._causes: dict[str, str] = {}

    @property
    def causes(self) -> Mapping[str, str]:
        """By the kind of work."""
        return self._causes

    def begin(self, work: str, cause: str) -> None:
        """No such work is begun for now."""
        self._causes[work] = cause
        self._metrics.put_off.labels(work).set(1)
        self._metrics.put_off_times.labels(work).inc()

    def end(self, work: str) -> None:
        """It goes on."""
        if self._causes.pop(work, None) is not None:
            self._metrics.put_off.labels(work).set(0)
