"""The errors that each method may answer with: as its option lists them, and as its comment lists them to a reader."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from dropmesh.v1 import behavior_pb2, error_reason_pb2, ingest_service_pb2, processor_service_pb2, query_service_pb2
from dropmesh.v1.behavior_pb2 import Behavior
from google.protobuf.descriptor import MethodDescriptor

# Any method may answer with these; neither its option nor its comment repeats them.
COMMON = (
    "INVALID_FIELD",
    "REQUEST_MALFORMED",
    "ORIGIN_NOT_ALLOWED",
    "TOO_BUSY",
    "RATE_LIMITED",
    "INTERNAL_FAULT",
    "STORE_UNAVAILABLE",
    "STORE_CORRUPT",
    "SERVICE_UNAVAILABLE",
    "TIMED_OUT",
)
WITH_BODY = ("REQUEST_TOO_LARGE",)
WITH_TOKEN = ("TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED", "SCOPE_MISSING")
METHODS: dict[str, MethodDescriptor] = {
    method.full_name: method
    for module in (ingest_service_pb2, processor_service_pb2, query_service_pb2)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
_RPC = re.compile(r"(?P<comment>(?:^  //.*\n)+)^  rpc (?P<name>\w+)\(", re.MULTILINE)
_ERRORS = re.compile(r"\bErrors: (?P<list>[^.]+)\.")
_OTHERS = re.compile(r"those of (\w+)")
_REASON = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


def errors_in_option(method: MethodDescriptor) -> set[str]:
    """Returns the errors that the method's option lists."""
    return {error_reason_pb2.ErrorReason.Name(error) for error in _behavior(method).errors}


def errors_in_comments(files: Iterable[Path]) -> dict[str, set[str]]:
    """Returns the errors that the comment of each method lists, by the method's name; "those of X" means all of X's."""
    texts = {found["name"]: found["comment"] for file in files for found in _RPC.finditer(file.read_text())}
    return {name: _errors_in(texts, name) for name in texts}


def may_answer(method: str, reason: str) -> bool:
    """Whether the contract says that a method, named in full, may answer with this error."""
    described = METHODS[method]
    common: tuple[str, ...] = COMMON + WITH_BODY
    if _behavior(described).scope != Behavior.PUBLIC:
        common += WITH_TOKEN
    return reason in common or reason in errors_in_option(described)


def _errors_in(texts: dict[str, str], name: str) -> set[str]:
    found = _ERRORS.search(re.sub(r"\n  // ?", " ", texts[name]))
    if found is None:
        return set()
    others = [_errors_in(texts, other) for other in _OTHERS.findall(found["list"])]
    return set(_REASON.findall(found["list"])).union(*others)


def _behavior(method: MethodDescriptor) -> Behavior:
    behavior: Behavior = method.GetOptions().Extensions[behavior_pb2.behavior]
    return behavior
