"""The document that the mesh serves, held up to the mesh by judges from outside."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import openapi_spec_validator
import pytest

from tests.e2e.mesh import Mesh
from tests.support.judging import Finding, findings

SEED = "20260101"
# A run that finds nothing ends by itself; fuzzing goes on for so long.
MOST_SECONDS = 100
# Streams have no end unless they are asked for one.
HOOKS = """
import schemathesis

@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path in ("/v1/events", "/v1/events:stream"):
        case.query = {**(case.query or {}), "end_after": "0.2s"}
"""
# Refusals of what a schema allows. A schema states a rule of one value; these are about more than that.
GENERIC = {"", "INVALID_FIELD", "REQUEST_MALFORMED", "ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED", "SERVICE_FAULT"}
# The operations, the field, and after it the rule.
OPTIONS = (
    r"(POST|PUT) /v1/(media|uploads|invites|images:anonymize|media/\{media\}:process)|PATCH /v1/invites/\{invite\}"
)
FORMS = r"(POST|PUT) /v1/(media|invites/\{link\}/media)"
MORE_THAN_ONE_VALUE = (
    # An area ends after it begins, and has either a box or keyframes; each class once.
    (OPTIONS, r"((upload|invite)\.)?(anonymize\.)?(regions|exempt|class_options)\[\d+\].*"),
    # At most 100,000 windows hold points: that depends on the series.
    (r"GET /v1/.*series.*/points", "window"),
    # In the future, for at most a year.
    (r"POST /v1/invites|PATCH /v1/invites/\{invite\}", r"(invite\.)?expire_time"),
    # An offset moves an instant of 1970 into the year before.
    (r".*/measurements/\{measurement\}.*", "name|parent"),
    # The names of a map: OpenAPI 3.0 has no pattern for them.
    (r"PATCH /v1/media/\{media\}|(POST|PUT) /v1/(media|uploads)", r"(media\.|upload\.)?labels.*"),
    # A form's field after the last file.
    (FORMS, "objects|mode|labels|filename|sha256|sender_name|pin|anonymize"),
    # Parts of a series that contradict each other or the bytes; labels as name=value.
    (
        r"(POST|PATCH) /v1/series.*",
        r"values|timestamps|channels|unit|start_time|sample_rate_hz|labels\.?.*|data|display_name",
    ),
)
MALFORMED = (
    "Root element must be a message",  # expire_time and ttl exclude each other
    "is already set",
    "must have a name",  # an empty key
    "escaped slash",
    "invalid value",
    "is not a valid Duration",
    "is not a valid Timestamp",
)
# JSON's mapping of protobuf: null is unset, an enum may be its number, and what is empty is unset.
# In a form a class may be given twice, and a long file name is cut.
LENIENT = re.compile(r"[Ii]ncorrect type|Missing request body|'uuid' format|in body - (objects|filename): ")

DROP = re.compile(r"POST /v1/(sources/\{source\}/)?measurements")


def test_the_document_is_one(client):
    openapi_spec_validator.validate(client.get("/openapi.json").json())


def test_every_path_of_the_document_is_one_of_the_edge(client):
    for path, operations in client.get("/openapi.json").json()["paths"].items():
        answer = client.options(path.replace("{", "").replace("}", ""))
        allowed = answer.headers["allow"].split(", ")
        # HEAD goes without saying where there is GET.
        assert {verb.upper() for verb in operations} | {"OPTIONS", "HEAD"} == {*allowed, "HEAD"}, path


# What is judged is the edge and the document: one kind of stores is enough.
@pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
def test_nothing_is_answered_that_is_not_documented_without_a_token(mesh, tool, tmp_path):
    found = judged(tool, mesh, tmp_path, "examples,fuzzing", max_seconds=30)
    left = [str(one) for one in found if not is_explained(one)]
    assert not left, "\n\n".join(left)


@pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
def test_nothing_is_answered_that_is_not_documented(tokens_mesh, tool, tmp_path):
    token = f"Authorization: {tokens_mesh.admin['authorization']}"
    phases = "examples,coverage,fuzzing,stateful"
    found = judged(tool, tokens_mesh, tmp_path, phases, "--header", token, max_seconds=MOST_SECONDS)
    left = [str(one) for one in found if not is_explained(one)]
    assert not left, "\n\n".join(left)


def is_explained(found: Finding) -> bool:
    """Whether an answer is right although the check thinks otherwise."""
    match found.check:
        case "positive_data_acceptance" | "status_code_conformance" if is_without_a_name(found.request):
            # It went to another method: that of a source, whose parameters are others.
            return found.reason in ("METHOD_NOT_ALLOWED", "ROUTE_NOT_FOUND", "REQUEST_MALFORMED", "SOURCE_NOT_FOUND")
        case "positive_data_acceptance" if found.operation == "POST /api/v2/write":
            # InfluxDB's shape of an error, which has no reason: the lines are not UTF-8.
            return found.status == 400
        case "positive_data_acceptance" if found.reason == "INVALID_FIELD":
            return any(
                re.fullmatch(operations, found.operation) and re.fullmatch(field, found.field, re.DOTALL)
                for operations, field in MORE_THAN_ONE_VALUE
            )
        case "positive_data_acceptance" if found.reason == "REQUEST_MALFORMED":
            return any(text in found.answer for text in MALFORMED)
        case "positive_data_acceptance":
            # A reason of the method's own: status_code_conformance has looked whether it lists it.
            return found.reason not in GENERIC
        case "response_schema_conformance":
            # It holds each event to the schema of the whole text.
            return found.operation.startswith("GET /v1/events") and found.message.startswith("Event #")
        case "negative_data_rejection":
            # A drop is kept as it came, and judged afterwards.
            return LENIENT.search(found.message) is not None or DROP.fullmatch(found.operation) is not None
        case "unsupported_method":
            # The edge's parser of HTTP knows no such verb.
            return found.request.startswith("QUERY ") and found.reason == "REQUEST_MALFORMED"
    return False


def is_without_a_name(request: str) -> bool:
    """Whether a link of the judge's took the empty source of a measurement for a part of a path."""
    return "/v1/sources/measurements" in request or "/v1/sources//" in request


def judged(
    tool: Callable[[str], Path], mesh: Mesh, folder: Path, phases: str, *more: str, max_seconds: int
) -> list[Finding]:
    """Runs schemathesis with all its checks over the document of a running mesh; returns what it found."""
    document, report = folder / "openapi.json", folder / "found.ndjson"
    document.write_text(json.dumps(httpx.get(f"{mesh.url}/openapi.json").raise_for_status().json()))
    (folder / "hooks.py").write_text(HOOKS)
    command = [
        str(tool("schemathesis")),
        *("run", str(document), "--url", mesh.url),
        *more,
        *("--phases", phases, "--max-examples", "3", "--seed", SEED, "--max-time", str(max_seconds)),
        *("--warnings", "off", "--no-shrink", "--request-timeout", "60", "--continue-on-failure"),
        *("--suppress-health-check", "all", "--report", "ndjson", "--report-ndjson-path", str(report)),
    ]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(folder)}
    said = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=900
    )
    assert said.returncode in (0, 1), said.stdout + said.stderr
    assert "errored" not in said.stdout, said.stdout
    assert f"Tested: {len(operations(document))}" in " ".join(said.stdout.split()), said.stdout
    return list(findings(report))


def operations(document: Path) -> list[str]:
    """The operations of a document."""
    return [verb for path in json.loads(document.read_text())["paths"].values() for verb in path]
