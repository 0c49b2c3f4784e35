"""The document that the mesh serves, held up to the mesh by judges from outside."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import openapi_spec_validator
import pytest

from tests.e2e.mesh import Mesh

SEED = "20260101"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
)


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
@pytest.mark.parametrize("mode", ["open", "tokens"])
def test_nothing_is_answered_that_is_not_documented(request, tool, tmp_path, stores, mode):
    mesh: Mesh = request.getfixturevalue("mesh" if mode == "open" else "tokens_mesh")
    said = (
        judged(tool, mesh, tmp_path, "examples,fuzzing")
        if mode == "open"
        else judged(
            tool,
            mesh,
            tmp_path,
            "examples,coverage,fuzzing",
            "--header",
            f"Authorization: {mesh.admin['authorization']}",
        )
    )
    # What it found, and the lines that show it again.
    assert said.returncode == 0, said.stdout


def judged(
    tool: Callable[[str], Path], mesh: Mesh, folder: Path, phases: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """Runs schemathesis over the document of a running mesh."""
    document = folder / "openapi.json"
    document.write_text(json.dumps(httpx.get(f"{mesh.url}/openapi.json").raise_for_status().json()))
    command = [
        str(tool("schemathesis")),
        *("run", str(document), "--url", mesh.url),
        *more,
        # Streams without an end, which the judge would read for ever.
        *("--exclude-path", "/v1/events", "--exclude-path", "/v1/events:stream"),
        *("--phases", phases, "--max-examples", "5", "--seed", SEED),
        *("--checks", ",".join(CHECKS), "--warnings", "off", "--no-shrink", "--request-timeout", "60"),
        *("--continue-on-failure", "--suppress-health-check", "all"),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
