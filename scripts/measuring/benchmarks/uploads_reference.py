"""FastAPI and python-multipart storing uploads durably: streamed to disk, hashed, synced, renamed. Run by uvicorn."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from fastapi import FastAPI, Request, Response
from python_multipart.multipart import MultipartParser, parse_options_header

FOLDER = Path(os.environ["REFERENCE_FOLDER"])
app = FastAPI()


class Storing:
    """One file on its way in."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(16)
        self.file: BinaryIO = (FOLDER / f"{self.name}.part").open("wb", buffering=0)
        self.hash = hashlib.sha256()

    def write(self, chunk: bytes) -> None:
        self.hash.update(chunk)
        self.file.write(chunk)

    def commit(self) -> dict[str, Any]:
        size = self.file.tell()
        os.fsync(self.file.fileno())
        self.file.close()
        (FOLDER / f"{self.name}.part").rename(FOLDER / self.name)
        descriptor = os.open(FOLDER, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        return {"name": self.name, "sha256": self.hash.hexdigest(), "size_bytes": size}


@app.post("/v1/media", status_code=201)
async def upload(request: Request) -> Any:
    content_type, options = parse_options_header(request.headers.get("content-type", ""))
    if content_type != b"multipart/form-data":
        return Response(status_code=415)
    stored: list[dict[str, Any]] = []
    parts: list[Storing] = []
    callbacks: dict[str, Callable[..., None]] = {
        "on_part_begin": lambda: parts.append(Storing()),
        "on_part_data": lambda data, start, end: parts[-1].write(data[start:end]),
        "on_part_end": lambda: stored.append(parts[-1].commit()),
    }
    parser = MultipartParser(options[b"boundary"], callbacks)
    async for chunk in request.stream():
        # Disk work off the event loop, as the endpoint of such a service has to.
        await asyncio.to_thread(parser.write, chunk)
    return {"results": stored}
