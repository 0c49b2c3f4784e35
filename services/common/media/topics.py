"""The topics of media work: a message is the id of a media to be processed."""

from __future__ import annotations

from services.common.queue import Topic

# Attempts are counted in the media, not in its message: a message is delivered again for many reasons that are no fault
# of the content.
PHOTO_WORK = Topic("photos", max_attempts=None)
# Animations wait here too. However many videos wait, no photo waits behind them.
VIDEO_WORK = Topic("videos", max_attempts=None)
