"""A private S3 server over a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.servers.process import KillableServer, accepts, free_port, private_folder, running
from tests.servers.tools import find_tool

_ACCESS_KEY, _SECRET_KEY = "dropmesh", "dropmesh-secret"


@dataclass(frozen=True)
class S3:
    """Where an S3 server is and what opens it; the bucket exists."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str = "us-east-1"

    @classmethod
    def from_url(cls, url: str) -> S3:
        """Reads `http://ACCESS:SECRET@HOST:PORT/BUCKET` and makes the bucket when it is not there."""
        parts = urlsplit(url)
        bucket = parts.path.strip("/")
        if not (parts.username and parts.password and parts.hostname and bucket):
            raise ValueError("an S3 test address reads http://ACCESS:SECRET@HOST:PORT/BUCKET")
        port = f":{parts.port}" if parts.port else ""
        server = cls(f"{parts.scheme}://{parts.hostname}{port}", parts.username, parts.password, bucket)
        server._make_bucket()
        return server

    @property
    def url(self) -> str:
        """The address that `from_url` reads."""
        scheme, host = self.endpoint.split("://")
        return f"{scheme}://{self.access_key}:{self.secret_key}@{host}/{self.bucket}"

    def _make_bucket(self) -> None:
        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        )
        try:
            client.create_bucket(Bucket=self.bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
                raise
        finally:
            client.close()


@contextmanager
def s3() -> Iterator[S3]:
    """Runs the server and yields where it is, with an empty bucket."""
    with s3_node() as (server, _):
        yield server


@contextmanager
def s3_node() -> Iterator[tuple[S3, KillableServer]]:
    """Runs one that can be killed."""
    with _server() as (port, node):
        yield S3.from_url(f"http://{_ACCESS_KEY}:{_SECRET_KEY}@127.0.0.1:{port}/dropmesh-test"), node


@contextmanager
def s3_over_tls(certificates: Path) -> Iterator[S3]:
    """Runs it with the certificate in a folder (tls.crt, tls.key); there is no bucket yet."""
    with _server("--cert", certificates / "tls.crt", "--key", certificates / "tls.key") as (port, _):
        yield S3(f"https://localhost:{port}", _ACCESS_KEY, _SECRET_KEY, "dropmesh-test")


@contextmanager
def _server(*options: str | Path) -> Iterator[tuple[int, KillableServer]]:
    program = find_tool("s3")
    port = free_port()
    with private_folder("s3") as folder:
        data = folder / "data"
        data.mkdir()
        metadata = folder / "metadata"
        metadata.mkdir()
        env = {"ROOT_ACCESS_KEY": _ACCESS_KEY, "ROOT_SECRET_KEY": _SECRET_KEY}
        # Metadata in a folder of its own: not every temporary file system has extended attributes.
        command: list[str | Path] = [
            program,
            "--quiet",
            "--port",
            f"127.0.0.1:{port}",
            *options,
            "posix",
            "--sidecar",
            metadata,
            data,
        ]
        node = KillableServer(lambda: running(command, lambda: accepts(port), folder / "log", env))
        try:
            yield port, node
        finally:
            node.stop()
