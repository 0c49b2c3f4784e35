"""The metadata that was read from one media's header."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.media.model import Metadata


@dataclass(frozen=True, slots=True)
class MetadataReading:
    """The metadata that could be read, and what could not be, for a person to read."""

    metadata: Metadata
    warnings: tuple[str, ...] = ()
