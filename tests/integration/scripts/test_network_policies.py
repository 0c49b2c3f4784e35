"""The policies that kubectl builds, which are not those of the files: kustomize changes their selectors."""

from __future__ import annotations

import pytest

from scripts.lib.kubernetes.network import unreachable_peers
from scripts.lib.kubernetes.overlays import ADDED, OVERLAYS, render


@pytest.mark.parametrize("components", [(), ADDED])
@pytest.mark.parametrize("name", OVERLAYS)
def test_every_program_may_ask_for_names_and_no_peer_elsewhere_needs_our_label(tool, name, components):
    tool("kubectl")
    overlay = render(name, components)
    assert list(unreachable_peers(overlay)) == []
    (names,) = (one["spec"] for one in overlay.of_kind("NetworkPolicy") if one["metadata"]["name"] == "names")
    ((peer,),) = (rule["to"] for rule in names["egress"])
    assert names["podSelector"] == {}
    assert peer["podSelector"] == {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]}
