"""FastAPI with UploadFile, as most services take uploads, made durable: copied to disk, hashed, synced, renamed."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

from fastapi import FastAPI, UploadFile

FOLDER = Path(os.environ["REFERENCE_FOLDER"])
CHUNK_BYTES = 1024 * 1024
app = FastAPI()


# Not a coroutine: FastAPI runs it in a thread, where it may wait for the disk.
@app.post("/v1/media", status_code=201)
def upload(file: list[UploadFile]) -> Any:
    return {"results": [store(one) for one in file]}


def store(upload: UploadFile) -> dict[str, Any]:
    name = secrets.token_hex(16)
    part = FOLDER / f"{name}.part"
    digest = hashlib.sha256()
    with part.open("wb") as target:
        while chunk := upload.file.read(CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
        target.flush()
        os.fsync(target.fileno())
    part.rename(FOLDER / name)
    descriptor = os.open(FOLDER, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    return {"name": name, "sha256": digest.hexdigest(), "size_bytes": upload.size}
