"""The same on servers: rows as documents of MongoDB, bytes in S3."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from pymongo import AsyncMongoClient, ReplaceOne

Row = tuple[Any, ...]


class MongoCommit:
    """Writes rows as documents, whose first field is their key; those that wait during a write share the next."""

    def __init__(self, **fields: Sequence[str]) -> None:
        """The fields of each collection."""
        self._fields = fields
        self._waiting: list[tuple[tuple[Row, ...], asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, *rows: Row) -> None:
        """Returns once MongoDB has acknowledged them."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        await done

    @cached_property
    def _database(self) -> Any:
        return AsyncMongoClient(os.environ["REFERENCE_MONGODB"], w=1, journal=True).get_default_database()

    async def _write_all(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            for number, (collection, fields) in enumerate(self._fields.items()):
                documents = [dict(zip(fields, rows[number], strict=True)) for rows, _ in group]
                changes = [ReplaceOne({"_id": one["_id"]}, one, upsert=True) for one in documents]
                await self._database[collection].bulk_write(changes, ordered=False)
            for _, done in group:
                if not done.done():
                    done.set_result(None)


class Bucket:
    """Where bytes are put."""

    def __init__(self) -> None:
        self._name = os.environ["REFERENCE_BUCKET"]
        self._client = boto3.client(
            "s3",
            endpoint_url=os.environ["REFERENCE_S3"],
            aws_access_key_id=os.environ["REFERENCE_S3_KEY"],
            aws_secret_access_key=os.environ["REFERENCE_S3_SECRET"],
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, max_pool_connections=64),
        )

    def put(self, name: str, content: bytes) -> None:
        """Returns once S3 has acknowledged it."""
        self._client.put_object(Bucket=self._name, Key=name, Body=content)
