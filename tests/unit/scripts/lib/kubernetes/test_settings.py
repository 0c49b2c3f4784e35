from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.lib.kubernetes.overlays import Overlay, OverlayInvalid
from scripts.lib.kubernetes.settings import refused_settings


def overlay(
    data: dict[str, str], *, secret: str = "stores", command: str = "services.ingest", mounted: str = ""
) -> Overlay:
    container: dict[str, Any] = {
        "name": "ingest",
        "image": "dropmesh",
        "command": ["python", "-m", *command.split()],
        "envFrom": [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": secret}}],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    volumes: list[dict[str, Any]] = [{"name": "data", "emptyDir": {}}]
    if mounted:
        volumes.append({"name": "files", "secret": {"secretName": mounted}})
        container["volumeMounts"].append({"name": "files", "mountPath": f"/etc/dropmesh/{mounted}"})
    pod = {"containers": [container], "volumes": volumes}
    objects = (
        {"kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"DROPMESH_MODE": "tokens", **data}},
        {"kind": "Deployment", "metadata": {"name": "ingest"}, "spec": {"template": {"spec": pod}}},
    )
    return Overlay("test", objects, "", {"stores": {"DROPMESH_QUEUE": "amqp://rabbitmq/"}, "stores-ca": {"ca.crt": ""}})


def faults(*of: Any, **more: Any) -> list[str]:
    return list(refused_settings(overlay(*of, **more), Path("/nowhere")))


def test_settings_that_the_services_take_have_no_fault():
    assert faults({"DROPMESH_EDGE_PORT": "8443", "PYTHON_CPU_COUNT": "2"}) == []


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ({"DROPMESH_DRAIN_SECOND": "20"}, "DROPMESH_DRAIN_SECOND is not a setting"),
        ({"DROPMESH_DRAIN_SECONDS": "soon"}, "DROPMESH_DRAIN_SECONDS is 'soon'"),
        ({"WORKERS": "2"}, "WORKERS is not a setting"),
        ({"DROPMESH_MODELS": "/models"}, "DROPMESH_MODELS is /models, which is no volume"),
        ({"DROPMESH_MODE": "open"}, "mode open accepts only a loopback address"),
    ],
)
def test_a_wrong_variable_is_named_with_its_program(data, fault):
    found = faults(data)
    assert fault in found[0]
    assert found[0].startswith("Deployment ingest: ")


def test_a_program_that_does_not_exist_is_named():
    assert faults({}, command="services.ingests") == [
        "Deployment ingest: there is no program python -m services.ingests"
    ]


def test_a_job_of_the_batch_layer_that_does_not_exist_is_named():
    assert faults({}, command="batch sweep") == []
    assert faults({}, command="batch sweeps") == ["Deployment ingest: there is no program python -m batch sweeps"]
    assert faults({}, command="services.ingest now") != []


def test_a_file_that_no_secret_holds_is_named():
    named = {"DROPMESH_CATALOG": "mongodb://mongo/mesh", "AWS_CA_BUNDLE": "/etc/dropmesh/stores-ca/ca.crt"}
    assert faults(named) == [
        "Deployment ingest: AWS_CA_BUNDLE names /etc/dropmesh/stores-ca/ca.crt, which no Secret holds"
    ]
    assert faults(named, mounted="stores-ca") == []
    assert "Deployment ingest: test: there is no Secret other" in faults({}, mounted="other")


def test_a_secret_that_is_made_nowhere_is_named():
    with pytest.raises(OverlayInvalid, match="there is no Secret other"):
        faults({}, secret="other")
