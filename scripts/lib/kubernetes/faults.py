"""Everything that is wrong with an overlay."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from scripts.lib.kubernetes.network import unreachable_peers
from scripts.lib.kubernetes.overlays import Overlay, workloads
from scripts.lib.kubernetes.pod_security import insecure, unsafe_to_run
from scripts.lib.kubernetes.settings import edge_fault, refused_settings
from tests.servers.tools import find_tool

UNKNOWN_KIND = "Couldn't find schema"
OF_OPERATORS = frozenset({"PodMonitor", "PrometheusRule", "ScaledObject", "TriggerAuthentication"})


def overlay_faults(overlay: Overlay) -> list[str]:
    """Each fault in a line that begins with the overlay's name; Envoy itself is asked last, since it takes seconds."""
    with tempfile.TemporaryDirectory(prefix="dropmesh-") as name:
        folder = Path(name)
        found = [*_schema_faults(overlay, folder), *_references(overlay), *_rule_faults(overlay, folder)]
        found += [fault for workload in workloads(overlay) for fault in insecure(workload)]
        found += [*unsafe_to_run(overlay), *unreachable_peers(overlay), *refused_settings(overlay, folder)]
        if not found and (fault := edge_fault(overlay, folder)):
            found.append(fault)
    return [f"{overlay.name}: {fault}" for fault in found]


def _schema_faults(overlay: Overlay, folder: Path) -> Iterator[str]:
    """The refusals of the schemas of Kubernetes; kinds of operators have none here."""
    file = folder / "rendered.yaml"
    file.write_text(overlay.text)
    command = [sys.executable, "-m", "kubernetes_validate", "--strict", "--quiet", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in (done.stdout + done.stderr).splitlines():
        if UNKNOWN_KIND not in line or not any(f"kind {kind} " in line for kind in OF_OPERATORS):
            yield line
    if done.returncode:
        yield f"kubernetes_validate ended with {done.returncode}"


def _rule_faults(overlay: Overlay, folder: Path) -> Iterator[str]:
    """The objections of Prometheus' own tool to alert rules."""
    for rules in overlay.of_kind("PrometheusRule"):
        file = folder / "rules.yaml"
        file.write_text(yaml.safe_dump(rules["spec"]))
        done = subprocess.run(
            [str(find_tool("promtool")), "check", "rules", str(file)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            yield f"PrometheusRule {rules['metadata']['name']}: {done.stderr.strip()}"


def _references(overlay: Overlay) -> Iterator[str]:
    """There is a namespace that enforces `restricted`, and selectors find pods."""
    namespaces = list(overlay.of_kind("Namespace"))
    if not namespaces:
        yield "it makes no namespace that enforces pod security restricted"
    for namespace in namespaces:
        if namespace["metadata"].get("labels", {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield "the namespace does not enforce pod security restricted"
    pods = [one["spec"]["template"] for one in overlay.of_kind("Deployment", "StatefulSet")]
    for service in overlay.of_kind("Service"):
        where, wanted = f"Service {service['metadata']['name']}", service["spec"]["selector"].items()
        selected = [pod for pod in pods if wanted <= pod["metadata"]["labels"].items()]
        if not selected:
            yield f"{where}: it selects no pod"
        for pod in selected:
            ports = pod["spec"]["containers"][0]["ports"]
            there = {port.get("name") for port in ports} | {port["containerPort"] for port in ports}
            asked = {port.get("targetPort", port["port"]) for port in service["spec"]["ports"]}
            yield from (f"{where}: its pods have no port {port}" for port in sorted(map(str, asked - there)))
