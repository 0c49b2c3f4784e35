"""The rules that the contract states for requests."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from dropmesh.buf.validate import validate_pb2
from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf.message import Message

from services.common.base.errors import FieldViolation, InvalidArgument

if TYPE_CHECKING:
    import protovalidate


class Rules:
    """Refuses what breaks a rule.

    The validator is not called for a message that sets no field with a rule: that is as valid as an empty one, which
    most of the contract's messages may be. docs/decisions/request-rules.md has the figure.
    """

    def __init__(self) -> None:
        self._ruled: dict[type[Message], frozenset[int] | None] = {}

    @cached_property
    def _validator(self) -> protovalidate.Validator:
        # A sixth of the time that a service takes to start.
        import protovalidate

        return protovalidate.Validator()

    def prepare(self) -> None:
        """Loads the validator, which the first check would wait for."""
        self._validator  # noqa: B018

    def check(self, message: Message) -> None:
        """Raises InvalidArgument with every violation."""
        if self._sets_no_ruled_field(message):
            return
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

    def _sets_no_ruled_field(self, message: Message) -> bool:
        kind = type(message)
        if kind not in self._ruled:
            self._ruled[kind] = self._find_ruled(kind)
        ruled = self._ruled[kind]
        return ruled is not None and ruled.isdisjoint([field.number for field, _ in message.ListFields()])

    def _find_ruled(self, kind: type[Message]) -> frozenset[int] | None:
        """The numbers of the fields with rules; None where rules hold for the message as a whole."""
        if _is_ruled_as_a_whole(kind.DESCRIPTOR) or self._validator.collect_violations(kind()):
            return None
        return frozenset(field.number for field in kind.DESCRIPTOR.fields if _is_ruled(field))


def _is_ruled(field: Any, around: frozenset[str] = frozenset()) -> bool:
    """Whether a field has rules, or can hold a message with any; `around` are those that it stands in."""
    inner = field.message_type
    if inner is None or inner.full_name in around:
        return _has(field, validate_pb2.field)
    around |= {inner.full_name}
    return (
        _has(field, validate_pb2.field)
        or _is_ruled_as_a_whole(inner)
        or any(_is_ruled(one, around) for one in inner.fields)
    )


def _is_ruled_as_a_whole(descriptor: Any) -> bool:
    return _has(descriptor, validate_pb2.message) or any(_has(one, validate_pb2.oneof) for one in descriptor.oneofs)


def _has(descriptor: Any, rules: Any) -> bool:
    return bool(descriptor.GetOptions().HasExtension(rules))


def _path(violation: protovalidate.Violation) -> str:
    field = violation.proto.field
    return ".".join(element.field_name for element in field.elements) if field else ""
