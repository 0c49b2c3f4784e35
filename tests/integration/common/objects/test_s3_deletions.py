from __future__ import annotations

from typing import Any

import pytest

from services.common.base.errors import StoreUnavailable
from services.common.objects.s3 import S3Objects


class Answering:
    """A client of S3 that answers each deletion with errors."""

    def __init__(self, *codes: str) -> None:
        self._answer = {"Errors": [{"Key": "drops/one", "Code": code} for code in codes]}

    def delete_objects(self, **_: Any) -> dict[str, Any]:
        return self._answer


async def test_an_object_that_another_call_deletes_at_the_same_moment_is_deleted() -> None:
    await S3Objects(Answering("NoSuchKey"), "bucket").delete(["drops/one"])


async def test_a_deletion_that_the_store_refuses_fails() -> None:
    with pytest.raises(StoreUnavailable, match="objects"):
        await S3Objects(Answering("NoSuchKey", "AccessDenied"), "bucket").delete(["drops/one"])
