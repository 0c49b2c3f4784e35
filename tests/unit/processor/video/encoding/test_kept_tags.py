from __future__ import annotations

import pytest

from services.common.media.vocabulary import KeptMetadata
from services.processor.video.encoding.kept_tags import kept_tags

TAGS = {
    "creation_time": "2020-01-02T03:04:05.000000Z",
    "com.apple.quicktime.creationdate": "2020-01-02T05:04:05+0200",
    "make": "Acme",
    "com.apple.quicktime.model": "X1",
    "location": "+52.5000+013.4000+034.500/",
    "encoder": "secret",
    "comment": "secret",
    "com.apple.quicktime.content.identifier": "secret",
}


def test_tags_that_are_named_stay_and_no_others() -> None:
    assert kept_tags(TAGS, []) == {}
    assert kept_tags(TAGS, [KeptMetadata.CAMERA]) == {
        "com.apple.quicktime.make": "Acme",
        "com.apple.quicktime.model": "X1",
    }
    assert kept_tags(TAGS, [KeptMetadata.CAPTURE_TIME]) == {
        "com.apple.quicktime.creationdate": "2020-01-02T05:04:05+0200",
        "creation_time": "2020-01-02T03:04:05.000000Z",
    }
    place = dict.fromkeys(("com.apple.quicktime.location.ISO6709", "location"), TAGS["location"])
    assert kept_tags(TAGS, [KeptMetadata.LOCATION]) == place
    assert "secret" not in kept_tags(TAGS, KeptMetadata).values()


def test_names_in_other_letters_stay() -> None:
    for name in ("iPhone 15 Prö", "写真"):
        tags = {"com.apple.quicktime.model": name}
        assert kept_tags(tags, [KeptMetadata.CAMERA]) == tags


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("creation_time", "call me: 555-0199"),
        ("location", "my home"),
        ("make", "x" * 101),
        ("make", "two\nlines"),
        ("make", ""),
        ("make", "not UTF-8: \ufffd"),
        ("make", "turned \u202e round"),
    ],
)
def test_a_value_of_another_form_is_left_out(name: str, value: str) -> None:
    assert kept_tags({name: value}, KeptMetadata) == {}
