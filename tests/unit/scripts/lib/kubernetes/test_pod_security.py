from __future__ import annotations

import copy
from typing import Any

import pytest

from scripts.lib.kubernetes.overlays import Overlay, Workload
from scripts.lib.kubernetes.pod_security import insecure, unsafe_to_run

POD: dict[str, Any] = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "terminationGracePeriodSeconds": 60,
    "topologySpreadConstraints": [{"maxSkew": 1}],
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "ingest",
            "image": "dropmesh",
            "env": [{"name": "DROPMESH_DRAIN_SECONDS", "value": "20"}],
            "resources": {"requests": {"cpu": 1, "memory": 1}, "limits": {"cpu": 1, "memory": 1}},
            "readinessProbe": {},
            "livenessProbe": {},
            "lifecycle": {"preStop": {"sleep": {"seconds": 10}}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
    ],
    "volumes": [{"name": "data", "emptyDir": {}}],
}


def changed(*path: str | int, value: Any) -> dict[str, Any]:
    """The pod with one value replaced; None removes it."""
    pod = copy.deepcopy(POD)
    place: Any = pod
    for step in path[:-1]:
        place = place[step]
    if value is None:
        del place[path[-1]]
    elif isinstance(place, list) and path[-1] == "+":
        place.append(value)
    else:
        place[path[-1]] = value
    return pod


def overlay(pod: dict[str, Any], *, least: int = 2, budget: str = "ingest") -> Overlay:
    scaler = {"scaleTargetRef": {"name": "ingest"}, "minReplicas": least}
    objects = (
        {"kind": "Deployment", "metadata": {"name": "ingest"}, "spec": {"template": {"spec": pod}}},
        {"kind": "HorizontalPodAutoscaler", "metadata": {"name": "ingest"}, "spec": scaler},
        {"kind": "PodDisruptionBudget", "metadata": {"name": budget}},
    )
    return Overlay("test", objects, "")


def workload(pod: dict[str, Any]) -> Workload:
    return Workload(overlay(pod), "Deployment", "ingest", pod)


def test_a_restricted_pod_has_no_faults():
    assert list(insecure(workload(POD))) == []
    assert list(unsafe_to_run(overlay(POD))) == []


CONTEXT = ("containers", 0, "securityContext")


@pytest.mark.parametrize(
    ("pod", "fault"),
    [
        (changed("hostNetwork", value=True), "hostNetwork is set"),
        (changed("volumes", "+", value={"name": "host", "hostPath": {"path": "/"}}), "the volume host is a hostPath"),
        (changed("securityContext", "runAsNonRoot", value=None), "runAsNonRoot is not true"),
        (changed("securityContext", "runAsUser", value=0), "it runs as root"),
        (changed("securityContext", "seccompProfile", value=None), "its seccomp profile is neither"),
        (changed("securityContext", "sysctls", value=[{"name": "a"}]), "sysctls are set"),
        (changed(*CONTEXT, "allowPrivilegeEscalation", value=None), "allowPrivilegeEscalation is not false"),
        (changed(*CONTEXT, "privileged", value=True), "it is privileged"),
        (changed(*CONTEXT, "capabilities", value=None), "it does not drop every capability"),
        (changed(*CONTEXT, "capabilities", "add", value=["SYS_ADMIN"]), "it adds capabilities"),
        (changed("containers", 0, "ports", value=[{"hostPort": 80}]), "it takes a port of the host"),
    ],
)
def test_each_point_of_restricted_is_held(pod, fault):
    (found,) = insecure(workload(pod))
    assert fault in found
    assert found.startswith("Deployment ingest")


def test_init_containers_count_too():
    pod = changed("initContainers", value=[{"name": "first", "securityContext": {"privileged": True}}])
    assert any("container first: it is privileged" in fault for fault in insecure(workload(pod)))


@pytest.mark.parametrize(
    ("pod", "fault"),
    [
        (changed("automountServiceAccountToken", value=True), "it gets a token of the Kubernetes API"),
        (changed("enableServiceLinks", value=None), "it gets variables of Services"),
        (changed("terminationGracePeriodSeconds", value=30), "it is killed before it has drained"),
        (changed("topologySpreadConstraints", value=None), "its pods may all be on one node"),
        (changed("containers", 0, "readinessProbe", value=None), "it has no readinessProbe"),
        (changed("containers", 0, "resources", "limits", value=None), "it has no requests or limits"),
        (changed(*CONTEXT, "readOnlyRootFilesystem", value=False), "its root file system can be written"),
    ],
)
def test_a_program_can_be_restarted_moved_and_bounded(pod, fault):
    (found,) = unsafe_to_run(overlay(pod))
    assert fault in found


def test_a_time_to_drain_that_is_none_is_left_to_the_settings():
    pod = changed("containers", 0, "env", value=[{"name": "DROPMESH_DRAIN_SECONDS", "value": "soon"}])
    assert list(unsafe_to_run(overlay(pod))) == []


def test_two_of_each_are_kept_and_moved_one_at_a_time():
    assert list(unsafe_to_run(overlay(POD, least=1))) == ["Deployment ingest: no autoscaler keeps two of it"]
    assert list(unsafe_to_run(overlay(POD, budget="other"))) == ["Deployment ingest: it has no PodDisruptionBudget"]
