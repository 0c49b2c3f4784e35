"""Media of a year, as workers left them, made up the same each time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from services.common.base.ids import new_id
from services.common.media.model import Content, Media, Metadata, ModelVersion, Processing, Step
from services.common.media.vocabulary import MediaKind, MediaState

OWNER = "ann"
"""Half of the media are hers, the others belong to fifty owners."""
STATES = [MediaState.PROCESSED] * 90 + [MediaState.FAILED] * 2 + [MediaState.DELETED] * 7 + [MediaState.NEW]
CAMERAS = [f"Camera {number}" for number in range(300)]
STEPS = ("decode", "detect", "anonymize", "encode")


def entries(count: int, now_ns: int) -> Iterator[Media]:
    """So many media, created within the year before an instant, in no order."""
    chance = random.Random(7)  # noqa: S311 - the same ones each time
    for number in range(count):
        created_ns = now_ns - chance.randrange(365 * 86_400) * 10**9
        kind = MediaKind.VIDEO if chance.random() < 0.05 else MediaKind.IMAGE
        media_format = "mp4" if kind is MediaKind.VIDEO else chance.choice(("jpeg", "jpeg", "png", "heic"))
        content = Content(f"{number:064x}", f"contents/{number}", "x", media_format, f"{kind}/{media_format}", 200_000)
        media = Media(
            id=new_id(created_ns),
            owner=OWNER if number % 2 else f"owner{number % 100}",
            state=chance.choice(STATES),
            kind=kind,
            filename=f"{number}.{media_format}",
            create_time_ns=created_ns,
            update_time_ns=created_ns,
            original=content,
            metadata=Metadata(
                4000,
                3000,
                orientation=1,
                camera_make="Acme",
                camera_model=chance.choice(CAMERAS),
                lens="Acme 24-70",
                capture_time_text="2026-01-01T10:00:00+01:00",
                latitude_degrees=47.4,
                longitude_degrees=8.5,
            ),
            anonymized=content,
            processing=Processing(
                progress=1.0,
                attempt=1,
                start_time_ns=created_ns,
                end_time_ns=created_ns,
                models=(ModelVersion("faces", "1", f"{7:064x}"),),
                steps=tuple(Step(step, 10_000_000) for step in STEPS),
            ),
            object_counts={"face": chance.randrange(5)},
        )
        yield replace(media, counted=media.contribution())
