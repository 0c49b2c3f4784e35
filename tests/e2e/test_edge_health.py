"""The health that the edge answers with, before services that say what is damaged."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import httpx

from scripts.edge.config import EdgeConfig
from scripts.edge.folder import envoy_command, write_edge_folder
from services.common.base.telemetry import Metrics
from services.common.rpc.operations import Readiness, serve_operations
from tests.e2e.mesh import free_port_pair
from tests.servers.process import accepts


def test_health_names_a_store_that_is_damaged():
    port = free_port_pair()
    config = EdgeConfig(listen=f"127.0.0.1:{port}", operations=f"127.0.0.1:{port + 1}")
    damaged = {"catalog": "is damaged: database disk image is malformed"}
    stores = {**damaged, "queue": "answers"}
    readiness = Readiness(stores, [], {}, is_leaving=False, is_ready=False)
    # Not pytest's own folder: the path of a unix socket has to be short.
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as folder:
        edge_folder = Path(folder) / "edge"
        write_edge_folder(edge_folder, config)

        async def answers() -> tuple[httpx.Response, httpx.Response, httpx.Response]:
            address = f"unix:{folder}/query.metrics.sock"
            server = await serve_operations(address, Metrics(), lambda: readiness, None)
            edge = await asyncio.create_subprocess_exec(*envoy_command("--log-level", "error"), cwd=edge_folder)
            try:
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port + 1}") as http:
                    while not accepts(port + 1):  # noqa: ASYNC110 - only the port says so
                        await asyncio.sleep(0.05)
                    with_damage = await http.get("/healthz")
                    for_clients = await http.get(f"http://127.0.0.1:{port}/healthz")
                    stores.clear()
                    return with_damage, for_clients, await http.get("/healthz")
            finally:
                server.close()
                edge.kill()
                await edge.wait()

        with_damage, for_clients, without_services = asyncio.run(answers())
    assert (with_damage.status_code, with_damage.json()) == (503, {"damaged": damaged})
    (detail,) = for_clients.json()["details"]
    assert (for_clients.status_code, detail["reason"], detail["metadata"]) == (
        503,
        "STORE_CORRUPT",
        {"store": "catalog"},
    )
    # What the file is called and what is wrong with it is for operators.
    assert "malformed" not in for_clients.text
    assert (without_services.status_code, without_services.content) == (503, b"")
