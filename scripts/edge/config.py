"""The settings that differ between edges, apart from the addresses in envoy/clusters."""

from __future__ import annotations

from dataclasses import dataclass

# Pages on this machine may call a mesh on this machine.
LOCAL_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"


@dataclass(frozen=True, slots=True)
class EdgeConfig:
    """An edge on one machine; `listen` and `operations` are host:port."""

    listen: str
    operations: str
    origins: str = LOCAL_ORIGINS
    # The names it may be called by, without ports; where there are any, pages of other sites are refused too. For an
    # edge that asks for no token: a page that a person visits must not reach it, under any host name.
    hosts: tuple[str, ...] = ()
    # Whether the services ask for tokens: then a request without one is refused by its headers alone.
    tokens: bool = False
    # Of the edge's own memory; a program's memory is somewhat above it.
    heap_bytes: int = 384 * 1024 * 1024
    requests_per_second: int = 20_000
    # Of the calls that went well and fast; what failed or was slow is always logged.
    logged_percent: int = 0
    certificate: str = ""
    private_key: str = ""
    # Where every address may read the metrics of Envoy, as host:port; empty: on the operations port alone.
    metrics: str = ""
    # Where spans are sent, as host:port; empty: nowhere.
    collector: str = ""
    traced_percent: float = 100.0
