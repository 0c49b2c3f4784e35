"""Why something failed, as it is stored and as the contract tells it."""

from __future__ import annotations

import grpc
from dropmesh.v1 import error_reason_pb2 as reasons
from google.rpc.status_pb2 import Status

from services.common.base.errors import DropmeshError
from services.common.media.model import Failure
from services.common.rpc.guard import error_status

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def failure_of(error: DropmeshError) -> Failure:
    """What is stored of an error."""
    reason = reasons.ErrorReason.Name(error.reason)
    return Failure(error.code.value[0], reason, error.message, error.metadata)


def failure_status(failure: Failure) -> Status:
    """The status that a call would have answered with."""
    return error_status(_Told(failure))


class _Told(DropmeshError):
    def __init__(self, failure: Failure) -> None:
        self.code = _CODES[failure.code]  # type: ignore[misc]
        super().__init__(reasons.ErrorReason.Value(failure.reason), failure.message, metadata=failure.metadata)
