"""The usual plain service that reads: the same work behind FastAPI."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response

from scripts.measuring.loading.references.documents import Documents, Refused

app = FastAPI()
documents = Documents()


@app.get("/v1/{path:path}")
async def read(
    path: str,
    request: Request,
    authorization: Annotated[str, Header()] = "",
    x_request_id: Annotated[str, Header()] = "",
) -> Response:
    try:
        status, answer = 200, documents.read(f"/v1/{path}", request.url.query, authorization)
    except Refused as refused:
        status, answer = refused.status, b"{}"
    return Response(answer, status, {"x-request-id": x_request_id or uuid.uuid4().hex}, "application/json")
