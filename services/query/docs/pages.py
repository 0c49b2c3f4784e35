"""The contract for people: the OpenAPI document, and a page that shows it without anything from elsewhere."""

from __future__ import annotations

from pathlib import Path

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.rpc.call import Call

OPENAPI = Path(__file__).resolve().parents[3] / "proto" / "openapi.json"
PAGE = Path(__file__).with_name("pages.html")


class DocumentReads:
    """Reads of the contract itself."""

    def __init__(self) -> None:
        self._document = HttpBody(content_type="application/json", data=OPENAPI.read_bytes())
        self._page = HttpBody(content_type="text/html; charset=utf-8", data=PAGE.read_bytes())

    async def GetDocument(self, request: query_service_pb2.GetDocumentRequest, call: Call) -> HttpBody:
        """The OpenAPI document."""
        return self._document

    async def GetDocumentPage(self, request: query_service_pb2.GetDocumentPageRequest, call: Call) -> HttpBody:
        """The page."""
        return self._page
