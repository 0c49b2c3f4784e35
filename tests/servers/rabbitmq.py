"""A private RabbitMQ node, with an Erlang port mapper of its own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers.process import KillableServer, Start, accepts, free_port, private_folder, running
from tests.servers.tools import find_tool

_AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
_ALL = {"configure": ".*", "write": ".*", "read": ".*"}
NARROW_USER = "narrow"
"""A user with the rights that docs/stores.md names, and no others; its password is its name."""
NARROW_RIGHTS = {"configure": "^dropmesh", "write": r"^(dropmesh|amq\.default$)", "read": "^dropmesh"}
_DEFINITIONS = {
    "users": [
        {"name": "guest", "password": "guest", "tags": "administrator"},
        {"name": NARROW_USER, "password": NARROW_USER, "tags": ""},
    ],
    "vhosts": [{"name": "/"}],
    "permissions": [
        {"user": "guest", "vhost": "/", **_ALL},
        {"user": NARROW_USER, "vhost": "/", **NARROW_RIGHTS},
    ],
}


class RabbitNode(KillableServer):
    """A node that can be killed, and its address."""

    def __init__(self, url: str, data: Path, start: Start) -> None:
        self.url = url
        self._data = data
        super().__init__(start)

    def wipe(self) -> None:
        """Deletes what a killed node left: queues and their messages."""
        shutil.rmtree(self._data, ignore_errors=True)


@contextmanager
def rabbitmq() -> Iterator[str]:
    """Runs a node and yields its `amqp://` address."""
    with rabbitmq_node() as node:
        yield node.url


@contextmanager
def rabbitmq_over_tls(certificates: Path) -> Iterator[str]:
    """Runs a node with the certificate in a folder (ca.crt, tls.crt, tls.key) and yields its `amqps://` address."""
    port = free_port()
    files = {"cacertfile": "ca.crt", "certfile": "tls.crt", "keyfile": "tls.key"}
    lines = [f"listeners.ssl.1 = 127.0.0.1:{port}"]
    lines += [f"ssl_options.{option} = {certificates / name}" for option, name in files.items()]
    with rabbitmq_node(lines):
        yield f"amqps://guest:guest@localhost:{port}/"


@contextmanager
def rabbitmq_node(configuration: Sequence[str] = ()) -> Iterator[RabbitNode]:
    """Runs a node that can be killed; `configuration` are further lines of rabbitmq.conf."""
    program = find_tool("rabbitmq")
    port, mapper_port = free_port(), free_port()
    with private_folder("rabbitmq") as folder:
        env = _environment(folder, port, mapper_port, configuration)
        # The node would start a mapper that outlives it; this one ends with us.
        mapper = ["epmd", "-address", "127.0.0.1", "-port", str(mapper_port)]
        with running(mapper, lambda: accepts(mapper_port), folder / "epmd.log", env):
            node = RabbitNode(
                f"amqp://guest:guest@127.0.0.1:{port}/",
                folder / "data",
                lambda: running([program], lambda: accepts(port, _AMQP_GREETING), folder / "log", env),
            )
            try:
                yield node
            finally:
                node.stop()


def _environment(folder: Path, port: int, mapper_port: int, configuration: Sequence[str]) -> dict[str, str]:
    (folder / "plugins").write_text("[].\n")
    (folder / "definitions.json").write_text(json.dumps(_DEFINITIONS))
    lines = [f"load_definitions = {folder}/definitions.json", *configuration]
    (folder / "rabbitmq.conf").write_text("\n".join([*lines, ""]))
    (folder / "env.conf").write_text("")
    return {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(mapper_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODENAME": f"dropmesh-{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "env.conf"),
        # Makes the launcher become the node instead of minding it from a shell, so that the leash is on the node.
        "RUNNING_UNDER_SYSTEMD": "1",
        # Two schedulers that sleep when there is nothing to do: the node shares a small machine with the tests.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",
    }
