"""The folder that an edge runs in: the files of envoy/, with what settings decide set in them.

Envoy runs with this folder as its working directory; the paths in envoy.yaml and clusters.yaml are relative to it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

from scripts.edge.binary import envoy_binary
from scripts.edge.config import EdgeConfig
from scripts.edge.traces import add_traces
from scripts.edge.virtual_hosts import route_configuration

ROOT = Path(__file__).resolve().parents[2]
ENVOY = ROOT / "envoy"
DESCRIPTORS = ROOT / "proto" / "dropmesh.binpb"
TLS = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"


def write_edge_folder(folder: Path, config: EdgeConfig, world: str = "local") -> None:
    """Makes the folder for an edge; in the world `local` it stands beside the sockets of the services."""
    copy_edge_files(folder, world)
    edge = yaml.load((ENVOY / "envoy.yaml").read_text(), yaml.CSafeLoader)
    _set(edge, config)
    (folder / "envoy.yaml").write_text(as_yaml(edge))
    (folder / "routes.yaml").write_text(
        as_yaml(route_configuration(config.origins, config.hosts, tokens=config.tokens))
    )


# In C: scripts/up waits for it.
class _Dumper(yaml.CSafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        """Each part in its place, without anchors."""
        return True


def as_yaml(value: Any) -> str:
    """The value for a person to read."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=120)


def copy_edge_files(folder: Path, world: str) -> None:
    """Copies the files of envoy/ as they are, with the clusters of a world."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in (ENVOY / "envoy.yaml", ENVOY / "routes.yaml", *sorted(ENVOY.glob("*.lua")), DESCRIPTORS):
        shutil.copyfile(file, folder / file.name)
    shutil.copyfile(ENVOY / "clusters" / f"{world}.yaml", folder / "clusters.yaml")


def envoy_command(*options: str) -> tuple[str, ...]:
    """Runs Envoy in such a folder, with one thread, beside others on this machine."""
    return (str(envoy_binary()), "-c", "envoy.yaml", "--concurrency", "1", "--use-dynamic-base-id", *options)


def _set(edge: Any, config: EdgeConfig) -> None:
    listener, operations, metrics = edge["static_resources"]["listeners"]
    listener["address"], operations["address"] = _address(config.listen), _address(config.operations)
    if config.metrics:
        metrics["address"] = _address(config.metrics)
    else:
        edge["static_resources"]["listeners"].remove(metrics)
    if config.collector:
        add_traces(edge, config.collector, config.traced_percent)
    chain = listener["filter_chains"][0]
    if config.certificate:
        files = {"certificate_chain": {"filename": config.certificate}, "private_key": {"filename": config.private_key}}
        context = {"tls_certificates": [files], "alpn_protocols": ["h2", "http/1.1"]}
        typed = {"@type": TLS, "common_tls_context": context}
        chain["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": typed}
    manager = chain["filters"][0]["typed_config"]
    limit = next(one for one in manager["http_filters"] if one["name"] == "envoy.filters.http.local_ratelimit")
    limit["typed_config"]["token_bucket"].update(
        max_tokens=config.requests_per_second, tokens_per_fill=config.requests_per_second
    )
    heap = edge["overload_manager"]["resource_monitors"][0]["typed_config"]
    heap["max_heap_size_bytes"] = config.heap_bytes
    for log in manager["access_log"]:
        *_, worth_a_line = log["filter"]["and_filter"]["filters"]
        *_, share = worth_a_line["or_filter"]["filters"]
        share["runtime_filter"]["percent_sampled"] = {"numerator": config.logged_percent}


def _address(text: str) -> Any:
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
