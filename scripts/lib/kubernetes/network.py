"""Whether the policies of an overlay allow what they are for."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.lib.kubernetes.overlays import Overlay

OUR_LABEL = "app.kubernetes.io/name"


def unreachable_peers(overlay: Overlay) -> Iterator[str]:
    """Yields each policy that allows pods of another namespace only with the label of the mesh, which none has there.

    With `includeSelectors`, kustomize adds that label to each `matchLabels` of a peer.
    """
    for policy in overlay.of_kind("NetworkPolicy"):
        spec = policy["spec"]
        peers = [peer for rule in spec.get("egress", ()) for peer in rule.get("to", ())]
        peers += [peer for rule in spec.get("ingress", ()) for peer in rule.get("from", ())]
        for peer in peers:
            if "namespaceSelector" in peer and OUR_LABEL in peer.get("podSelector", {}).get("matchLabels", {}):
                yield (
                    f"NetworkPolicy {policy['metadata']['name']}: it asks pods of another namespace for the label "
                    f"{OUR_LABEL}; select them by matchExpressions, which kustomize leaves as they are"
                )
