"""How many instances of each service run on one machine, and how they differ."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.edge.folder import ENVOY, as_yaml
from scripts.edge.routes import SERVICES
from scripts.mesh.preflight import CannotStart
from services.common.settings import Settings

MOST = 16
# The time in which the edge notices that an instance leaves.
NOTICE_SECONDS = 5
OF_SEVERAL = ENVOY / "clusters" / "cluster.yaml"
LEAVE_OUT = frozenset({"health_checks", "common_lb_config", "outlier_detection"})
"""How the edge leaves out an instance that stops or fails, in the clusters of several machines."""
_COUNT = re.compile(r"(\w+)=(\d+)")


def read_instances(text: str, settings: Settings) -> dict[str, int]:
    """Reads `ingest=2,query=2`; a service that is not named has one. Raises CannotStart."""
    counts = dict.fromkeys(SERVICES, 1)
    for part in filter(None, text.split(",")):
        found = _COUNT.fullmatch(part.strip())
        if found is None or found[1] not in SERVICES or not 1 <= int(found[2]) <= MOST:
            raise CannotStart(
                f"--instances: {part!r} is no count; write {'=2,'.join(SERVICES)}=2, with at most {MOST} of each"
            )
        counts[found[1]] = int(found[2])
    if max(counts.values()) > 1 and not (settings.catalog and settings.objects and settings.queue):
        raise CannotStart(
            "--instances: embedded stores are for one of each service; "
            "set DROPMESH_CATALOG, DROPMESH_OBJECTS and DROPMESH_QUEUE (see docs/stores.md)"
        )
    return counts


def names(service: str, count: int) -> list[str]:
    """The instances of a service; the first has its name."""
    return [service, *(f"{service}-{number}" for number in range(2, count + 1))]


def environment(settings: Settings, name: str) -> Mapping[str, str]:
    """The settings of one of several: sockets beside those of the first, and a data folder of its own."""
    data = settings.data / "instances" / name
    data.mkdir(parents=True, exist_ok=True)
    run = settings.data / "run"
    return {
        "DROPMESH_DATA": str(data),
        "DROPMESH_MODELS": str(settings.models_folder),
        "DROPMESH_LISTEN": f"unix:{run / name}.sock",
        "DROPMESH_HTTP": f"unix:{run / name}.http.sock",
        "DROPMESH_METRICS": f"unix:{run / name}.metrics.sock",
    }


def add_instances(clusters: Path, counts: Mapping[str, int]) -> None:
    """Puts the sockets of every instance beside that of the first, in the edge's clusters."""
    found = yaml.safe_load(clusters.read_text())
    of_several = {one["name"]: one for one in yaml.safe_load(OF_SEVERAL.read_text())["resources"]}
    for cluster in found["resources"]:
        [group] = cluster["load_assignment"]["endpoints"]
        [first] = group["lb_endpoints"]
        path = Path(first["endpoint"]["address"]["pipe"]["path"])
        service, _, kind = path.name.partition(".")
        # What is scraped must be one process.
        if counts[service] > 1 and kind != "metrics.sock":
            group["lb_endpoints"] = [_endpoint(path.parent, name, kind) for name in names(service, counts[service])]
            cluster.update({key: value for key, value in of_several[cluster["name"]].items() if key in LEAVE_OUT})
    clusters.write_text(as_yaml(found))


def _endpoint(folder: Path, name: str, kind: str) -> dict[str, Any]:
    endpoint: dict[str, Any] = {"address": {"pipe": {"path": str(folder / f"{name}.{kind}")}}}
    if kind == "http.sock":
        # Whether the door serves is asked for beside it.
        endpoint["health_check_config"] = {"address": {"pipe": {"path": str(folder / f"{name}.metrics.sock")}}}
    return {"endpoint": endpoint}
