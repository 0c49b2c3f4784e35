from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest
from dropmesh.classify_dir.messages import Label, Reply, ReplyUnreadable, decode_reply, encode_request
from dropmesh.classify_dir.pictures import Picture
from dropmesh.classify_dir.profile import load_profile
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile

PICTURE = Picture("a1", "cats/1.jpg", b"bytes", "0f" * 32, "image/jpeg", 640, 480)


def test_modelcls_gets_the_two_fields_that_it_knows():
    body = json.loads(encode_request(load_profile("modelcls"), PICTURE, 5))
    assert body == {"image": base64.b64encode(b"bytes").decode(), "photo_id": "a1"}


def test_dropmesh_gets_the_metadata_too():
    body = json.loads(encode_request(load_profile("dropmesh"), PICTURE, 3))
    assert body == {
        "image_id": "a1",
        "image": base64.b64encode(b"bytes").decode(),
        "file_name": "cats/1.jpg",
        "content_type": "image/jpeg",
        "size_bytes": "5",
        "sha256": "0f" * 32,
        "width": 640,
        "height": 480,
        "labels": 3,
    }


def test_a_binary_request_is_the_file():
    profile = Profile()
    profile.requests.body = Profile.BINARY
    assert encode_request(profile, PICTURE, 5) == b"bytes"


def test_a_reply_of_modelcls_is_matched_by_its_field_whatever_its_type():
    profile = load_profile("modelcls")
    assert decode_reply(profile, b'{"photo_id": "a1", "label": "cat"}', None) == Reply("a1", (Label("cat", None),))
    assert decode_reply(profile, b'{"photo_id": 7, "label": "cat"}', "a1").image_id == "7"


def test_a_reply_of_dropmesh_is_matched_by_correlation_id_and_has_scores_model_and_time():
    body = json.dumps(
        {
            "image_id": "a1",
            "labels": [{"label": "cat", "score": 0.5}, {"label": "dog", "score": 0.25}],
            "model": {"model": "models/colours", "version": "0123"},
            "elapsed": "0.25s",
        }
    )
    assert decode_reply(load_profile("dropmesh"), body.encode(), "a2") == Reply(
        "a2", (Label("cat", 0.5), Label("dog", 0.25)), "colours 0123", timedelta(seconds=0.25)
    )


def test_an_error_is_a_reply_too():
    body = b'{"image_id": "a1", "error": {"reason": "MEDIA_UNREADABLE", "message": "broken"}}'
    assert decode_reply(load_profile("dropmesh"), body, "a1").error == "MEDIA_UNREADABLE: broken"
    assert decode_reply(load_profile("modelcls"), b'{"photo_id": "a1"}', None).error == "the reply has no label"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b'{"label": "cat"}'])
def test_a_reply_that_names_no_image_is_unreadable(body):
    with pytest.raises(ReplyUnreadable):
        decode_reply(load_profile("modelcls"), body, None)
    with pytest.raises(ReplyUnreadable):
        decode_reply(load_profile("dropmesh"), body, None)


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"photo_id": 1, "label": "cat", "score": 1' + b"0" * 400 + b"}"])
def test_a_reply_that_no_parser_can_hold_is_unreadable(body):
    profile = load_profile("modelcls")
    profile.replies.fields["score"] = "score"
    with pytest.raises(ReplyUnreadable):
        decode_reply(profile, body, None)


def test_half_a_character_in_a_reply_is_replaced_so_that_it_can_be_stored():
    body = b'{"photo_id": "a\\ud800", "label": "cat\\ud800"}'
    assert decode_reply(load_profile("modelcls"), body, None) == Reply("a?", (Label("cat?", None),))
