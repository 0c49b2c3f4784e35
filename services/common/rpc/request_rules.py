"""The rules that the contract states for requests."""

from __future__ import annotations

import protovalidate
from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf.message import Message

from services.common.base.errors import FieldViolation, InvalidArgument


class Rules:
    """Refuses what breaks a rule."""

    def __init__(self) -> None:
        self._validator = protovalidate.Validator()

    def check(self, message: Message) -> None:
        """Raises InvalidArgument with every violation."""
        violations = [
            FieldViolation(_path(violation), str(violation.proto.message))
            for violation in self._validator.collect_violations(message)
        ]
        if violations:
            first = violations[0]
            raise InvalidArgument(
                reasons.INVALID_FIELD,
                f"{first.field}: {first.description}",
                metadata={"field": first.field},
                violations=violations,
            )


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(element.field_name for element in field.elements) if field else ""
