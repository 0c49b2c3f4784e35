"""The queue of series whose metrics are to be computed; a message is a series' id."""

from __future__ import annotations

from services.common.queue import Topic

SERIES = Topic("series")
