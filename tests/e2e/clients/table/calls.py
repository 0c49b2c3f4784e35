"""The calls of the table: for each method one that succeeds and one that fails, in a form that every client reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dropmesh.v1.behavior_pb2 import Behavior, behavior
from dropmesh.v1.error_reason_pb2 import ErrorReason
from google.protobuf.descriptor import MethodDescriptor

from scripts.contract.method_errors import COMMON, WITH_BODY, WITH_TOKEN
from scripts.edge.routes import SERVICES
from tests.e2e.clients.table.resources import filled
from tests.e2e.clients.table.rest import rest_call
from tests.e2e.clients.table.rows import ROWS, WITHOUT_ERROR

METHODS: tuple[MethodDescriptor, ...] = tuple(method for service in SERVICES.values() for method in service.methods)
NONE = {"measurements": "1999-01-01T00:00:00Z"}


def calls(resources: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Every call; each as gRPC has it, and as REST has it."""
    for method in METHODS:
        row = ROWS[method.name]
        yield _call(method, filled(row.request, resources), is_fault=False, with_token=True)
        if method.name not in WITHOUT_ERROR:
            fault = row.fault if row.fault is not None else _of_none(row.request)
            request = filled(fault if fault is not None else row.request, resources)
            yield _call(method, request, is_fault=True, with_token=fault is not None)


def reasons(method: MethodDescriptor) -> set[str]:
    """The reasons that the contract lists for a method."""
    options = method.GetOptions().Extensions[behavior]
    common = COMMON + WITH_BODY + (WITH_TOKEN if options.scope != Behavior.PUBLIC else ())
    return {*common, *map(ErrorReason.Name, options.errors)}


def _of_none(request: dict[str, Any]) -> dict[str, Any] | None:
    """The same request for a name that does not exist; None where it names nothing."""
    for field in ("name", "parent"):
        if field in request:
            kind = str(request[field]).strip("{}").partition("_")[0]
            collection = {"media": "media", "series": "series"}.get(kind, f"{kind}s")
            return {**request, field: f"{collection}/{NONE.get(collection, 'none')}"}
    return None


def _call(method: MethodDescriptor, request: dict[str, Any], *, is_fault: bool, with_token: bool) -> dict[str, Any]:
    return {
        "rpc": method.name,
        "service": method.containing_service.name,
        "is_fault": is_fault,
        "with_token": with_token,
        "request": request,
        "rest": rest_call(method, request),
    }
