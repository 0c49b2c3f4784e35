"""Receipts, measurements and lineage as messages of the contract."""

from __future__ import annotations

from collections.abc import Iterable

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import measurement_pb2 as contract

from services.common.base.errors import InvalidArgument
from services.common.base.instants import set_timestamp, to_timestamp
from services.common.base.names import resource_id
from services.common.base.timestamps import TimestampRefused, format_timestamp, parse_timestamp
from services.common.drops.measurements import LineageEntry, Measurement
from services.common.drops.receipts import Receipt, ReceiptState

_STATES = {state: contract.Receipt.State.Value(state.name) for state in ReceiptState}


def receipt_message(receipt: Receipt) -> contract.Receipt:
    """A receipt, without its bytes."""
    message = contract.Receipt()
    fill_receipt(receipt, message)
    return message


def fill_receipt(receipt: Receipt, message: contract.Receipt) -> None:
    """Fills in an empty message, so that one within another need not be copied there."""
    message.name = f"receipts/{receipt.id}"
    message.state = _STATES[receipt.state]
    message.sha256 = receipt.sha256.hex()
    message.size_bytes = receipt.size_bytes
    message.subject = receipt.subject
    set_timestamp(message.receive_time, receipt.receive_time_ns)
    message.sequence = receipt.sequence
    if receipt.process_time_ns is None:
        return
    set_timestamp(message.process_time, receipt.process_time_ns)
    message.measurements.extend(map(measurement_name, receipt.measurement_times_ns))
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


def measurement_message(measurement: Measurement) -> contract.Measurement:
    """A measurement."""
    return contract.Measurement(
        name=measurement_name(measurement.time_ns),
        etag=f'"{measurement.version}"',
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
    )


def lineage_messages(
    entries: Iterable[LineageEntry], receipts: dict[str, Receipt], current: Measurement
) -> list[contract.LineageEntry]:
    """Lineage entries joined with their receipts; `current` is the measurement as it stands."""
    return [_lineage_message(receipts[entry.receipt], current) for entry in entries if entry.receipt in receipts]


def measurement_name(time_ns: int) -> str:
    """The name of a measurement."""
    return f"measurements/{format_timestamp(time_ns)}"


def named_instant(name: str, field: str) -> int:
    """The instant in a measurement's name, however its offset is written; `field` is where the name was given."""
    try:
        return parse_timestamp(resource_id(name))
    except TimestampRefused as refused:
        raise InvalidArgument(reasons.INVALID_FIELD, f"{field}: {refused}", metadata={"field": field}) from None


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
    )
