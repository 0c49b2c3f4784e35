"""Errors in the document: their one shape, and an example of each reason with its meaning and advice."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from dropmesh.v1 import error_reason_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2

from scripts.contract.openapi.comments import Comments
from scripts.contract.openapi.schemas import Schema, described, reference

REASONS = error_reason_pb2.ErrorReason.DESCRIPTOR
DOMAIN = "dropmesh.dev"
TYPE = "type.googleapis.com/"
DETAILS = (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo)
# Meaning. CODE, status: advice. {an ErrorInfo}
COMMENT = re.compile(
    r"(?P<meaning>.+?\.) (?P<code>[A-Z_]{6,}), (?P<status>\d{3})(?:(?:: |; )(?P<advice>.+?))?\. (?P<info>\{.*\})"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """The comment of one reason, in its parts."""

    name: str
    meaning: str
    code: str
    status: int
    advice: str
    info: dict[str, Any]

    @property
    def example(self) -> dict[str, Any]:
        """An error with this reason, as REST clients get it."""
        details: list[dict[str, Any]] = [
            {
                "@type": f"{TYPE}google.rpc.ErrorInfo",
                "reason": self.name,
                "domain": DOMAIN,
                "metadata": self.info.get("metadata", {}),
            }
        ]
        if field := self.info.get("metadata", {}).get("field"):
            violation = {"field": field, "description": "must be less than or equal to 1000", "reason": "INT32_LTE"}
            details.append({"@type": f"{TYPE}google.rpc.BadRequest", "field_violations": [violation]})
        if "RetryInfo" in self.advice:
            details.append({"@type": f"{TYPE}google.rpc.RetryInfo", "retry_delay": "1s"})
        return {"code": code_pb2.Code.Value(self.code), "message": self.meaning.rstrip("."), "details": details}


def reasons(comments: Comments) -> dict[str, Reason]:
    """Every reason, by its name."""
    return {value.name: _reason(comments, value.name) for value in REASONS.values if value.number}


def examples(found: dict[str, Reason]) -> dict[str, Schema]:
    """An example of an error for each reason."""
    return {
        name: {"summary": reason.meaning, **described(_sentence(reason.advice)), "value": reason.example}
        for name, reason in sorted(found.items())
    }


def schemas(found: dict[str, Reason]) -> dict[str, Schema]:
    """The schemas of an error."""
    listed = "\n".join(
        f"- `{name}` ({reason.code}, {reason.status}): {reason.meaning} {_sentence(reason.advice)}".rstrip()
        for name, reason in found.items()
    )
    return {
        "Status": {
            "type": "object",
            "description": "Status is the body of every error: google.rpc.Status, with one ErrorInfo in its details.",
            "required": ["code", "message", "details"],
            "properties": {
                "code": {"type": "integer", "format": "int32", "description": "The gRPC code."},
                "message": {"type": "string", "description": "What is wrong and what to do, for a person."},
                "details": {"type": "array", "items": reference("ErrorDetail")},
            },
        },
        "ErrorDetail": {
            "description": "ErrorDetail is one detail of an error; its `@type` names its fields.",
            "oneOf": [reference(detail.DESCRIPTOR.name) for detail in DETAILS],
            "discriminator": {
                "propertyName": "@type",
                "mapping": {
                    TYPE + detail.DESCRIPTOR.full_name: reference(detail.DESCRIPTOR.name)["$ref"] for detail in DETAILS
                },
            },
        },
        "ErrorReason": {
            "type": "string",
            "description": f"ErrorReason is why a call failed. More are added over time.\n\n{listed}",
            "enum": list(found),
        },
        "ErrorInfo": _detail(
            error_details_pb2.ErrorInfo,
            "ErrorInfo is the reason of an error, for a program.",
            {
                "reason": {
                    "description": "The reason. A client accepts reasons that this document does not list.",
                    "anyOf": [reference("ErrorReason"), {"type": "string"}],
                },
                "domain": {"type": "string", "description": f"{DOMAIN}"},
                "metadata": {
                    "type": "object",
                    "description": "What the reason is about, by name.",
                    "additionalProperties": {"type": "string"},
                },
            },
        ),
        "BadRequest": _detail(
            error_details_pb2.BadRequest,
            "BadRequest lists the fields of a request that break a rule.",
            {"field_violations": {"type": "array", "items": reference("FieldViolation")}},
        ),
        "FieldViolation": {
            "type": "object",
            "description": "FieldViolation is one field that breaks a rule.",
            "required": ["field", "description"],
            "properties": {
                "field": {"type": "string", "description": "The path of the field, for example `anonymize.margin`."},
                "description": {"type": "string", "description": "The rule that it breaks."},
                "reason": {"type": "string", "description": "The name of the rule, for a program."},
            },
        },
        "RetryInfo": _detail(
            error_details_pb2.RetryInfo,
            "RetryInfo says when to try again; the header Retry-After says it too.",
            {"retry_delay": {"type": "string", "description": "How long to wait.", "example": "1s"}},
        ),
    }


def _detail(detail: type[Message], text: str, properties: dict[str, Schema]) -> Schema:
    name = {"type": "string", "enum": [TYPE + detail.DESCRIPTOR.full_name]}
    return {
        "type": "object",
        "description": text,
        "required": ["@type", *properties],
        "properties": {"@type": name, **properties},
    }


def _reason(comments: Comments, name: str) -> Reason:
    text = " ".join(comments.of(f"{REASONS.full_name}.{name}").split())
    found = COMMENT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"the comment of {name} must be: Meaning. CODE, 400: advice. {{an ErrorInfo as JSON}}; it is: {text}"
        )
    return Reason(
        name,
        found["meaning"],
        found["code"],
        int(found["status"]),
        found["advice"] or "",
        json.loads(found["info"]),
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""
