"""Every method of the contract by five clients: each reaches it, decodes its answer, and decodes an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.clients.table.calls import METHODS, calls, reasons
from tests.e2e.clients.table.programs import generated_python, go_program, typescript_program
from tests.e2e.clients.table.resources import Made
from tests.e2e.clients.table.rows import ROWS
from tests.e2e.mesh import ROOT, Mesh

HERE = "tests.e2e.clients.table"
CLIENTS = ("gRPC", "curl", "Python REST", "Go", "TypeScript")
Find = Callable[[str], Path]
FOUND: dict[str, dict[str, list[str]]] = {}


def test_every_method_has_a_row() -> None:
    assert sorted(ROWS) == sorted(method.name for method in METHODS)


def command_of(client: str, mesh: Mesh, tool: Find, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The program of a client, and what its environment adds."""
    token = mesh.admin_token.strip()
    python = {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "proto" / "python")))}
    match client:
        case "gRPC":
            return [sys.executable, "-m", f"{HERE}.by_grpc", mesh.address, token], python
        case "curl":
            return [sys.executable, "-m", f"{HERE}.by_curl", mesh.url, token], python
        case "Python REST":
            program, package = generated_python(tool, folder)
            return [*program, mesh.url, token], {"PYTHONPATH": str(package)}
        case "Go":
            return [*go_program(tool, folder), mesh.address, token], {}
    return [*typescript_program(tool, folder), mesh.url, token], {}


@pytest.mark.parametrize("stores", ["embedded"], indirect=True, scope="session")
@pytest.mark.parametrize("client", CLIENTS)
def test_it_reaches_every_method(tokens_mesh: Mesh, tool: Find, tmp_path: Path, client: str) -> None:
    program, more = command_of(client, tokens_mesh, tool, tmp_path)
    name = client.lower().replace(" ", "-")
    with httpx.Client(base_url=tokens_mesh.url, headers=tokens_mesh.admin, timeout=60) as http:
        resources = Made(http, name, CLIENTS.index(client)).all()
    asked = list(calls(resources))
    given = "".join(json.dumps(call) + "\n" for call in asked)
    ran = subprocess.run(program, input=given, env={**os.environ, **more}, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[-2000:]
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [(one["rpc"], one["is_fault"]) for one in answers] == [(one["rpc"], one["is_fault"]) for one in asked]
    table = FOUND.setdefault(client, {})
    for answer in answers:
        table.setdefault(answer["rpc"], []).append(answer.get("answer") or answer["error"])
    wrong = [f"{one['rpc']}: {fault}" for one in answers if (fault := fault_of(one))]
    assert not wrong, "\n".join(wrong)


def fault_of(answer: dict[str, Any]) -> str:
    """What is wrong with an answer; nothing where it is as the contract says."""
    if not answer["is_fault"]:
        refused = answer.get("error", "")
        return "" if refused in ("", *ROWS[answer["rpc"]].more) else f"was refused: {refused}"
    if "error" not in answer:
        return f"succeeded: {answer['answer']}"
    method = next(method for method in METHODS if method.name == answer["rpc"])
    # InfluxDB's senders get the kind of an error, and no reason.
    allowed = reasons(method) | ({"unauthorized"} if answer["rpc"] == "WriteLines" else set())
    return "" if answer["error"] in allowed else f"is not an error of this method: {answer['error']}"


def test_all_clients_decode_the_same_errors(capsys: pytest.CaptureFixture[str]) -> None:
    if not FOUND:
        pytest.skip("needs the clients of this run")
    with capsys.disabled():
        print_table()
    for method in METHODS:
        found = {client: table[method.name][1:] for client, table in FOUND.items()}
        if method.name != "WriteLines":
            assert len(set(map(tuple, found.values()))) <= 1, (method.name, found)


def print_table() -> None:
    """One line for each method: its error, and the clients that decoded it and an answer."""
    print(f"\n{'method':24}{'error':28}{''.join(f'{client:13}' for client in FOUND)}")
    for method in METHODS:
        errors = next(iter(FOUND.values()))[method.name][1:] or ["none"]
        print(f"{method.name:24}{errors[0]:28}{'ok'.ljust(13) * len(FOUND)}")
