from __future__ import annotations

import pytest
from dropmesh.v1.ingest_service_pb2 import CancelMediaRequest, ProcessMediaRequest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from scripts.contract.method_errors import METHODS
from services.common.base.errors import AlreadyExists
from services.common.base.requests import KEPT_MOST, came_before, named_request, request_key, with_request

ID = "6f0a3f0e-8f5b-4d5c-9a55-0b8c1c3d2e1f"
# Named by something else than an id: the content of a media, the offset of an upload, the instants of lines.
SAFE_BY_NATURE = {"UploadMedia", "UploadInviteMedia", "AppendUpload", "WriteLines"}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_is_safe_to_repeat_or_takes_a_request_id(method: MethodDescriptor) -> None:
    if method.GetOptions().idempotency_level == MethodOptions.IDEMPOTENCY_UNKNOWN:
        assert method.name in SAFE_BY_NATURE or "request_id" in method.input_type.fields_by_name


def test_a_request_is_its_content_whatever_the_case_of_its_id() -> None:
    first = named_request(ProcessMediaRequest(name="media/a", request_id=ID))
    again = named_request(ProcessMediaRequest(name="media/a", request_id=ID.upper()))
    assert first is not None
    assert not came_before((), first)
    assert came_before((first.kept(),), again)
    for other in (
        ProcessMediaRequest(name="media/b", request_id=ID),
        CancelMediaRequest(name="media/a", request_id=ID),
    ):
        with pytest.raises(AlreadyExists, match="request_id"):
            came_before((first.kept(),), named_request(other))


def test_without_an_id_nothing_came_before() -> None:
    assert named_request(ProcessMediaRequest(name="media/a")) is None
    assert not came_before((), None)
    assert with_request((), None) == ()


def test_the_last_requests_are_kept() -> None:
    kept = ()
    for number in range(KEPT_MOST + 1):
        kept = with_request(kept, named_request(CancelMediaRequest(name="media/a", request_id=f"{number}")))
    assert len(kept) == KEPT_MOST
    assert not came_before(kept, named_request(CancelMediaRequest(name="media/a", request_id="0")))
    assert came_before(kept, named_request(CancelMediaRequest(name="media/a", request_id="1")))


def test_a_key_belongs_to_one_owner_and_one_collection() -> None:
    keys = {request_key(collection, owner, ID) for collection in ("invites", "uploads") for owner in ("ann", "bob")}
    assert len(keys) == 4
    assert request_key("invites", "ann", ID.upper()) in keys
