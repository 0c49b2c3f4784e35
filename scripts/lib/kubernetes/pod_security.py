"""The pod security standard `restricted`, as Kubernetes documents it, and the mesh's own rules for its programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.lib.kubernetes.overlays import Overlay, Workload, workloads

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
ADDED_MOST = {"NET_BIND_SERVICE"}
LEAST_REPLICAS = 2


def insecure(workload: Workload) -> Iterator[str]:
    """Yields each point in which a program does not keep `restricted`."""
    pod, where = workload.pod, f"{workload.kind} {workload.name}"
    for shared in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(shared):
            yield f"{where}: {shared} is set"
    for volume in pod.get("volumes", ()):
        if kinds := set(volume) - {"name"} - VOLUMES:
            yield f"{where}: the volume {volume['name']} is a {kinds.pop()}"
    context = pod.get("securityContext", {})
    if context.get("sysctls"):
        yield f"{where}: sysctls are set"
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        yield from _insecure_container(f"{where}, container {container['name']}", context, container)


def _insecure_container(where: str, of_pod: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    context = container.get("securityContext", {})
    merged = {**of_pod, **context}
    capabilities = context.get("capabilities", {})
    wanted = (
        (context.get("allowPrivilegeEscalation") is False, "allowPrivilegeEscalation is not false"),
        (not context.get("privileged"), "it is privileged"),
        ("ALL" in capabilities.get("drop", ()), "it does not drop every capability"),
        (set(capabilities.get("add", ())) <= ADDED_MOST, "it adds capabilities"),
        (merged.get("runAsNonRoot") is True, "runAsNonRoot is not true"),
        (merged.get("runAsUser") != 0, "it runs as root"),
        (
            merged.get("seccompProfile", {}).get("type") in {"RuntimeDefault", "Localhost"},
            "its seccomp profile is neither RuntimeDefault nor Localhost",
        ),
        (context.get("procMount", "Default") == "Default", "procMount is not Default"),
        (not any(port.get("hostPort") for port in container.get("ports", ())), "it takes a port of the host"),
    )
    yield from (f"{where}: {fault}" for holds, fault in wanted if not holds)


def unsafe_to_run(overlay: Overlay) -> Iterator[str]:
    """Yields each point in which a program could not be restarted, moved or bounded without harm."""
    least = {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["minReplicas"] for one in _scaled(overlay)}
    budgets = {one["metadata"]["name"] for one in overlay.of_kind("PodDisruptionBudget")}
    for workload in workloads(overlay):
        where = f"{workload.kind} {workload.name}"
        yield from (f"{where}: {fault}" for fault in _program_faults(workload))
        if workload.kind == "Deployment":
            if least.get(workload.name, 0) < LEAST_REPLICAS:
                yield f"{where}: no autoscaler keeps two of it"
            if workload.name not in budgets:
                yield f"{where}: it has no PodDisruptionBudget"
            if not workload.pod.get("topologySpreadConstraints"):
                yield f"{where}: its pods may all be on one node"


def _program_faults(workload: Workload) -> Iterator[str]:
    pod, container = workload.pod, workload.container
    if pod.get("automountServiceAccountToken") is not False:
        yield "it gets a token of the Kubernetes API"
    if pod.get("enableServiceLinks") is not False:
        yield "it gets variables of Services, which may look like settings"
    resources = container.get("resources", {})
    if not all({"cpu", "memory"} <= resources.get(part, {}).keys() for part in ("requests", "limits")):
        yield "it has no requests or limits of CPU and memory"
    if workload.kind in {"Deployment", "StatefulSet"}:
        yield from (f"it has no {probe}" for probe in ("readinessProbe", "livenessProbe") if probe not in container)
    if workload.is_ours:
        if not container["securityContext"].get("readOnlyRootFilesystem"):
            yield "its root file system can be written"
        drain = _seconds(workload.environment().get("DROPMESH_DRAIN_SECONDS", "0"))
        pause = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        if workload.kind == "Deployment" and pod["terminationGracePeriodSeconds"] <= drain + pause:
            yield "it is killed before it has drained"


def _seconds(text: str) -> float:
    """A setting in seconds; what is none is refused by the settings themselves."""
    try:
        return float(text)
    except ValueError:
        return 0.0


def _scaled(overlay: Overlay) -> Iterator[dict[str, Any]]:
    yield from overlay.of_kind("HorizontalPodAutoscaler")
    for one in overlay.of_kind("ScaledObject"):
        spec = one["spec"]
        yield {"spec": {"scaleTargetRef": spec["scaleTargetRef"], "minReplicas": spec["minReplicaCount"]}}
