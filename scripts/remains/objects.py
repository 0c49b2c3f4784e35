"""Every object of a store, listed by the folder or by S3 itself, and their texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from services.common.settings import Settings

# Below it each object lies in a folder of the first letters of its name; beside it is what is being written.
KEPT = "kept"


def objects(settings: Settings) -> Iterator[tuple[str, int]]:
    """Each object's key and size."""
    scheme, place, path, *_ = urlsplit(settings.objects_url)
    return _of_folder(Path(unquote(path))) if scheme == "file" else _of_s3(place, unquote(path).strip("/"), settings)


def read_texts(settings: Settings, keys: Iterable[str]) -> Iterator[str]:
    """The text of each of these objects."""
    scheme, place, path, *_ = urlsplit(settings.objects_url)
    if scheme == "file":
        for key in keys:
            head, _, name = key.rpartition("/")
            yield (Path(unquote(path)) / KEPT / head / name[:2] / name).read_text()
        return
    folder = unquote(path).strip("/")
    with closing(_client(settings)) as client:
        for key in keys:
            found = client.get_object(Bucket=place, Key=f"{folder}/{key}" if folder else key)
            yield found["Body"].read().decode()


def _of_folder(folder: Path) -> Iterator[tuple[str, int]]:
    for file in (folder / KEPT).rglob("*"):
        if file.is_file():
            *head, _, name = file.relative_to(folder / KEPT).parts
            yield "/".join([*head, name]), file.stat().st_size


def _of_s3(bucket: str, folder: str, settings: Settings) -> Iterator[tuple[str, int]]:
    prefix = f"{folder}/" if folder else ""
    with closing(_client(settings)) as client:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(prefix), found["Size"]


def _client(settings: Settings) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        aws_access_key_id=settings.s3_access_key or None,
        aws_secret_access_key=settings.s3_secret_key or None,
        aws_session_token=settings.s3_session_token or None,
        region_name=settings.s3_region,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
