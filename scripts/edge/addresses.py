"""Where things are, as Envoy takes it."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]


def cluster(name: str, upstream: str) -> Config:
    """A place to send to, at unix:/path or host:port."""
    endpoint = {"endpoint": {"address": address(upstream)}}
    return {
        "name": name,
        "type": "STATIC" if upstream.startswith("unix:") else "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def address(text: str) -> Config:
    if text.startswith("unix:"):
        return {"pipe": {"path": text.removeprefix("unix:")}}
    host, _, port = text.rpartition(":")
    return {"socket_address": {"address": host.strip("[]"), "port_value": int(port)}}
