"""A private authority and a certificate of this machine that it signed."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_SERVER = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n"


def make_certificates(folder: Path) -> Path:
    """A folder with ca.crt, and with tls.crt and tls.key of localhost."""
    folder.mkdir()
    (folder / "server").write_text(_SERVER)
    authority = ("-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=A private authority")
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    _openssl(folder, "req", "-x509", *_KEY, *authority, *usage)
    _openssl(folder, "req", *_KEY, "-keyout", "tls.key", "-out", "tls.csr", "-subj", "/CN=localhost")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "server")
    _openssl(folder, "x509", "-req", "-in", "tls.csr", "-out", "tls.crt", *signed)
    return folder


@contextmanager
def tls_before(port: int, certificates: Path) -> Iterator[int]:
    """A port of localhost that takes TLS alone and sends what comes on to a server without it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates / "tls.crt", certificates / "tls.key")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            # One end closed without a word of goodbye, as a client does that refuses the certificate.
            pass
        finally:
            writer.close()

    async def link(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, to_behind = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, to_behind), copy(behind, writer), return_exceptions=True)

    started: Future[int] = Future()
    stopping = asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(link, "127.0.0.1", 0, ssl=context)
        started.set_result(server.sockets[0].getsockname()[1])
        await stopping.wait()
        server.close()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        thread = threading.Thread(target=runner.run, args=(run(),))
        thread.start()
        try:
            yield started.result()
        finally:
            loop.call_soon_threadsafe(stopping.set)
            thread.join()


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
