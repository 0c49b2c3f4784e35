"""Runs the whole mesh: three services behind Envoy, with embedded stores unless the settings name others."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from functools import partial
from pathlib import Path
from shlex import quote

from scripts.edge.folder import envoy_command, write_edge_folder
from scripts.edge.routes import SERVICES
from scripts.mesh.admin_token import ensure_admin_token
from scripts.mesh.edge_config import edge_config
from scripts.mesh.instances import NOTICE_SECONDS, add_instances, environment, names, read_instances
from scripts.mesh.logs import keep_logs_small
from scripts.mesh.models_report import in_use, inventory, missing
from scripts.mesh.preflight import (
    NO_SPACE,
    CannotStart,
    address_each,
    free_port,
    no_space,
    own_folder,
    present_provider,
    present_space,
)
from scripts.mesh.sample import PHOTO
from scripts.mesh.stores import present_stores
from scripts.mesh.supervisor import Program, Supervisor, end_with_parent
from services.common.base.errors import DropmeshError
from services.common.settings import Mode, Settings, SettingsError
from services.common.settings.open_files import allow_open_files
from services.common.settings.reading import load_settings
from services.processor.models.errors import ModelError
from services.processor.models.registry import load_registry
from services.processor.models.store import ModelStore

HEALTHY_WITHIN_SECONDS = 60.0
# On a machine with several users only the owner may read the drops and media of others.
OWNER_ALONE = 0o077


def main() -> int:
    """Starts the mesh and stays with it until Ctrl-C, or leaves it running with --detach."""
    arguments = _arguments()
    os.umask(OWNER_ALONE)
    try:
        settings = _settings(arguments)
        allow_open_files(settings)
        address_each(settings)
        present_provider(settings.provider)
        if arguments.detach:
            return _detach(settings)
        with own_folder(settings.data):
            present_space(settings.data)
            free_port(settings.edge_host, settings.edge_port, "--port")
            free_port("127.0.0.1", settings.operations_port, "--operations-port")
            return asyncio.run(_run(settings))
    except (CannotStart, SettingsError, DropmeshError) as reason:
        cause = getattr(reason, "cause", "")
        print(f"scripts/up: {reason}{f' ({cause})' if cause else ''}", file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        print(f"scripts/up: {no_space(error.filename or 'the data folder')}", file=sys.stderr)
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/up",
        description=__doc__,
        epilog="Every other setting is an environment variable: see docs/operations.md.",
    )
    parser.add_argument(
        "--data", metavar="DIR", help="data folder: stores, sockets, logs, models (default: .dropmesh in the checkout)"
    )
    parser.add_argument("--port", metavar="PORT", help="port of the edge (default: 8080)")
    parser.add_argument("--operations-port", metavar="PORT", help="port of metrics and health (default: port + 1)")
    parser.add_argument(
        "--instances", metavar="COUNTS", help="ingest=2,processor=2,query=2: more than one of a service (on servers)"
    )
    parser.add_argument("--detach", action="store_true", help="run in the background; scripts/down stops it")
    return parser.parse_args()


def _settings(arguments: argparse.Namespace) -> Settings:
    given = {
        "DROPMESH_DATA": arguments.data,
        "DROPMESH_EDGE_PORT": arguments.port,
        "DROPMESH_OPERATIONS": arguments.operations_port,
        "DROPMESH_INSTANCES": arguments.instances,
    }
    os.environ.update({name: value for name, value in given.items() if value is not None})
    settings = load_settings()
    if max(read_instances(settings.instances, settings).values()) > 1:
        os.environ.setdefault("DROPMESH_NOTICE_SECONDS", str(NOTICE_SECONDS))
    # A service that starts again finds it also when the folder where this was typed is gone.
    os.environ["DROPMESH_DATA"] = str(settings.data)
    return settings


async def _run(settings: Settings) -> int:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    await present_stores(settings)
    await _models(settings, stopping)
    if stopping.is_set():
        return 0
    token_file = await ensure_admin_token(settings)
    say = partial(print, flush=True)
    supervisor = Supervisor(_programs(settings), say)
    started = time.monotonic()
    await supervisor.start()
    sample = asyncio.create_task(_ensure_sample(settings.data))
    logs = asyncio.create_task(keep_logs_small(settings.data / "logs", say))
    try:
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


def _detach(settings: Settings) -> int:
    """Starts the same command in the background and waits until it is healthy or has given up."""
    with own_folder(settings.data):
        # Free, and this process's to write in: what starts there takes it for as long as it runs.
        log = settings.data / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "scripts.mesh.up"),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    while process.poll() is None:
        text = log.read_text()
        if "Ctrl-C stops it." in text:
            print(text.replace("Ctrl-C stops it.", f"scripts/down --data {quote(str(settings.data))} stops it."))
            return 0
        time.sleep(0.1)
    print(log.read_text(), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
