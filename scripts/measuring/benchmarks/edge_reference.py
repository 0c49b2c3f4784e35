"""FastAPI doing what the guard does before a method: token, validation, request id, metrics. Run by uvicorn."""

# ruff: noqa: ARG001
from __future__ import annotations

import hashlib
import hmac
import os
import time
import uuid
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Path, Request, Response
from prometheus_client import Counter, Gauge, Histogram

SECRET_SHA256 = hashlib.sha256(os.environ["REFERENCE_TOKEN"].encode()).digest()
REQUESTS = Counter("requests_total", "Calls answered.", ("path", "status"))
LATENCY = Histogram("request_seconds", "Time to the answer.", ("path",))
IN_FLIGHT = Gauge("in_flight", "Calls being worked on.")
app = FastAPI()


@app.middleware("http")
async def measured(request: Request, call_next: Any) -> Response:
    started = time.perf_counter()
    IN_FLIGHT.inc()
    try:
        response: Response = await call_next(request)
        response.headers["x-request-id"] = request.headers.get("x-request-id") or uuid.uuid4().hex
        REQUESTS.labels("/v1/measurements/{time}", response.status_code).inc()
        return response
    finally:
        IN_FLIGHT.dec()
        LATENCY.labels("/v1/measurements/{time}").observe(time.perf_counter() - started)


async def caller(authorization: Annotated[str, Header()]) -> str:
    text = authorization.removeprefix("Bearer ")
    if not hmac.compare_digest(SECRET_SHA256, hashlib.sha256(text.encode()).digest()):
        raise HTTPException(401)
    return "caller"


@app.get("/v1/measurements/{moment}")
async def measurement(
    moment: Annotated[str, Path(pattern="^[0-9A-Za-z:.+-]{1,64}$")], subject: Annotated[str, Depends(caller)]
) -> dict[str, Any]:
    return {
        "name": f"measurements/{moment}",
        "count": "3",
        "mean": 1.5,
        "min": 1.0,
        "max": 2.0,
        "receipt": "receipts/x",
    }
