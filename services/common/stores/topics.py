"""Every topic of the queue."""

from __future__ import annotations

from services.common.drops.topics import DROPS, LARGE_DROPS
from services.common.media.topics import PHOTO_WORK, VIDEO_WORK
from services.common.series.topics import SERIES

TOPICS = (DROPS, LARGE_DROPS, PHOTO_WORK, VIDEO_WORK, SERIES)
