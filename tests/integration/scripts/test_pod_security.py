"""Kubernetes' own admission code holds every pod of the overlays to the standard `restricted`."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.lib.kubernetes.overlays import OVERLAYS, render, workloads


@pytest.fixture
def refused(tool):
    program: Path = tool("pod-security")

    def judge(pods: dict[str, Any]) -> list[str]:
        documents = [{"metadata": {"name": name}, "spec": spec} for name, spec in pods.items()]
        text = yaml.safe_dump_all(documents)
        done = subprocess.run([program], input=text, capture_output=True, text=True, check=False, timeout=60)
        *found, last = done.stdout.splitlines()
        assert last.startswith(f"{len(pods)} pods"), done.stderr
        return found

    return judge


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_pod_of_an_overlay_is_admitted_and_one_with_more_rights_is_not(tool, refused, name):
    tool("kubectl")
    pods = {f"{workload.kind} {workload.name}": workload.pod for workload in workloads(render(name))}
    assert len(pods) >= 10
    assert refused(pods) == []
    (fault,) = refused({**pods, "shared": {**pods["Deployment ingest"], "hostNetwork": True}})
    assert fault.startswith("shared: host namespaces")
