"""The usual plain store of photos: the same work behind FastAPI."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from scripts.measuring.loading.references.photos import Photos

app = FastAPI()
photos = Photos()


@app.post("/v1/media")
async def upload(request: Request) -> Response:
    try:
        return Response(await photos.keep(await request.body()), 201, media_type="application/json")
    except ValueError:
        return Response(b"{}", 400, media_type="application/json")
