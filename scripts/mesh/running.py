"""Starts the mesh's processes, waits until all answer, and keeps them running until a signal."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from shlex import quote
from typing import IO

from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.edge.routes import SERVICES
from scripts.mesh.admin_token import ensure_admin_token
from scripts.mesh.edge_config import edge_config
from scripts.mesh.forking import can_fork, fork_command, fork_service, load_services
from scripts.mesh.instances import add_instances, environment, names, read_instances
from scripts.mesh.logs import keep_logs_small
from scripts.mesh.models_report import in_use, inventory, missing
from scripts.mesh.sample import PHOTO
from scripts.mesh.stores import present_stores
from scripts.mesh.supervisor import Process, Program, Supervisor, end_with_parent
from services.common.settings import Mode, Settings
from services.processor.models.errors import ModelError
from services.processor.models.registry import load_registry
from services.processor.models.store import ModelStore

HEALTHY_WITHIN_SECONDS = 60.0
EDGE = "edge"


def run(settings: Settings, lock: IO[str]) -> int:
    """Runs the mesh of a data folder whose lock this process holds; returns the exit status."""
    started = time.monotonic()
    if not asyncio.run(_prepare(settings)):
        return 0
    programs = _programs(settings)
    begun = _begin(programs, lock) if can_fork() else {}
    return asyncio.run(_stay(settings, Supervisor(programs, partial(print, flush=True), begun), started))


async def _prepare(settings: Settings) -> bool:
    """Checks the stores and fetches the models; False where a signal ended it."""
    stopping = _stop_signal()
    await present_stores(settings)
    await _models(settings, stopping)
    return not stopping.is_set()


def _begin(programs: Sequence[Program], lock: IO[str]) -> dict[str, Process]:
    """Starts the edge, and while it starts loads the services and forks them: first the one that takes longest."""
    begun: dict[str, Process] = {one.name: fork_command(one) for one in programs if one.name == EDGE}
    services = [one for one in programs if one.name in SERVICES and not one.environment]
    load_services([one.name for one in services])
    for one in sorted(services, key=lambda one: one.name != "processor"):
        begun[one.name] = fork_service(one, one.name, lock.close)
    return begun


async def _stay(settings: Settings, supervisor: Supervisor, started: float) -> int:
    stopping = _stop_signal()
    await supervisor.start()
    sample = asyncio.create_task(_ensure_sample(settings.data))
    logs = asyncio.create_task(keep_logs_small(settings.data / "logs", partial(print, flush=True)))
    try:
        token_file = await ensure_admin_token(settings)
        if not await _healthy(settings, stopping):
            if not stopping.is_set():
                print(
                    f"the mesh did not become healthy within {HEALTHY_WITHIN_SECONDS:g} s; logs: {settings.data}/logs",
                    file=sys.stderr,
                )
            return 1
        await sample
        print(_welcome(settings, token_file, time.monotonic() - started), flush=True)
        await stopping.wait()
        print("\nstopping…", flush=True)
        return 0
    finally:
        sample.cancel()
        logs.cancel()
        await supervisor.stop()


def _stop_signal() -> asyncio.Event:
    """The event that is set by each signal that ends the mesh."""
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


async def _ensure_sample(data: Path) -> None:
    """Renders the sample photo where it is missing, in a process of its own: OpenCV takes memory."""
    if not (data / PHOTO).exists():
        command = (sys.executable, "-m", "scripts.mesh.sample", str(data))
        process = await asyncio.create_subprocess_exec(*command, preexec_fn=end_with_parent)
        await process.wait()


async def _models(settings: Settings, stopping: asyncio.Event) -> None:
    """Pulls missing models, and says what is in use; what cannot be pulled stops nothing."""
    try:
        registry, store = load_registry(settings.models_folder), ModelStore(settings.models_folder)
        is_whole = not settings.pull_models or not any(missing(registry, store, mirrored=bool(settings.models_mirror)))
        if is_whole:
            lines = [] if settings.pull_models else [*inventory(registry, store), ""]
            print(*lines, *in_use(registry, store), sep="\n", flush=True)
            return
    except ModelError as error:
        print(error, file=sys.stderr)
        return
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scripts.mesh.models",
        "pull",
        "--quick",
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait((stop, done := asyncio.create_task(process.wait())), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not done.done():
        process.terminate()
    await done


def _programs(settings: Settings) -> list[Program]:
    logs = settings.data / "logs"
    folder = settings.data / "run" / "edge"
    counts = read_instances(settings.instances, settings)
    write_edge_folder(folder, edge_config(settings))
    add_instances(folder / "clusters.yaml", counts)
    services = [
        Program(
            name,
            (sys.executable, "-m", f"services.{service}"),
            {} if name == service else environment(settings, name),
            logs / f"{name}.log",
        )
        for service in SERVICES
        for name in names(service, counts[service])
    ]
    edge = envoy_command("--log-level", "warning", "--file-flush-interval-msec", "1000")
    return [*services, Program("edge", edge, {}, logs / "edge.log", folder)]


async def _healthy(settings: Settings, stopping: asyncio.Event) -> bool:
    """Whether every service answers through the edge, within the time it may take."""
    deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
    address = f"http://127.0.0.1:{settings.operations_port}/healthz"
    while time.monotonic() < deadline and not stopping.is_set():
        if await asyncio.to_thread(_answers, address):
            return True
        with suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), 0.1)
    return False


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - an address made above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _welcome(settings: Settings, token_file: Path, seconds: float) -> str:
    url = settings.edge_url
    bearer = f'-H "Authorization: Bearer $(cat {quote(str(token_file))})"'
    auth = "" if settings.mode is Mode.OPEN else f" {bearer}"
    photo = settings.data / PHOTO
    drop = """'{"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]}'"""
    return f"""
Dropmesh is up ({seconds:.1f} s): {url}  (REST, gRPC and gRPC-Web; documentation at {url}/docs)
  data and logs   {settings.data}
  admin token     {token_file}
  health          http://127.0.0.1:{settings.operations_port}/healthz
  metrics         http://127.0.0.1:{settings.operations_port}/metrics/ingest, …/processor, …/query

Five lines to paste:
  curl{auth} -X POST -d {drop} '{url}/v1/measurements?wait=2s'
  curl{auth} {url}/v1/measurements/2019-05-01T10:00:00Z
  curl{auth} -F {quote(f"photo=@{photo}")} {url}/v1/media
  curl{auth} --data-binary {quote(f"@{photo}")} -o covered.jpg {url}/v1/images:anonymize
  curl {bearer} {url}/v1/statistics

Ctrl-C stops it."""
