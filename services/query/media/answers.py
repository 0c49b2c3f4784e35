"""Media as answers: the JSON of a version is made once, and messages for gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dropmesh.v1 import media_pb2, query_service_pb2

from services.common.base.instants import to_timestamp
from services.common.caching.recent import Recent
from services.common.media.messages import media_message
from services.common.media.model import Media
from services.common.rest.by_hand import ByHand
from services.common.rest.json import json_text


class MediaTexts:
    """The JSON of media that were read lately; a version of a media never changes."""

    def __init__(self, recent: Recent) -> None:
        self._recent = recent

    def of(self, media: Media) -> bytes:
        """The JSON of a media."""
        key = (media.id, media.version)
        text: bytes | None = self._recent.get(key)
        if text is None:
            text = json_text(media_message(media))
            self._recent.keep(key, text, len(text))
        return text


@dataclass(frozen=True, slots=True)
class OneMedia(ByHand):
    """A media, with the time at which it is expected to be done, if that is known."""

    media: Media
    expect_time_ns: int | None
    texts: MediaTexts

    def message(self) -> media_pb2.Media:
        """The message."""
        message = media_message(self.media)
        if self.expect_time_ns is not None:
            message.processing.expect_time.CopyFrom(to_timestamp(self.expect_time_ns))
        return message

    def json_text(self) -> bytes:
        """See ByHand."""
        return self.texts.of(self.media) if self.expect_time_ns is None else json_text(self.message())


@dataclass(frozen=True, slots=True)
class MediaPage(ByHand):
    """A page of media."""

    media: Sequence[Media]
    next_page_token: str
    texts: MediaTexts

    def message(self) -> query_service_pb2.ListMediaResponse:
        """The message."""
        return query_service_pb2.ListMediaResponse(
            media=map(media_message, self.media), next_page_token=self.next_page_token
        )

    def json_text(self) -> bytes:
        """See ByHand."""
        texts = b",".join(map(self.texts.of, self.media))
        return b'{"media":[%b],"next_page_token":"%b"}' % (texts, self.next_page_token.encode())
