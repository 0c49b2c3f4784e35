from __future__ import annotations

import pytest
from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import object_pb2
from google.protobuf import json_format

from services.common.base.errors import InvalidArgument
from services.common.media.anonymize.messages import options_message, to_options

BOX = {"left": 1, "top": 1, "right": 9, "bottom": 9}


def options(regions: list[dict[str, object]]) -> object_pb2.AnonymizeOptions:
    return json_format.ParseDict({"regions": regions}, object_pb2.AnonymizeOptions())


@pytest.mark.parametrize(
    "region",
    [
        {"box": BOX},
        {"box": BOX, "start": "1.500s", "end": "2s"},
        {"keyframes": [{"time": "0s", "box": BOX}, {"time": "0.040s", "box": BOX}], "end": "1s"},
    ],
)
def test_a_region_comes_back_as_it_was_sent(region: dict[str, object]) -> None:
    (shown,) = options_message(to_options(options([region]))).regions
    assert shown == options([region]).regions[0]


def test_a_single_keyframe_means_a_box_that_rests() -> None:
    one = to_options(options([{"keyframes": [{"time": "7s", "box": BOX}]}]))
    assert one.digest() == to_options(options([{"box": BOX}])).digest()


@pytest.mark.parametrize(
    ("region", "field"),
    [
        ({"box": BOX, "start": "2s", "end": "2s"}, ".end"),
        ({"box": BOX, "end": "0s"}, ".end"),
        ({}, ""),
        ({"box": BOX, "keyframes": [{"time": "1s", "box": BOX}]}, ""),
        ({"box": {**BOX, "right": 1}}, ".box"),
        ({"keyframes": [{"time": "1s", "box": BOX}, {"time": "2s"}]}, ".keyframes[1].box"),
        ({"keyframes": [{"time": "2s", "box": BOX}, {"time": "2s", "box": BOX}]}, ".keyframes[1].time"),
    ],
)
def test_a_region_that_means_nothing_is_refused_by_name(region: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        to_options(options([{"box": BOX}, region]), field="upload.anonymize")
    path = f"upload.anonymize.regions[1]{field}"
    assert (caught.value.reason, caught.value.metadata) == (reasons.INVALID_FIELD, {"field": path})
    assert caught.value.message.startswith(f"{path}: must ")


def test_no_more_keyframes_are_taken_than_a_document_holds_well() -> None:
    moving = {"keyframes": [{"time": f"{number}s", "box": BOX} for number in range(201)]}
    with pytest.raises(InvalidArgument, match="must have 1000 keyframes at most in all; found 1005"):
        to_options(options([moving] * 5))
