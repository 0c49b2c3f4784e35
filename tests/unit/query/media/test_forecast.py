from __future__ import annotations

from dataclasses import replace

import pytest

from services.common.media.model import Content, Media, Metadata, Processing
from services.common.media.vocabulary import MediaKind, MediaState
from services.query.media.forecast import WorkView, expected_end_ns

SECOND = 10**9
NOW = 1000 * SECOND
CONTENT = Content("a" * 64, "contents/1", "1/original", "jpeg", "image/jpeg", 1000)
PHOTO = Media("1", "ann", MediaState.NEW, MediaKind.IMAGE, "a.jpg", NOW, NOW, CONTENT, Metadata(4, 3))
VIDEO = replace(PHOTO, kind=MediaKind.VIDEO, metadata=Metadata(4, 3, duration_seconds=4.0, frame_rate=25.0))


def done(media: Media, seconds: float) -> Media:
    processing = Processing(progress=1.0, start_time_ns=0, end_time_ns=round(seconds * SECOND))
    return replace(media, state=MediaState.PROCESSED, processing=processing)


def at_work(media: Media, since_seconds: float, progress: float = 0.0) -> Media:
    processing = Processing(progress=progress, start_time_ns=round(NOW - since_seconds * SECOND))
    return replace(media, id="w", state=MediaState.PROCESSING, processing=processing)


def waits(media: Media, since_seconds: float, name: str = "n") -> Media:
    return replace(media, id=name, update_time_ns=round(NOW - since_seconds * SECOND))


def seconds(media: Media, view: WorkView) -> float | None:
    end_ns = expected_end_ns(media, view, NOW)
    return None if end_ns is None else (end_ns - NOW) / SECOND


PHOTOS = (done(PHOTO, 1), done(PHOTO, 2), done(PHOTO, 9))
VIDEOS = (done(VIDEO, 50),)


def test_nothing_is_told_before_anything_like_it_was_done() -> None:
    assert seconds(PHOTO, WorkView((), ())) is None
    assert seconds(VIDEO, WorkView(PHOTOS, ())) is None


def test_a_photo_that_nothing_waits_before_takes_as_long_as_recent_ones() -> None:
    assert seconds(PHOTO, WorkView(PHOTOS, ())) == 2
    assert seconds(at_work(PHOTO, 0.5), WorkView(PHOTOS, ())) == 1.5
    assert seconds(at_work(PHOTO, 5), WorkView(PHOTOS, ())) == 0


def test_a_video_takes_as_long_for_each_frame() -> None:
    short = replace(VIDEO, metadata=Metadata(4, 3, duration_seconds=1.0, frame_rate=25.0))
    assert seconds(short, WorkView(VIDEOS, ())) == 12.5
    assert seconds(replace(VIDEO, metadata=Metadata(4, 3)), WorkView(VIDEOS, ())) is None


def test_progress_says_more_than_recent_media() -> None:
    assert seconds(at_work(VIDEO, 10, 0.25), WorkView(VIDEOS, ())) == 30
    assert seconds(at_work(VIDEO, 10, 0.25), WorkView((), ())) == 30


def test_what_waits_before_it_is_shared_by_the_workers() -> None:
    ahead = [waits(PHOTO, 3, "a"), waits(PHOTO, 2, "b")]
    later = waits(PHOTO, -1, "c")
    workers = [replace(at_work(PHOTO, 1), id=name) for name in ("w", "x")]
    # 1 s each for those at work, 2 s each for those before it, by two workers; then its own 2 s.
    assert seconds(PHOTO, WorkView(PHOTOS, [*workers, *ahead, later])) == 5
    assert seconds(PHOTO, WorkView(PHOTOS, [waits(VIDEO, 3)])) == 2


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_place_in_the_queue_that_is_not_seen_is_unknown(is_whole: bool) -> None:
    view = WorkView(PHOTOS, [at_work(PHOTO, 1), waits(PHOTO, 3)], is_whole)
    assert (seconds(PHOTO, view) is None) == (not is_whole)


def test_when_no_worker_takes_anything_the_end_is_unknown() -> None:
    assert seconds(waits(PHOTO, 31), WorkView(PHOTOS, ())) is None
