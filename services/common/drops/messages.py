"""Receipts, measurements, lineage and sources as messages of the contract; `viewer` is the owner that the caller is."""

from __future__ import annotations

from collections.abc import Iterable

from dropmesh.v1 import measurement_pb2 as contract
from dropmesh.v1 import source_pb2

from services.common.base.instants import set_timestamp, to_timestamp
from services.common.drops.measurements import LineageEntry, Measurement
from services.common.drops.names import measurement_name, source_name
from services.common.drops.receipt import Receipt, ReceiptState
from services.common.drops.sources import Source

_STATES = {state: contract.Receipt.State.Value(state.name) for state in ReceiptState}


def receipt_message(receipt: Receipt, viewer: str) -> contract.Receipt:
    """A receipt, without its bytes."""
    message = contract.Receipt()
    fill_receipt(receipt, message, viewer)
    return message


def fill_receipt(receipt: Receipt, message: contract.Receipt, viewer: str) -> None:
    """Fills in an empty message, so that one within another need not be copied there."""
    message.name = f"receipts/{receipt.id}"
    message.state = _STATES[receipt.state]
    message.sha256 = receipt.sha256.hex()
    message.size_bytes = receipt.size_bytes
    message.subject = receipt.subject
    set_timestamp(message.receive_time, receipt.receive_time_ns)
    message.sequence = receipt.sequence
    message.source = receipt.source
    if receipt.raw_delete_time_ns is not None:
        set_timestamp(message.raw_delete_time, receipt.raw_delete_time_ns)
    if receipt.process_time_ns is None:
        return
    set_timestamp(message.process_time, receipt.process_time_ns)
    message.measurements.extend(
        measurement_name(receipt.owner, receipt.source, time_ns, viewer) for time_ns in receipt.measurement_times_ns
    )
    message.measurement_count = receipt.measurement_count
    message.failure_count = receipt.failure_count
    message.code_version = receipt.code_version
    for failure in receipt.failures:
        reason = contract.QualityFailure.Reason.Value(failure.reason)
        message.failures.add(reason=reason, path=failure.path, message=failure.message)
    for warning in receipt.warnings:
        kind = contract.QualityWarning.Reason.Value(warning.reason)
        message.warnings.add(reason=kind, path=warning.path, message=warning.message)


def receipt_state(state: contract.Receipt.State.ValueType) -> ReceiptState | None:
    """The stored word for a state; None where any is meant."""
    return None if state == contract.Receipt.STATE_UNSPECIFIED else ReceiptState[contract.Receipt.State.Name(state)]


def measurement_message(measurement: Measurement, viewer: str) -> contract.Measurement:
    """A measurement."""
    return contract.Measurement(
        name=measurement_name(measurement.owner, measurement.source, measurement.time_ns, viewer),
        etag=measurement.etag,
        time=to_timestamp(measurement.time_ns),
        count=measurement.count,
        mean=measurement.mean,
        population_stddev=measurement.population_stddev,
        sample_stddev=measurement.sample_stddev,
        min=measurement.min,
        max=measurement.max,
        receipt=f"receipts/{measurement.receipt}",
        receive_time=to_timestamp(measurement.receive_time_ns),
        process_time=to_timestamp(measurement.process_time_ns),
        source=measurement.source,
    )


def source_message(source: Source, viewer: str) -> source_pb2.Source:
    """A source."""
    return source_pb2.Source(
        name=source_name(source.owner, source.source, viewer),
        source=source.source,
        measurement_count=source.count,
        first_time=to_timestamp(source.first_ns),
        latest_time=to_timestamp(source.latest_ns),
    )


def lineage_messages(
    entries: Iterable[LineageEntry], receipts: dict[str, Receipt], current: Measurement
) -> list[contract.LineageEntry]:
    """Lineage entries joined with their receipts; `current` is the measurement as it stands."""
    return [_lineage_message(receipts[entry.receipt], current) for entry in entries if entry.receipt in receipts]


def _lineage_message(receipt: Receipt, current: Measurement) -> contract.LineageEntry:
    return contract.LineageEntry(
        receipt=f"receipts/{receipt.id}",
        sha256=receipt.sha256.hex(),
        size_bytes=receipt.size_bytes,
        subject=receipt.subject,
        receive_time=to_timestamp(receipt.receive_time_ns),
        process_time=None if receipt.process_time_ns is None else to_timestamp(receipt.process_time_ns),
        code_version=receipt.code_version,
        sequence=receipt.sequence,
        current=receipt.id == current.receipt,
        raw_delete_time=None if receipt.raw_delete_time_ns is None else to_timestamp(receipt.raw_delete_time_ns),
    )
