"""Measurements as answers: JSON by hand in the order of the contract's fields, and messages for gRPC.

The JSON of a page is kept while it is read again and none of its measurements changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dropmesh.v1 import measurement_pb2, query_service_pb2

from services.common.base.timestamps import format_timestamp
from services.common.caching.recent import Recent
from services.common.catalog import Document
from services.common.catalog.documents import from_document
from services.common.drops.measurements import Measurement
from services.common.drops.messages import measurement_message
from services.common.drops.names import measurement_name
from services.common.rest.by_hand import ByHand
from services.common.rest.json import number_text

# About what a key takes for each measurement of a page.
KEY_BYTES = 250


@dataclass(frozen=True, slots=True)
class OneMeasurement(ByHand):
    """A measurement, for a caller who owns what `viewer` owns."""

    measurement: Measurement
    viewer: str

    def message(self) -> measurement_pb2.Measurement:
        """The message."""
        return measurement_message(self.measurement, self.viewer)

    def json_text(self) -> bytes:
        """See ByHand."""
        return _text(self.measurement, self.viewer).encode()


@dataclass(frozen=True, slots=True)
class MeasurementPage(ByHand):
    """A page of measurements, as they are stored."""

    documents: Sequence[Document]
    viewer: str
    next_page_token: str
    recent: Recent

    def message(self) -> query_service_pb2.ListMeasurementsResponse:
        """The message."""
        return query_service_pb2.ListMeasurementsResponse(
            measurements=(measurement_message(one, self.viewer) for one in self._measurements()),
            next_page_token=self.next_page_token,
        )

    def json_text(self) -> bytes:
        """See ByHand."""
        # One that was deleted and dropped again may have its old version, and has another time of processing.
        key = (self.viewer, *((one["_id"], one["_version"], one["process_time_ns"]) for one in self.documents))
        text: bytes | None = self.recent.get(key)
        if text is None:
            text = ",".join([_text(one, self.viewer) for one in self._measurements()]).encode()
            self.recent.keep(key, text, len(text) + KEY_BYTES * len(key))
        return b'{"measurements":[%b],"next_page_token":"%b"}' % (text, self.next_page_token.encode())

    def _measurements(self) -> list[Measurement]:
        return [from_document(Measurement, document) for document in self.documents]


def _text(measurement: Measurement, viewer: str) -> str:
    # No name, source or receipt has a character that JSON escapes.
    sample = measurement.sample_stddev
    deviation = "" if sample is None else f'"sample_stddev":{number_text(sample)},'
    name = measurement_name(measurement.owner, measurement.source, measurement.time_ns, viewer)
    etag = measurement.etag.replace('"', '\\"')
    return (
        f'{{"name":"{name}",'
        f'"etag":"{etag}",'
        f'"time":"{format_timestamp(measurement.time_ns)}",'
        f'"count":"{measurement.count}",'
        f'"mean":{number_text(measurement.mean)},'
        f'"population_stddev":{number_text(measurement.population_stddev)},'
        f"{deviation}"
        f'"min":{number_text(measurement.min)},'
        f'"max":{number_text(measurement.max)},'
        f'"receipt":"receipts/{measurement.receipt}",'
        f'"receive_time":"{format_timestamp(measurement.receive_time_ns)}",'
        f'"process_time":"{format_timestamp(measurement.process_time_ns)}",'
        f'"source":"{measurement.source}"}}'
    )
