"""Whether the programs of an overlay would start with their environment, and the edge with its configuration."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from scripts.edge.folder import write_edge_folder
from scripts.edge.validation import is_valid
from scripts.lib.image_environment import image_environment
from scripts.lib.kubernetes.overlays import Overlay, OverlayInvalid, Workload, workloads
from scripts.mesh.edge import pod_config
from services.common.settings import PREFIX, Settings, SettingsError
from services.common.settings.reading import load_settings

# Read by programs or libraries of the image.
OTHERS = frozenset({"AWS_CA_BUNDLE", "PYTHON_CPU_COUNT"})
MOUNTED = "/etc/dropmesh/"
WRITABLE = frozenset({"emptyDir", "persistentVolumeClaim", "ephemeral"})


def refused_settings(overlay: Overlay, folder: Path) -> Iterator[str]:
    """Yields each variable that a program of ours would not take, or that names a path that it does not have."""
    for workload in workloads(overlay):
        if workload.is_ours:
            yield from (f"{workload.kind} {workload.name}: {fault}" for fault in _faults(workload, folder))


def edge_fault(overlay: Overlay, folder: Path) -> str | None:
    """Returns Envoy's objection to the configuration that the overlay's edge would write; None if it has none."""
    (edge,) = (found for found in workloads(overlay) if found.name == "edge")
    settings = load_settings(played_environment(edge, folder))
    write_edge_folder(folder / overlay.name, pod_config(settings), "cluster")
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        return None if is_valid(folder / overlay.name) else said.getvalue()


def played_environment(workload: Workload, folder: Path) -> dict[str, str]:
    """The variables of a program in its container, with files in `folder` in place of those that Secrets mount."""
    environment = image_environment() | workload.environment()
    for path, kind in workload.mounts().items():
        if kind == "secret":
            made = certificate_files(folder / path.strip("/").replace("/", "-"))
            environment = {
                name: re.sub(rf"{re.escape(path)}(?=/)", str(made), value) for name, value in environment.items()
            }
    return environment


def certificate_files(folder: Path) -> Path:
    """A folder with a certificate of its own authority: tls.crt, tls.key and ca.crt."""
    if not folder.exists():
        folder.mkdir(parents=True)
        new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
        subprocess.run([*new, *subject, *files], check=True, capture_output=True)
        (folder / "ca.crt").write_bytes((folder / "tls.crt").read_bytes())
    return folder


def _faults(workload: Workload, folder: Path) -> Iterator[str]:
    given = workload.environment()
    yield from unknown_variables(given)
    mounts = workload.mounts()
    for name, value in (image_environment() | given).items():
        if name.startswith(PREFIX) and value.startswith("/") and not value.startswith(tuple(mounts)):
            yield f"{name} is {value}, which is no volume"
    yield from _missing_files(workload, given)
    data = mounts.get((image_environment() | given)[f"{PREFIX}DATA"])
    if data not in WRITABLE:
        yield f"{PREFIX}DATA cannot be written"
    try:
        load_settings(played_environment(workload, folder))
    except SettingsError as error:
        yield str(error)
    command = workload.container["command"]
    if command[:2] != ["python", "-m"] or not _exists(command[2]) or not _takes(command[2], command[3:]):
        yield f"there is no program {' '.join(command)}"


def unknown_variables(given: Mapping[str, str]) -> Iterator[str]:
    """Yields each variable that nothing in the image reads."""
    for name in given:
        is_setting = name.startswith(PREFIX) and name.removeprefix(PREFIX).lower() in Settings.model_fields
        if not is_setting and name not in OTHERS:
            yield f"{name} is not a setting"


def _missing_files(workload: Workload, given: Mapping[str, str]) -> Iterator[str]:
    """Yields each Secret that a volume needs and that is made nowhere, and each of its files that is not in it."""
    files = set()
    paths = {mount["name"]: mount["mountPath"] for mount in workload.container.get("volumeMounts", ())}
    for volume in (one for one in workload.pod["volumes"] if "secret" in one):
        try:
            secret = workload.overlay.values("Secret", volume["secret"]["secretName"])
        except OverlayInvalid as invalid:
            yield str(invalid)
        else:
            files |= {f"{paths[volume['name']]}/{key}" for key in secret}
    # The edge has the settings of all and opens no store.
    opens_stores = f"{PREFIX}CATALOG" in given
    for name, value in given.items() if opens_stores else ():
        named = set(re.findall(rf"{MOUNTED}[\w./-]+", value))
        yield from (f"{name} names {path}, which no Secret holds" for path in sorted(named - files))


def _takes(module: str, arguments: Sequence[str]) -> bool:
    """Whether the jobs of the batch layer have these arguments; no other program in a pod is given any."""
    if module != "batch":
        return not arguments
    from batch.__main__ import command_parser

    try:
        with contextlib.redirect_stderr(io.StringIO()):
            command_parser().parse_args(arguments)
    except SystemExit:
        return False
    return True


def _exists(module: str) -> bool:
    path = Path(*module.split("."))
    root = Path(__file__).resolve().parents[3]
    return (root / path).with_suffix(".py").exists() or (root / path / "__main__.py").exists()
