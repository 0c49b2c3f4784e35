"""The contract for people: the OpenAPI document, and Swagger UI on it without anything from elsewhere."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from dropmesh.v1 import query_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.rpc.call import Call

OPENAPI = Path(__file__).resolve().parents[3] / "proto" / "openapi.json"
HERE = Path(__file__).parent
# Nothing inline, nothing from elsewhere; the styles of the page draw their arrows as data.
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"
HEADERS = {
    "content-security-policy": f"{POLICY}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "max-age=300",
}


class DocumentReads:
    """Reads of the contract itself."""

    def __init__(self) -> None:
        swagger_ui = swagger_ui_folder()
        self._document = HttpBody(content_type="application/json", data=OPENAPI.read_bytes())
        self._files = {
            "": _file(HERE / "page.html", "text/html; charset=utf-8"),
            "invite.css": _file(HERE / "invite.css", "text/css; charset=utf-8"),
            "start.js": _file(HERE / "start.js", "text/javascript; charset=utf-8"),
            "swagger-ui.css": _file(swagger_ui / "css" / "swagger-ui.css", "text/css; charset=utf-8"),
            "swagger-ui-bundle.js": _file(swagger_ui / "js" / "swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        }

    async def GetDocument(self, request: query_service_pb2.GetDocumentRequest, call: Call) -> HttpBody:
        """The OpenAPI document."""
        return self._document

    async def GetDocumentPage(self, request: query_service_pb2.GetDocumentPageRequest, call: Call) -> HttpBody:
        """The page, or a file that it loads."""
        call.answer_with(200, HEADERS)
        return self._files[request.file]


def swagger_ui_folder() -> Path:
    """Where requirements/pages.txt puts the files of Swagger UI; nothing of that package is imported."""
    found = find_spec("star_openapi_swagger")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("no files of Swagger UI: pip install --no-deps -r requirements/pages.txt")
    return Path(found.origin).parent / "templates" / "swagger"


def _file(path: Path, content_type: str) -> HttpBody:
    return HttpBody(content_type=content_type, data=path.read_bytes())
