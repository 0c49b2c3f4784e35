"""The configuration of the edge on one machine, from the settings."""

from __future__ import annotations

import re
import urllib.parse

from scripts.edge.config import LOCAL_ORIGINS, EdgeConfig
from services.common.settings import Mode, Settings

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def edge_config(settings: Settings) -> EdgeConfig:
    """Where the edge listens, and who may call it."""
    return EdgeConfig(
        listen=f"{settings.edge_host}:{settings.edge_port}",
        operations=f"127.0.0.1:{settings.operations_port}",
        origins="|".join([LOCAL_ORIGINS, *map(re.escape, settings.origin_list)]),
        hosts=_hosts(settings),
        tokens=settings.mode is Mode.TOKENS,
        certificate=str(settings.tls_certificate or ""),
        private_key=str(settings.tls_private_key or ""),
        collector=settings.otlp_endpoint.removeprefix("http://"),
        traced_percent=settings.traced_percent,
    )


def _hosts(settings: Settings) -> tuple[str, ...]:
    """The names that an open mesh answers to; one that asks for tokens answers to any."""
    if settings.mode is not Mode.OPEN:
        return ()
    named = (urllib.parse.urlsplit(settings.edge_url).hostname or "", settings.edge_host)
    hosts = [f"[{host}]" if ":" in host else host for host in named]
    return tuple(dict.fromkeys([*LOOPBACK_HOSTS, *hosts]))
