"""The usual plain dropzone: the same work behind FastAPI."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from scripts.measuring.loading.references.group_commit import Dropzone

app = FastAPI()
dropzone = Dropzone()


@app.post("/v1/measurements")
async def drop(request: Request) -> Response:
    try:
        return Response(await dropzone.keep(await request.body()), 202, media_type="application/json")
    except ValueError:
        return Response(b"{}", 400, media_type="application/json")
