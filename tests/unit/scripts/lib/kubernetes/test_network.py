from __future__ import annotations

from typing import Any

import pytest

from scripts.lib.kubernetes.network import unreachable_peers
from scripts.lib.kubernetes.overlays import Overlay

OURS = {"app.kubernetes.io/name": "dropmesh"}
ELSEWHERE = {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}


def faults(spec: dict[str, Any]) -> list[str]:
    return list(
        unreachable_peers(
            Overlay("test", ({"kind": "NetworkPolicy", "metadata": {"name": "names"}, "spec": spec},), "")
        )
    )


@pytest.mark.parametrize(("rules", "peers"), [("egress", "to"), ("ingress", "from")])
def test_pods_of_another_namespace_need_no_label_of_ours(rules, peers):
    def asked(pods: dict[str, Any]) -> list[str]:
        return faults({rules: [{peers: [{"namespaceSelector": ELSEWHERE, "podSelector": pods}]}]})

    (fault,) = asked({"matchLabels": {"k8s-app": "kube-dns", **OURS}})
    assert fault.startswith(
        "NetworkPolicy names: it asks pods of another namespace for the label app.kubernetes.io/name"
    )
    assert asked({"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]}) == []


def test_pods_of_the_mesh_may_be_asked_for_its_label():
    assert faults({"ingress": [{"from": [{"podSelector": {"matchLabels": OURS}}]}]}) == []


def test_a_rule_without_pods_has_no_fault():
    assert (
        faults({"ingress": [{"ports": [{"port": "edge"}]}], "egress": [{"to": [{"namespaceSelector": ELSEWHERE}]}]})
        == []
    )
