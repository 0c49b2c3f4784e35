"""Runs the whole mesh: three services behind Envoy, with embedded stores unless the settings name others."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from shlex import quote

from scripts.mesh.instances import NOTICE_SECONDS, read_instances
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
from services.common.base.errors import DropmeshError
from services.common.settings import Settings, SettingsError
from services.common.settings.open_files import allow_open_files
from services.common.settings.reading import load_settings

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
        with own_folder(settings.data) as lock:
            present_space(settings.data)
            free_port(settings.edge_host, settings.edge_port, "--port")
            free_port("127.0.0.1", settings.operations_port, "--operations-port")
            from scripts.mesh.running import run

            return run(settings, lock)
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
