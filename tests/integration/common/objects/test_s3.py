from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from services.common.objects.s3 import S3Objects


class Recording:
    """Answers as S3 does for a bucket that is missing, and notes the calls."""

    def __init__(self) -> None:
        self.calls: dict[str, dict[str, Any]] = {}
        self.exceptions = SimpleNamespace(BucketAlreadyOwnedByYou=ClientError)

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> dict[str, Any]:
            self.calls[name] = given
            if name == "head_bucket":
                raise ClientError({"Error": {"Code": "404", "Message": ""}}, name)
            return {"UploadId": "1", "ETag": "2", "LastModified": SimpleNamespace(timestamp=lambda: 0.0)}

        return call


@pytest.mark.parametrize(
    ("region", "asked"),
    [("us-east-1", {}), ("eu-north-1", {"CreateBucketConfiguration": {"LocationConstraint": "eu-north-1"}})],
)
def test_a_missing_bucket_is_made_in_its_region(region, asked):
    client = Recording()
    S3Objects(client, "photos")._make_bucket(region)
    assert client.calls["create_bucket"] == {"Bucket": "photos", **asked}


@pytest.mark.parametrize("size", [10, 9_000_000])
async def test_objects_are_stored_under_the_prefix_and_encrypted_as_asked(size):
    client = Recording()
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1"}
    objects = S3Objects(client, "photos", "mesh/", encryption=encryption)
    info = await objects.put("contents/a", bytes(size))
    begun = client.calls["put_object" if size < 100 else "create_multipart_upload"]
    assert {"Bucket": "photos", "Key": "mesh/contents/a", **encryption}.items() <= begun.items()
    assert (info.key, info.size_bytes) == ("contents/a", size)
    assert client.calls["head_object"]["Key"] == "mesh/contents/a"
    await objects.close()
