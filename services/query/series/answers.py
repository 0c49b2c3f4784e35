"""A stored series as an answer: the JSON of a version is made once, and the message for gRPC."""

from __future__ import annotations

from dataclasses import dataclass

from dropmesh.v1 import series_pb2

from services.common.caching.recent import Recent
from services.common.catalog import Document
from services.common.catalog.documents import from_document
from services.common.rest.by_hand import ByHand
from services.common.rest.json import json_text
from services.common.series.messages import series_message
from services.common.series.model import PREFIX, Series


@dataclass(frozen=True, slots=True)
class OneSeries(ByHand):
    """A series as its document has it; to read the whole document costs more than to send the text that was kept."""

    document: Document
    recent: Recent

    def message(self) -> series_pb2.Series:
        """The message."""
        return series_message(from_document(Series, self.document))

    def json_text(self) -> bytes:
        """See ByHand; a version of a series never changes."""
        key = (PREFIX, self.document["_id"], self.document["_version"])
        text: bytes | None = self.recent.get(key)
        if text is None:
            text = json_text(self.message())
            self.recent.keep(key, text, len(text))
        return text
