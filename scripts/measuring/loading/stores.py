"""Takes the stores away while callers drop and upload, and looks for everything acknowledged afterwards."""

from __future__ import annotations

import argparse
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from scripts.measuring.loading.mesh import LoadedMesh, loaded_mesh
from scripts.measuring.loading.mixed_callers import Callers
from scripts.measuring.loading.store_verdict import loops, verdict
from tests.servers.mongodb import mongodb
from tests.servers.rabbitmq import rabbitmq
from tests.servers.s3 import s3
from tests.servers.tools import Missing
from tests.servers.toxiproxy import Link, toxiproxy

FAULTS: dict[str, Callable[[Link], None]] = {
    "cut": Link.cut,
    "reset": Link.reset,
    "black hole": Link.swallow,
    "300 ms delay": partial(Link.delay, seconds=0.15),
}
WARM_UP_SECONDS = 5.0


def main() -> int:
    """Prints what was acknowledged, refused, lost, FAILED and stuck; fails when anything was not right in the end."""
    parser = argparse.ArgumentParser(prog="scripts/load stores", description=__doc__)
    parser.add_argument("--seconds", type=float, default=20, help="how long each store is away (20)")
    parser.add_argument("--faults", type=int, default=5, help="random faults before each store (5)")
    parser.add_argument("--callers", type=int, default=3, help="callers at once, of which one uploads photos (3)")
    parser.add_argument("--patience", type=float, default=60, help="seconds to finish in after the last fault (60)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        with _linked_mesh() as (mesh, links):
            return _run(mesh, links, arguments)
    except Missing as missing:
        print(f"scripts/load stores: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


def _run(mesh: LoadedMesh, links: dict[str, Link], arguments: argparse.Namespace) -> int:
    with Callers(mesh.url, arguments.callers) as callers:
        time.sleep(WARM_UP_SECONDS)
        before = loops(mesh)
        for name, link in links.items():
            callers.begin(f"{name} away for {arguments.seconds:g} s")
            with _broken(link, Link.cut):
                time.sleep(arguments.seconds)
            time.sleep(2)
        chance = random.Random(arguments.seed)  # noqa: S311 - no secret
        faults = [(name, kind) for name in links for kind in chance.choices(list(FAULTS), k=arguments.faults)]
        chance.shuffle(faults)
        callers.begin(f"{len(faults)} random faults, {arguments.faults} before each store")
        for name, kind in faults:
            with _broken(links[name], FAULTS[kind]):
                time.sleep(chance.uniform(0.5, 3))
            time.sleep(chance.uniform(0.5, 2))
    for phase in callers.phases:
        print(phase.line(), flush=True)
    return verdict(mesh, callers, before, arguments.patience)


@contextmanager
def _broken(link: Link, fault: Callable[[Link], None]) -> Iterator[None]:
    fault(link)
    try:
        yield
    finally:
        link.heal()


@contextmanager
def _linked_mesh() -> Iterator[tuple[LoadedMesh, dict[str, Link]]]:
    """A mesh on real servers, each behind a link that can be broken."""
    with ExitStack() as stack:
        proxy, bucket = stack.enter_context(toxiproxy()), stack.enter_context(s3())
        servers = {
            "catalog": stack.enter_context(mongodb()).rstrip("/"),
            "objects": bucket.endpoint,
            "queue": stack.enter_context(rabbitmq()),
        }
        links = {name: stack.enter_context(proxy.before(url)) for name, url in servers.items()}
        settings = {
            "DROPMESH_CATALOG": f"{links['catalog'].url}/load_{uuid.uuid4().hex}",
            "DROPMESH_QUEUE": f"{links['queue'].url}?prefix=load-{uuid.uuid4().hex}",
            "DROPMESH_OBJECTS": f"s3://load-{uuid.uuid4().hex[:20]}",
            "DROPMESH_S3_ENDPOINT": links["objects"].url,
            "DROPMESH_S3_ACCESS_KEY": bucket.access_key,
            "DROPMESH_S3_SECRET_KEY": bucket.secret_key,
        }
        yield stack.enter_context(loaded_mesh(settings=settings)), links


if __name__ == "__main__":
    sys.exit(main())
