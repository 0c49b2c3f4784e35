"""Every object of a store, listed by the folder or by S3 itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.common.settings import Settings

# Below it each object lies in a folder of the first letters of its name; beside it is what is being written.
KEPT = "kept"


def objects(settings: Settings) -> Iterator[tuple[str, int]]:
    """Each object's key and size."""
    scheme, place, path, *_ = urlsplit(settings.objects_url)
    return _of_folder(Path(unquote(path))) if scheme == "file" else _of_s3(place, unquote(path).strip("/"), settings)


def _of_folder(folder: Path) -> Iterator[tuple[str, int]]:
    for file in (folder / KEPT).rglob("*"):
        if file.is_file():
            *head, _, name = file.relative_to(folder / KEPT).parts
            yield "/".join([*head, name]), file.stat().st_size


def _of_s3(bucket: str, folder: str, settings: Settings) -> Iterator[tuple[str, int]]:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_endpoint or None,
        aws_access_key_id=settings.s3_access_key or None,
        aws_secret_access_key=settings.s3_secret_key or None,
        aws_session_token=settings.s3_session_token or None,
        region_name=settings.s3_region,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    prefix = f"{folder}/" if folder else ""
    try:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(prefix), found["Size"]
    finally:
        client.close()
