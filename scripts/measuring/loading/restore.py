"""Backs a mesh up under load as docs/operations.md says, restores the copy elsewhere, and counts what is lost.

Everything acknowledged before the backup began must be in the copy, processed, with its bytes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from scripts.measuring.loading.mesh_commands import run_command
from scripts.measuring.loading.mixed_callers import Callers
from scripts.measuring.loading.server_backup import ServerBackup
from scripts.measuring.loading.store_verdict import states_of
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq
from tests.servers.s3 import s3
from tests.servers.store_settings import store_settings
from tests.servers.tools import Missing


def main() -> int:
    """Returns 0 when the copy has everything."""
    parser = argparse.ArgumentParser(prog="scripts/load restore", description=__doc__)
    parser.add_argument("--stores", choices=("embedded", "servers"), default="servers", help="(servers)")
    parser.add_argument("--seconds", type=float, default=10, help="how long callers write before the backup (10)")
    parser.add_argument("--callers", type=int, default=3, help="callers who write, of which one uploads photos (3)")
    parser.add_argument("--patience", type=float, default=120, help="seconds for the copy to finish its work in (120)")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="dropmesh-load-") as folder:
            drill = _embedded if arguments.stores == "embedded" else _on_servers
            return drill(Path(folder), arguments)
    except Missing as missing:
        print(f"scripts/load restore: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _embedded(folder: Path, arguments: argparse.Namespace) -> int:
    """Stops the mesh while callers go on, copies its folder, and runs the copy."""
    copy = folder / "copy"
    with loaded_mesh(data=folder / "data") as mesh:
        with Callers(mesh.url, arguments.callers) as callers:
            time.sleep(arguments.seconds)
            run_command({"DROPMESH_DATA": str(mesh.data)}, "scripts.mesh.down")
        shutil.copytree(mesh.data, copy, ignore=shutil.ignore_patterns("run", "logs", "lock"))
    print(f"{callers.phases[-1].line()}\nthe mesh was stopped and its folder copied")
    settings = {"DROPMESH_DATA": str(copy)}
    faults = run_command(settings, "scripts.mesh.check_store")
    with loaded_mesh(data=copy) as restored:
        return faults + _verdict(restored, callers.names, settings, arguments.patience)


def _on_servers(folder: Path, arguments: argparse.Namespace) -> int:
    """Copies documents, then objects, while callers write; restores both into empty stores beside a new queue."""
    with ExitStack() as stack:
        bucket, queue = stack.enter_context(s3()), stack.enter_context(rabbitmq())
        backup = ServerBackup(stack.enter_context(mongodb()), bucket, folder / "backup")
        before, after = (store_settings(backup.mongo_url, queue, backup.s3) for _ in range(2))
        mesh = loaded_mesh(settings=before, data=folder / "data")
        with mesh as loaded, Callers(loaded.url, arguments.callers) as callers:
            time.sleep(arguments.seconds)
            kept = list(callers.names)
            callers.begin("during the backup")
            documents = backup.dump(before["DROPMESH_CATALOG"])
            objects = backup.copy(before["DROPMESH_OBJECTS"], after["DROPMESH_OBJECTS"])
            # The tokens themselves are in the catalog.
            (folder / "restored").mkdir()
            shutil.copy(loaded.data / "admin-token", folder / "restored")
        print("\n".join(phase.line() for phase in callers.phases))
        print(f"the backup has {documents} documents and {objects} objects; {len(kept)} were acknowledged before it")
        backup.restore(after["DROPMESH_CATALOG"])
        settings = {**after, "DROPMESH_DATA": str(folder / "restored")}
        faults = run_command(settings, "batch", "sweep")
        with loaded_mesh(settings=after, data=folder / "restored") as restored:
            return faults + _verdict(restored, kept, settings, arguments.patience)


def _verdict(mesh: LoadedMesh, names: Sequence[str], settings: Mapping[str, str], patience: float) -> int:
    began = time.monotonic()
    states = states_of(mesh, names, patience)
    counts = {state: sum(found == state for found in states.values()) for state in sorted(set(states.values()))}
    listed = ", ".join(f"{count} {state}" for state, count in counts.items())
    print(f"restored: {len(names)} acknowledged: {listed}; {counts.get('LOST', 0)} lost", end="")
    print(f" ({time.monotonic() - began:.0f} s)", flush=True)
    faults = sum(run_command(settings, "batch", job) for job in ("recount", "verify-objects"))
    return 1 if faults or set(counts) - {"PROCESSED"} else 0


if __name__ == "__main__":
    sys.exit(main())
