"""Series as the contract's messages."""

from __future__ import annotations

from dropmesh.v1 import series_pb2 as contract

from services.common.base import etags
from services.common.base.instants import set_timestamp
from services.common.series.model import Series

BODIES_SHOWN = 10


def series_message(series: Series) -> contract.Series:
    """A series without its points."""
    message = contract.Series(
        name=series.name,
        etag=series_etag(series),
        display_name=series.display_name,
        labels=series.labels,
        channels=[contract.SeriesChannel(name=channel.name, unit=channel.unit) for channel in series.channels],
        sample_rate_hz=series.sample_rate_hz or 0.0,
        point_count=series.point_count,
        allow_gaps=series.allow_gaps,
        size_bytes=series.size_bytes,
        revision=series.revision,
        subject=series.subject,
    )
    if series.create_time_ns:
        set_timestamp(message.create_time, series.create_time_ns)
        set_timestamp(message.update_time, series.update_time_ns)
    if series.ends is not None:
        set_timestamp(message.start_time, series.ends[0])
        set_timestamp(message.end_time, series.ends[1])
    for body in series.bodies[: -BODIES_SHOWN - 1 : -1]:
        shown = message.bodies.add(
            sha256=body.sha256, size_bytes=body.size_bytes, point_count=body.point_count, format=body.format
        )
        set_timestamp(shown.receive_time, body.receive_time_ns)
    return message


def series_etag(series: Series) -> str:
    """Changes with every change of a series; the measurements of a source have none."""
    return etags.etag_of(series.version) if series.version else ""


def check_etag(series: Series, etag: str) -> None:
    """Refuses a change of a series that is no longer as the caller knows it."""
    etags.check_etag(etag, series_etag(series), f"series/{series.id}")
