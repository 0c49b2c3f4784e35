"""A RabbitMQ that takes connections and closes them, as a proxy does whose broker is gone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def hangs_up() -> Iterator[str]:
    """The address of a broker that hangs up before its caller can speak."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            # Until the server is shut down.
            with suppress(OSError):
                while True:
                    server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            yield f"amqp://guest:guest@127.0.0.1:{server.getsockname()[1]}/"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
