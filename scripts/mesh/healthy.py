"""Whether the program of this container works: `python -m scripts.mesh.healthy [SERVICE]`, for health checks.

Without a service it is the whole mesh, as its edge says; a service is asked itself, by gRPC's health protocol.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.settings.reading import load_settings

SECONDS = 3.0


def main() -> int:
    """Exits with 0 when it works."""
    settings = load_settings()
    if len(sys.argv) > 1:
        return 0 if _serves(settings.socket(sys.argv[1])) else 1
    return 0 if _answers(f"http://127.0.0.1:{settings.operations_port}/healthz") else 1


def _serves(address: str) -> bool:
    # A service that listens on every address is reached by loopback.
    with grpc.insecure_channel(address.replace("0.0.0.0:", "127.0.0.1:")) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=SECONDS) as answer:  # noqa: S310 - an address made above
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
