"""The rules that the contract states for requests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dropmesh.buf.validate import validate_pb2
from dropmesh.v1 import error_reason_pb2 as reasons
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from services.common.base.errors import FieldViolation, InvalidArgument

if TYPE_CHECKING:
    import protovalidate

_LETTERS = 'letters, digits, "_", "." and "-"'
_SOURCE = f"must have only {_LETTERS}, and begin with a letter or a digit"
_LABEL_NAME = f'must have 1 to 63 {_LETTERS}, and begin with a letter or "_"'
_LABEL_VALUE = "must have at most 200 characters, and no NUL"
_SERIES = "series/{id}, sources/{source}/series or owners/{owner}/sources/{source}/series"
_MEASUREMENT = "measurements/{time} or sources/{source}/measurements/{time}, both also after owners/{owner}/"
# By pattern; those of most resource names follow from the pattern itself.
PATTERNS = {
    "^([0-9a-fA-F]{64})?$": "must be 64 hexadecimal digits",
    "^[0-9a-fA-F]{64}$": "must be 64 hexadecimal digits",
    "^[0-9a-f]{64}$": "must be 64 hexadecimal digits in lower case",
    "^(#[0-9A-Fa-f]{6})?$": "must be # and 6 hexadecimal digits, such as #ffcc00",
    "^([!-~]{4,64})?$": "must be 4 to 64 printable ASCII characters without blanks",
    "^[A-Za-z0-9_.-]{1,128}$": f"must be the part of the invite's uri after invites/: 1 to 128 {_LETTERS}",
    "^[A-Za-z0-9][A-Za-z0-9_.-]*$": _SOURCE,
    "^[A-Za-z_][A-Za-z0-9_.-]{0,62}$": _LABEL_NAME,
    "^[^\\x00]{0,200}$": _LABEL_VALUE,
    "^[A-Za-z_][A-Za-z0-9_.-]{0,62}=[^\\x00]{0,200}$": (
        f"must be name=value, such as site=berlin; the name {_LABEL_NAME}; the value {_LABEL_VALUE}"
    ),
    "^[1-9]([0-9]{0,11}ms|[0-9]{0,8}s|[0-9]{0,6}m|[0-9]{0,4}h|[0-9]{0,3}d)$": (
        "must be a whole number and ms, s, m, h or d, such as 500ms, 15m or 1d, up to 9999d"
    ),
    "^(owners/[^/]{1,600}/)?sources/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$": (
        f"must be sources/{{source}} or owners/{{owner}}/sources/{{source}}; the source {_SOURCE}"
    ),
    "^(owners/[^/]{1,600}/)?(sources/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/)?measurements/[0-9A-Za-z:.+-]{1,64}$": (
        f"must be {_MEASUREMENT}"
    ),
    "^(series/[A-Za-z0-9_.-]{1,64}|(owners/[^/]{1,600}/)?sources/[A-Za-z0-9][A-Za-z0-9_.-]{0,63}/series)$": (
        f"must be {_SERIES}"
    ),
}
ID = re.compile(r"\[[^\]]+\]\{\d+,\d+\}")
KEY_SHOWN = 100
MASK_RULE = "field_mask.in"


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
            FieldViolation(
                _path(violation),
                _words(violation, message.DESCRIPTOR),
                violation.proto.rule_id.upper().replace(".", "_"),
            )
            for violation in self._validator.collect_violations(message)
            if violation.proto.rule_id != MASK_RULE
        ]
        violations += _mask_violations(message)
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


def _mask_violations(message: Message) -> Iterator[FieldViolation]:
    """The masks with a path that is not exactly an allowed one.

    The validator also takes a path below an allowed one (`labels.a`), and an update, which changes whole fields, would
    change nothing.
    """
    field: Any
    for field, mask in message.ListFields():
        if field.message_type is not FieldMask.DESCRIPTOR:
            continue
        allowed = getattr(field.GetOptions().Extensions[validate_pb2.field].field_mask, "in")
        wrong = next((path for path in mask.paths if path not in allowed), None)
        if wrong is not None:
            words = f'has the path "{wrong[:KEY_SHOWN]}"; name only {", ".join(allowed)}, each as a whole'
            yield FieldViolation(field.name, words, MASK_RULE.upper().replace(".", "_"))


def _path(violation: protovalidate.Violation) -> str:
    """The path of the field, such as `anonymize.regions[0].box.right` or `labels["a b"]`."""
    field = violation.proto.field
    return ".".join(map(_step, field.elements)) if field else ""


def _step(element: Any) -> str:
    if element.subscript is None:
        return str(element.field_name)
    place = element.subscript.value
    shown = f'"{place[:KEY_SHOWN]}"' if isinstance(place, str) else place
    return f"{element.field_name}[{shown}]"


def _words(violation: protovalidate.Violation, message: Any) -> str:
    """The rule in words, where the validator would show a regular expression, a list with an empty entry or numbers."""
    rule = violation.proto.rule_id
    if rule == "string.pattern":
        words = pattern_words(str(violation.rule_value))
        return f"the name {words}" if violation.proto.for_key else words
    if rule == "string.in":
        return f"must be one of {', '.join(filter(None, map(str, violation.rule_value)))}"
    if rule in ("enum.not_in", "enum.defined_only"):
        return f"must be one of {', '.join(_allowed_values(violation, message))}"
    return str(violation.proto.message)


def _allowed_values(violation: protovalidate.Violation, message: Any) -> list[str]:
    """The names of the values that the contract allows in an enum field."""
    field: Any = None
    path: Any = violation.proto.field
    for element in path.elements:
        field = message.fields_by_name[element.field_name]
        message = field.message_type
    rules = field.GetOptions().Extensions[validate_pb2.field]
    excluded = (rules.repeated.items if rules.HasField("repeated") else rules).enum.not_in
    return [value.name for value in field.enum_type.values if value.number and value.number not in excluded]


def pattern_words(pattern: str) -> str:
    """Returns in words which texts a pattern of the contract allows."""
    if words := PATTERNS.get(pattern):
        return words
    # A name of a resource: ^media/[A-Za-z0-9_-]{1,64}$
    form = ID.sub("{id}", pattern.strip("^$").removeprefix("(").removesuffix(")?"))
    return f"must be a name such as {form}"
