"""A backup of the stores on servers: documents into files, objects into another bucket.

It stands for mongodump and aws s3 sync where these are not installed. Without mongodump's --oplog the documents are not
those of one instant; the numbers of receipts are read last, so that none is given out twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import bson
from botocore.config import Config
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from tests.servers.s3 import S3

LAST = "catalog_sequences"
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class ServerBackup:
    """Where the servers are, and the folder of the documents."""

    mongo_url: str
    s3: S3
    folder: Path

    def dump(self, catalog: str) -> int:
        """Writes every document of a catalog to files; returns how many."""
        self.folder.mkdir()
        count = 0
        with self._client() as client:
            database = client.get_database(_name(catalog))
            for name in sorted(database.list_collection_names(), key=lambda name: (name == LAST, name)):
                with (self.folder / f"{name}.bson").open("wb") as file:
                    for document in database.get_collection(name).find():
                        file.write(document.raw)
                        count += 1
        return count

    def restore(self, catalog: str) -> None:
        """Writes the documents into an empty catalog."""
        with self._client() as client:
            for path in self.folder.glob("*.bson"):
                collection = client.get_database(_name(catalog)).get_collection(path.stem)
                with path.open("rb") as file:
                    for some in _chunks(bson.decode_file_iter(file)):
                        collection.insert_many(some, ordered=False)

    def copy(self, source: str, target: str) -> int:
        """Copies every object to another bucket; returns how many."""
        count, to = 0, _name(target)
        with closing(self._objects()) as objects:
            objects.create_bucket(Bucket=to)
            for page in objects.get_paginator("list_objects_v2").paginate(Bucket=_name(source)):
                for listed in page.get("Contents", ()):
                    objects.copy({"Bucket": _name(source), "Key": listed["Key"]}, to, listed["Key"])
                    count += 1
        return count

    def _client(self) -> MongoClient[RawBSONDocument]:
        return MongoClient(self.mongo_url, document_class=RawBSONDocument)

    def _objects(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.s3.endpoint,
            aws_access_key_id=self.s3.access_key,
            aws_secret_access_key=self.s3.secret_key,
            region_name=self.s3.region,
            config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
        )


def _name(address: str) -> str:
    """The database or the bucket of a store's address."""
    parts = urlsplit(address)
    return parts.path.strip("/") or parts.netloc


def _chunks(documents: Iterator[Any]) -> Iterator[list[Any]]:
    some: list[Any] = []
    for document in documents:
        some.append(document)
        if len(some) == AT_ONCE:
            yield some
            some = []
    if some:
        yield some
