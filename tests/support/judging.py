"""Reads what schemathesis found: each failed check with the request and the answer that it is about."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPERATION = re.compile(r"^[A-Z]+ /")


@dataclass(frozen=True)
class Finding:
    """One failed check."""

    check: str
    operation: str
    message: str
    phase: str
    request: str
    body: str
    status: int
    reason: str
    field: str
    answer: str

    def __str__(self) -> str:
        lines = (self.request, self.body[:300], f"{self.status} {self.answer[:300]}")
        return "\n  ".join((f"{self.check} ({self.phase}) {self.operation}: {self.message}", *filter(None, lines)))


def findings(report: Path) -> Iterator[Finding]:
    """The failed checks of a report in NDJSON."""
    for line in report.read_text().splitlines():
        event = json.loads(line).get("ScenarioFinished")
        if event is not None:
            recorder = event["recorder"]
            for case_id, checks in recorder.get("checks", {}).items():
                for check in checks:
                    if check["status"] != "success":
                        yield _finding(event, recorder, case_id, check)


def _finding(event: Any, recorder: Any, case_id: str, check: Any) -> Finding:
    failure = check["failure_info"]["failure"]
    interaction = recorder.get("interactions", {}).get(case_id) or {}
    request, response = interaction.get("request") or {}, interaction.get("response") or {}
    case = recorder["cases"][case_id]["value"]
    answer = _text(response.get("content"), response.get("headers") or {})
    info = _info(answer)
    return Finding(
        check["name"],
        f"{case['method']} {case['path']}",
        " ".join(failure.get("message", "").split()),
        event["phase"],
        f"{request.get('method', '')} {request.get('uri', '')}",
        _text(request.get("body"), {}),
        response.get("status_code", 0),
        info.get("reason", ""),
        info.get("metadata", {}).get("field", ""),
        answer,
    )


def _text(content: Any, headers: Any) -> str:
    if not content:
        return ""
    data = base64.b64decode(content["$base64"]) if isinstance(content, dict) else str(content).encode()
    if data[:2] == b"\x1f\x8b" and "gzip" in str(headers.get("content-encoding")):
        data = gzip.decompress(data)
    return data.decode(errors="replace")


def _info(answer: str) -> Any:
    try:
        return next(detail for detail in json.loads(answer)["details"] if "reason" in detail)
    except (ValueError, KeyError, TypeError, StopIteration):
        return {}
