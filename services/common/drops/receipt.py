"""A receipt: a raw drop as it came, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from dropmesh.v1 import error_reason_pb2 as reasons

from services.common.base.errors import FailedPrecondition, NotFound
from services.common.base.requests import KeptRequest
from services.common.base.timestamps import format_timestamp
from services.common.rpc.identity import Caller

# The reasons of a receipt whose stored bytes could not be read; the same drop sent again repairs it.
CONTENT_MISSING = "CONTENT_MISSING"
CONTENT_DAMAGED = "CONTENT_DAMAGED"


class ReceiptState(StrEnum):
    """How far a receipt is."""

    NEW = "new"
    PROCESSED = "processed"
    QUARANTINED = "quarantined"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something found in a drop: the contract's reason, where, and words for a person."""

    reason: str
    path: str
    message: str


# Never changed, and not frozen: a frozen one takes six times as long to make, and each drop makes several.
@dataclass(slots=True)
class Receipt:
    """A stored drop: the bytes are in `raw`, or in the object `object_key`."""

    id: str
    owner: str
    subject: str
    state: ReceiptState
    sha256: bytes
    size_bytes: int
    receive_time_ns: int
    raw: bytes | None = None
    object_key: str | None = None
    sequence: int = 0
    new_since_ns: int | None = None
    """Since when it waits for a worker, so that a sweep finds what was never published."""
    process_time_ns: int | None = None
    measurement_times_ns: tuple[int, ...] = ()
    """The instants it wrote; the first 100 of `measurement_count`."""
    measurement_count: int = 0
    failures: tuple[Remark, ...] = ()
    failure_count: int = 0
    warnings: tuple[Remark, ...] = ()
    code_version: str = ""
    source: str = ""
    listed_source: str | None = None
    """The source again, and None without one: so most drops stand outside the index of it."""
    raw_delete_time_ns: int | None = None
    traceparent: str = ""
    """The span of the call that had it processed, as W3C writes it; empty without traces."""
    requests: tuple[KeptRequest, ...] = ()
    """The last replays that a caller named by a request id."""
    version: int = 0


_NEW = ReceiptState.NEW.value


def new_document(
    key: str,
    caller: Caller,
    raw: bytes | None,
    sha256: bytes,
    size_bytes: int,
    now_ns: int,
    object_key: str | None,
) -> dict[str, Any]:
    """A new receipt as it is inserted."""
    # By hand, as is its reading below: this happens for every drop before its answer, and the general way takes three
    # times as long and 160 bytes more (docs/decisions/receipts.md). Fields that are left out have their default.
    return {
        "_id": key,
        "owner": caller.owner,
        "subject": caller.subject,
        "state": _NEW,
        "sha256": sha256,
        "size_bytes": size_bytes,
        "receive_time_ns": now_ns,
        "raw": raw,
        "object_key": object_key,
        "new_since_ns": now_ns,
    }


def new_receipt(document: Mapping[str, Any]) -> Receipt:
    """A receipt as it was inserted."""
    return Receipt(
        document["_id"],
        document["owner"],
        document["subject"],
        ReceiptState.NEW,
        document["sha256"],
        document["size_bytes"],
        document["receive_time_ns"],
        document["raw"],
        document["object_key"],
        document["sequence"],
        document["new_since_ns"],
        source=document.get("source", ""),
        listed_source=document.get("listed_source"),
        version=document["_version"],
    )


def lost_its_bytes(receipt: Receipt) -> bool:
    """Whether it is quarantined since its stored bytes are missing or damaged."""
    is_quarantined = receipt.state is ReceiptState.QUARANTINED
    return is_quarantined and any(failure.reason in (CONTENT_MISSING, CONTENT_DAMAGED) for failure in receipt.failures)


def new_again(receipt: Receipt, now_ns: int) -> Receipt:
    """A quarantined receipt that is to be processed again."""
    return replace(
        receipt,
        state=ReceiptState.NEW,
        new_since_ns=now_ns,
        process_time_ns=None,
        failures=(),
        failure_count=0,
        warnings=(),
        code_version="",
    )


def without_raw(receipt: Receipt, now_ns: int) -> Receipt:
    """A receipt whose drop's bytes are deleted."""
    return replace(
        receipt,
        state=ReceiptState.DELETED,
        raw=None,
        object_key=None,
        new_since_ns=None,
        # Their texts quote the drop.
        failures=(),
        warnings=(),
        raw_delete_time_ns=now_ns,
    )


def check_raw_kept(receipt: Receipt) -> None:
    """Refuses where the bytes of a drop were deleted."""
    if receipt.raw_delete_time_ns is None:
        return
    name, since = f"receipts/{receipt.id}", format_timestamp(receipt.raw_delete_time_ns)
    raise FailedPrecondition(
        reasons.RECEIPT_DELETED,
        f"{name}: its raw bytes were deleted at {since}",
        metadata={"name": name, "raw_delete_time": since},
        http_status=410,
    )


def later(receipt: Receipt, late_ns: int) -> Receipt:
    """A settled receipt with a later process time."""
    process_time_ns = (receipt.process_time_ns or 0) + late_ns
    return replace(receipt, process_time_ns=process_time_ns, version=receipt.version + 1)


def receipt_not_found(key: str) -> NotFound:
    """There is no such receipt, or it is another owner's."""
    name = f"receipts/{key}"
    return NotFound(reasons.RECEIPT_NOT_FOUND, f"{name}: there is no such receipt", metadata={"name": name})
