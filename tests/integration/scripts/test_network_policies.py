"""The policies that kubectl builds, which are not those of the files: kustomize changes their selectors."""

from __future__ import annotations

import ipaddress

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


def test_no_policy_of_prod_allows_https_inside_the_cluster_or_the_metadata_of_a_cloud(tool):
    tool("kubectl")
    public, metadata = ipaddress.ip_address("8.8.8.8"), ipaddress.ip_address("169.254.169.254")
    inside = [ipaddress.ip_address(one) for one in ("10.0.0.1", "100.100.100.200", "172.20.0.1", "192.168.1.1")]
    allowed = {
        (entry["port"], address)
        for policy in render("prod", ADDED).of_kind("NetworkPolicy")
        for rule in policy["spec"].get("egress", ())
        for block in (peer["ipBlock"] for peer in rule.get("to", ()) if "ipBlock" in peer)
        for entry in rule["ports"]
        for address in (public, metadata, *inside)
        if address in ipaddress.ip_network(block["cidr"])
        and not any(address in ipaddress.ip_network(excepted) for excepted in block["except"])
    }
    assert {address for port, address in allowed if port == 443} == {public}
    # The stores' own ports are open to private addresses until an operator narrows them.
    assert {port for port, _ in allowed} == {443, 5671, 27017}
    assert metadata not in {address for _, address in allowed}
