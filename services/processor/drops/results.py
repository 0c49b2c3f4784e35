"""The result of a drop: its settled receipt and its measurements, as a plain function of its bytes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.common.base.errors import ObjectDamaged, ObjectMissing
from services.common.drops.measurements import Measurement, measurement_key
from services.common.drops.receipt import CONTENT_DAMAGED, CONTENT_MISSING, Receipt, ReceiptState, Remark
from services.processor.drops.parsing.fast_reading import parse_drop
from services.processor.drops.parsing.findings import Finding, QualityReason, WarningReason
from services.processor.drops.parsing.outcomes import DropLimits, Measured, ParsedDrop
from services.processor.drops.parsing.statistics import compute_statistics

# A receipt names this many of its measurements.
NAMED_MEASUREMENTS = 100
PROCESSOR_FAULT = "PROCESSOR_FAULT"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DropResult:
    """A settled receipt, and what it writes."""

    receipt: Receipt
    measurements: Sequence[Measurement]


@dataclass(frozen=True, slots=True)
class DropRules:
    """The limits of a drop, and the version of the code that computes it."""

    limits: DropLimits
    code_version: str


def drop_result(receipt: Receipt, raw: bytes, rules: DropRules, now_ns: int) -> DropResult:
    """The result of a drop. A fault of this code's quarantines the drop too, by name, so that it stops no other one."""
    try:
        parsed = parse_drop(raw, rules.limits)
        if isinstance(parsed, ParsedDrop):
            return _processed(receipt, parsed, rules, now_ns)
    except MemoryError:
        raise
    except Exception:
        log.exception("unexpected exception while processing a drop", extra={"receipt": receipt.id})
        words = "the processor failed on this drop, which may be good; replay it once that is mended"
        return _quarantined(receipt, (Remark(PROCESSOR_FAULT, "$", words),), 1, rules, now_ns)
    count = len(parsed.failures) + parsed.more_failures
    return _quarantined(receipt, _remarks(parsed.failures), count, rules, now_ns)


def unreadable_drop(
    receipt: Receipt, fault: ObjectMissing | ObjectDamaged, rules: DropRules, now_ns: int
) -> DropResult:
    """The result of a drop whose stored bytes are missing or damaged."""
    reason = CONTENT_MISSING if isinstance(fault, ObjectMissing) else CONTENT_DAMAGED
    words = f"{fault.message.partition(';')[0]}; send the drop again, with its request_id if it had one"
    return _quarantined(receipt, (Remark(reason, "$", words),), 1, rules, now_ns)


def _processed(receipt: Receipt, parsed: ParsedDrop, rules: DropRules, now_ns: int) -> DropResult:
    measurements = [_measurement(receipt, one, now_ns) for one in parsed.measurements]
    settled = replace(
        receipt,
        state=ReceiptState.PROCESSED,
        new_since_ns=None,
        process_time_ns=now_ns,
        code_version=rules.code_version,
        measurement_times_ns=tuple([one.time_ns for one in measurements[:NAMED_MEASUREMENTS]]),
        measurement_count=len(measurements),
        warnings=_remarks(parsed.warnings),
    )
    return DropResult(settled, measurements)


def _measurement(receipt: Receipt, measured: Measured, now_ns: int) -> Measurement:
    statistics = compute_statistics(measured.points)
    return Measurement(
        measurement_key(receipt.owner, receipt.source, measured.time_ns),
        receipt.owner,
        receipt.source,
        measured.time_ns,
        statistics.count,
        statistics.mean,
        statistics.population_stddev,
        statistics.sample_stddev,
        statistics.min,
        statistics.max,
        receipt.id,
        receipt.sequence,
        receipt.receive_time_ns,
        now_ns,
    )


def _quarantined(
    receipt: Receipt, failures: tuple[Remark, ...], count: int, rules: DropRules, now_ns: int
) -> DropResult:
    settled = replace(
        receipt,
        state=ReceiptState.QUARANTINED,
        new_since_ns=None,
        process_time_ns=now_ns,
        code_version=rules.code_version,
        failures=failures,
        failure_count=count,
    )
    return DropResult(settled, ())


def _remarks(findings: Sequence[Finding[QualityReason] | Finding[WarningReason]]) -> tuple[Remark, ...]:
    return tuple([Remark(finding.reason.value, finding.path, finding.message) for finding in findings])
