from __future__ import annotations

from dataclasses import replace

import pytest
from dropmesh.v1 import media_pb2, query_service_pb2

from services.common.caching.recent import Recent
from services.common.media.model import Content, Media, Metadata
from services.common.media.vocabulary import MediaKind, MediaState
from services.common.rest.json import json_text
from services.query.media.answers import MediaPage, MediaTexts, OneMedia

CONTENT = Content("a" * 64, "contents/1", "1/original", "jpeg", "image/jpeg", 1000)
PHOTO = Media("1", "ann", MediaState.NEW, MediaKind.IMAGE, "<a>.jpg", 7, 7, CONTENT, Metadata(4, 3), version=1)
LATER = replace(PHOTO, filename="b.jpg", version=2)


@pytest.mark.parametrize("expect_time_ns", [None, 9_000_000_001])
@pytest.mark.parametrize("limit_bytes", [0, 10_000])
def test_a_media_is_written_as_its_message_would_be_each_time(expect_time_ns: int | None, limit_bytes: int) -> None:
    texts = MediaTexts(Recent(limit_bytes))
    for media in (PHOTO, PHOTO, LATER):
        answer = OneMedia(media, expect_time_ns, texts)
        assert answer.json_text() == json_text(answer.message())
        assert media_pb2.Media.FromString(answer.SerializeToString()) == answer.message()


@pytest.mark.parametrize("page", [[], [PHOTO], [LATER, PHOTO]])
def test_so_is_a_page(page: list[Media]) -> None:
    answer = MediaPage(page, "next-1_" if page else "", MediaTexts(Recent(10_000)))
    assert answer.json_text() == json_text(answer.message())
    assert query_service_pb2.ListMediaResponse.FromString(answer.SerializeToString()) == answer.message()
