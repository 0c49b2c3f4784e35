"""Objects in a bucket of S3, or of any server that speaks its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from services.common.base.errors import ObjectMissing, StoreFull, StoreUnavailable
from services.common.objects import ObjectInfo
from services.common.settings import Settings

Result = TypeVar("Result")

STORE = "objects"
CHUNK_BYTES = 1024 * 1024
# S3 takes parts of 5 MiB at least, 10,000 at most: these allow objects of 80 GiB.
PART_BYTES = 8 * CHUNK_BYTES
DELETED_AT_ONCE = 1000
MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
FULL = frozenset({"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"})


_NONE: Mapping[str, str] = {}


class S3Objects:
    """boto3 blocks, so each of its calls takes a thread of a small pool."""

    def __init__(
        self, client: Any, bucket: str, prefix: str = "", *, at_once: int = 16, encryption: Mapping[str, str] = _NONE
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._encryption = encryption
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="s3")

    @classmethod
    async def open(cls, bucket: str, prefix: str, settings: Settings) -> S3Objects:
        """Connects, and makes the bucket when it is missing; the keys in it begin with the prefix."""
        client = boto3.client(
            "s3",
            endpoint_url=settings.s3_endpoint or None,
            aws_access_key_id=settings.s3_access_key or None,
            aws_secret_access_key=settings.s3_secret_key or None,
            aws_session_token=settings.s3_session_token or None,
            region_name=settings.s3_region,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if settings.s3_endpoint else "auto"},
                connect_timeout=3,
                read_timeout=30,
                retries={"mode": "standard", "max_attempts": 3},
                max_pool_connections=settings.s3_connections,
            ),
        )
        encryption = {"ServerSideEncryption": settings.s3_encryption, "SSEKMSKeyId": settings.s3_encryption_key}
        objects = cls(
            client,
            bucket,
            prefix,
            at_once=settings.s3_connections,
            encryption={name: value for name, value in encryption.items() if value},
        )
        await objects._call(objects._make_bucket, settings.s3_region)
        return objects

    async def create(self, key: str) -> S3Writer:
        """See the port."""
        place = {"Bucket": self._bucket, "Key": self._prefix + key}
        return S3Writer(key, self._call, self._client, place, self._encryption)

    async def put(self, key: str, data: bytes) -> ObjectInfo:
        """See the port."""
        writer = await self.create(key)
        try:
            await writer.write(data)
            return await writer.commit()
        except BaseException:
            await writer.abort()
            raise

    async def stat(self, key: str) -> ObjectInfo | None:
        """See the port."""
        try:
            head = await self._call(self._client.head_object, Bucket=self._bucket, Key=self._prefix + key)
        except FileNotFoundError:
            return None
        return ObjectInfo(key, int(head["ContentLength"]), _nanoseconds(head["LastModified"]))

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See the port."""
        if length == 0:
            return
        end = "" if length is None else str(offset + length - 1)
        whole = offset == 0 and length is None
        span = {} if whole else {"Range": f"bytes={offset}-{end}"}
        try:
            answer = await self._call(self._client.get_object, Bucket=self._bucket, Key=self._prefix + key, **span)
        except FileNotFoundError:
            raise ObjectMissing(key) from None
        except _BeyondTheEnd:
            return
        body = answer["Body"]
        try:
            while chunk := await self._call(body.read, CHUNK_BYTES):
                yield chunk
        finally:
            body.close()

    async def fetch(self, key: str, target: Path) -> None:
        """See the port."""
        try:
            await self._call(self._client.download_file, self._bucket, self._prefix + key, str(target))
        except FileNotFoundError:
            raise ObjectMissing(key) from None

    async def delete(self, keys: Sequence[str]) -> None:
        """See the port."""
        for start in range(0, len(keys), DELETED_AT_ONCE):
            some = [{"Key": self._prefix + key} for key in keys[start : start + DELETED_AT_ONCE]]
            answer = await self._call(
                self._client.delete_objects, Bucket=self._bucket, Delete={"Objects": some, "Quiet": True}
            )
            # A server may say so of what another call deletes at the same moment.
            if failed := [error for error in answer.get("Errors", ()) if error.get("Code") not in MISSING]:
                raise StoreUnavailable(STORE, f"deletion of {failed[0].get('Key')} failed: {failed[0].get('Code')}")

    async def list(self, prefix: str, *, after: str | None = None, limit: int = 1000) -> Sequence[ObjectInfo]:
        """See the port."""
        start = {} if after is None else {"StartAfter": self._prefix + after}
        answer = await self._call(
            self._client.list_objects_v2, Bucket=self._bucket, Prefix=self._prefix + prefix, MaxKeys=limit, **start
        )
        return [
            ObjectInfo(entry["Key"].removeprefix(self._prefix), int(entry["Size"]), _nanoseconds(entry["LastModified"]))
            for entry in answer.get("Contents", ())
        ]

    async def sweep(self, older_than: timedelta) -> int:
        """See the port: what is on its way in is an unfinished multipart upload."""
        before = datetime.now(UTC) - older_than
        answer = await self._call(self._client.list_multipart_uploads, Bucket=self._bucket, Prefix=self._prefix)
        begun = [upload for upload in answer.get("Uploads", ()) if upload["Initiated"] <= before]
        old = [upload for upload in begun if not await self._has_parts_since(before, upload["Key"], upload["UploadId"])]
        for upload in old:
            await self._call(
                self._client.abort_multipart_upload,
                Bucket=self._bucket,
                Key=upload["Key"],
                UploadId=upload["UploadId"],
            )
        return len(old)

    async def _has_parts_since(self, moment: datetime, key: str, upload_id: str) -> bool:
        """Whether an unfinished upload goes on: a slow one takes longer than any sweep waits."""
        marker = 0
        while True:
            page = await self._call(
                self._client.list_parts, Bucket=self._bucket, Key=key, UploadId=upload_id, PartNumberMarker=marker
            )
            if any(part["LastModified"] > moment for part in page.get("Parts", ())):
                return True
            if not page.get("IsTruncated"):
                return False
            marker = page["NextPartNumberMarker"]

    async def presign(self, key: str, *, expires: timedelta, content_type: str, content_disposition: str) -> str | None:
        """See the port."""
        parameters = {
            "Bucket": self._bucket,
            "Key": self._prefix + key,
            "ResponseContentType": content_type,
            "ResponseContentDisposition": content_disposition,
        }
        address: str = self._client.generate_presigned_url(
            "get_object", Params=parameters, ExpiresIn=int(expires.total_seconds())
        )
        return address

    async def close(self) -> None:
        """See the port."""
        self._client.close()
        self._threads.shutdown(wait=False)

    def _make_bucket(self, region: str) -> None:
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if error.response["Error"]["Code"] not in {*MISSING, "NoSuchBucket"}:
                raise
            try:
                self._client.create_bucket(Bucket=self._bucket, **_location(region))
            except self._client.exceptions.BucketAlreadyOwnedByYou:
                # Another service that starts at the same time made it.
                return

    async def _call(self, function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
        """Runs one of boto3's calls in a thread and translates its errors."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, partial(function, *arguments, **named))
        except ClientError as error:
            code = str(error.response["Error"]["Code"])
            if code in MISSING:
                raise FileNotFoundError(code) from None
            if code == "InvalidRange":
                raise _BeyondTheEnd from None
            if code in FULL:
                raise StoreFull(STORE) from error
            raise StoreUnavailable(STORE, f"{error.operation_name}: {code}") from error
        except (BotoCoreError, HTTPClientError, OSError) as error:
            raise StoreUnavailable(STORE, str(error)) from error


class S3Writer:
    """An object on its way in: one request if it is small, else a multipart upload while its bytes arrive."""

    def __init__(
        self,
        key: str,
        call: Callable[..., Any],
        client: Any,
        place: Mapping[str, str],
        encryption: Mapping[str, str],
    ) -> None:
        self._key = key
        self._call = call
        self._client = client
        self._place = place
        self._encryption = encryption
        self._buffer = bytearray()
        self._size_bytes = 0
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._ended = False

    async def write(self, chunk: bytes | memoryview) -> None:
        """See the port."""
        self._buffer += chunk
        self._size_bytes += len(chunk)
        while len(self._buffer) >= PART_BYTES:
            await self._send_part(PART_BYTES)

    async def commit(self) -> ObjectInfo:
        """See the port."""
        if self._upload_id is None:
            await self._call(self._client.put_object, **self._place, **self._encryption, Body=bytes(self._buffer))
        else:
            if self._buffer:
                await self._send_part(len(self._buffer))
            await self._call(
                self._client.complete_multipart_upload,
                **self._place,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )
        self._ended = True
        head = await self._call(self._client.head_object, **self._place)
        return ObjectInfo(self._key, self._size_bytes, _nanoseconds(head["LastModified"]))

    async def abort(self) -> None:
        """See the port."""
        self._buffer.clear()
        if self._upload_id is not None and not self._ended:
            self._ended = True
            await self._call(self._client.abort_multipart_upload, **self._place, UploadId=self._upload_id)

    async def _send_part(self, size_bytes: int) -> None:
        if self._upload_id is None:
            begun = await self._call(self._client.create_multipart_upload, **self._place, **self._encryption)
            self._upload_id = begun["UploadId"]
        number = len(self._parts) + 1
        sent = await self._call(
            self._client.upload_part,
            **self._place,
            UploadId=self._upload_id,
            PartNumber=number,
            Body=bytes(memoryview(self._buffer)[:size_bytes]),
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        del self._buffer[:size_bytes]


class _BeyondTheEnd(Exception):
    """The range starts where the object has no bytes."""


def _location(region: str) -> dict[str, Any]:
    """How a new bucket's region is named; the oldest one has no name."""
    return {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1e9)
