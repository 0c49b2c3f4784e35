from __future__ import annotations

import pytest
from dropmesh.classify_dir.profile import ProfileError, load_profile
from dropmesh.v1.classification_pb2 import ClassificationProfile as Profile


def test_modelcls_declares_its_queues_with_default_arguments_and_matches_by_photo_id():
    profile = load_profile("modelcls")
    for queue, name in ((profile.requests.queue, "to_ai"), (profile.replies.queue, "from_ai")):
        assert (queue.name, queue.durable, queue.passive, len(queue.arguments)) == (name, False, False, 0)
    assert dict(profile.requests.fields) == {"image": "image", "id": "photo_id"}
    assert profile.replies.match == Profile.ID_FIELD
    assert not profile.replies.reply_to


def test_dropmesh_is_durable_and_keeps_what_cannot_be_answered():
    profile = load_profile("dropmesh")
    assert profile.requests.queue.durable
    assert profile.replies.queue.durable
    assert profile.requests.queue.arguments["x-dead-letter-routing-key"] == profile.dead.name
    assert profile.replies.match == Profile.CORRELATION_ID
    assert profile.replies.reply_to


def test_a_name_that_no_profile_has_is_answered_with_those_there_are():
    with pytest.raises(ProfileError, match="no other; there are dropmesh, modelcls"):
        load_profile("other")
