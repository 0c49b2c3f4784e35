from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

from services.common.base.errors import InvalidArgument
from services.common.media.model import Label, ModelVersion
from services.processor.classify_queue.messages import (
    Request,
    decode_request,
    encode_error,
    encode_reply,
    id_of_unreadable,
)
from services.processor.classify_queue.profile import load_profile
from services.processor.media.job_results import ClassificationResult

IMAGE = base64.b64encode(b"bytes").decode()
SAID = ClassificationResult((Label("cat", 0.5), Label("dog", 0.25)), ModelVersion("colours", "0123", "0123abcd"))


def test_a_request_of_dropmesh_is_read_with_five_labels_unless_it_says_otherwise():
    profile = load_profile("dropmesh")
    body = {"image_id": "a1", "image": IMAGE, "file_name": "1.jpg", "a_later_field": 1}
    assert decode_request(profile, json.dumps(body).encode(), "a1") == Request("a1", b"bytes", 5)
    assert decode_request(profile, json.dumps({**body, "labels": 2}).encode(), "a1").labels == 2


def test_a_request_of_modelcls_keeps_the_type_of_its_id():
    profile = load_profile("modelcls")
    for photo_id in ("a1", 7, [1, 2]):
        request = decode_request(profile, json.dumps({"image": IMAGE, "photo_id": photo_id}).encode(), None)
        assert request == Request(photo_id, b"bytes", 1)
        reply = json.loads(encode_reply(profile, photo_id, SAID, timedelta(0)))
        assert reply == {"photo_id": photo_id, "label": "cat"}


def test_a_binary_request_is_named_by_its_correlation_id():
    profile = load_profile("dropmesh")
    profile.requests.body = Profile.BINARY
    assert decode_request(profile, b"bytes", "a1") == Request("a1", b"bytes", 5)


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("dropmesh", b"", "body"),
        ("dropmesh", b"[]", "image_id"),
        ("dropmesh", b'{"image_id": "a1"}', "image"),
        ("dropmesh", b'{"image_id": "a1", "image": "Ynl0ZXM=", "labels": 101}', "labels"),
        ("modelcls", b"\xff", "body"),
        ("modelcls", b"7", "body: this is no JSON object"),
        ("modelcls", b"[" * 100_000, "body: maximum recursion depth"),
        ("modelcls", b'{"image": "Ynl0ZXM="}', "photo_id: missing"),
        ("modelcls", b'{"image": "no base64!", "photo_id": 1}', "image: this is no base64"),
        ("modelcls", b'{"image": 7, "photo_id": 1}', "image: this is no base64"),
    ],
)
def test_what_can_never_be_answered_is_refused_with_the_field(name, body, said):
    with pytest.raises(InvalidArgument, match=said):
        decode_request(load_profile(name), body, None)


def test_the_sender_of_what_cannot_be_read_is_known_where_the_profile_says_so():
    assert id_of_unreadable(load_profile("dropmesh"), b"", "a1") == "a1"
    assert id_of_unreadable(load_profile("modelcls"), b'{"photo_id": 7}', None) == 7
    assert id_of_unreadable(load_profile("modelcls"), b"", None) is None


def test_a_reply_of_dropmesh_has_labels_model_and_time():
    reply = json.loads(encode_reply(load_profile("dropmesh"), "a1", SAID, timedelta(seconds=0.25)))
    assert reply == {
        "image_id": "a1",
        "labels": [{"label": "cat", "score": 0.5}, {"label": "dog", "score": 0.25}],
        "model": {"model": "models/colours", "version": "0123", "sha256": "0123abcd"},
        "elapsed": "0.250s",
    }


def test_an_error_is_said_where_the_profile_has_a_word_for_it():
    error = InvalidArgument(reasons.MEDIA_UNREADABLE, "broken")
    said = encode_error(load_profile("dropmesh"), "a1", error)
    assert said is not None
    assert json.loads(said)["error"] == {"reason": "MEDIA_UNREADABLE", "message": "broken"}
    assert encode_error(load_profile("modelcls"), "a1", error) is None
