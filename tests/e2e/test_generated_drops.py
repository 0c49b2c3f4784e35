"""Thousands of drops, good and broken in every way, from many callers at once: the store is what the reference says."""

from __future__ import annotations

import asyncio
import math
import os
import time
import uuid
from typing import Any

import httpx
import pytest

from services.common.base.timestamps import parse_timestamp
from tests.e2e.mesh import Mesh, bearer
from tests.support.drop_strategies import GeneratedDrop, generate_drops
from tests.support.reference_measurements import Row, reference_measurements

# A suite's share; DROPMESH_GENERATED_DROPS=10000 looks at length.
COUNT = int(os.environ.get("DROPMESH_GENERATED_DROPS", "1000"))
AT_ONCE = 24


@pytest.fixture(scope="module")
def drops() -> list[GeneratedDrop]:
    return generate_drops(COUNT, seed_number=11, repeat_share=0.4)


@pytest.mark.timeout(1500)
async def test_ten_thousand_drops_come_to_what_the_reference_says(
    tokens_mesh: Mesh, drops: list[GeneratedDrop]
) -> None:
    token = tokens_mesh.token(f"generated-{uuid.uuid4().hex[:12]}")
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=tokens_mesh.url, headers=bearer(token), timeout=60, limits=limits) as client:
        places = asyncio.Semaphore(AT_ONCE)

        async def send(drop: GeneratedDrop) -> int:
            async with places:
                answer = await client.post("/v1/measurements", content=drop.raw)
            assert answer.status_code == 202, answer.text
            return int(answer.json()["receipt"]["sequence"])

        sequences = await asyncio.gather(*(send(drop) for drop in drops))
        received = [drop for _, drop in sorted(zip(sequences, drops, strict=True), key=lambda pair: pair[0])]
        assert len(set(sequences)) == COUNT
        receipts = await _settled_receipts(client)
        rows, accepted = reference_measurements(drop.raw for drop in received)
        states = ["PROCESSED" if good else "QUARANTINED" for good in accepted]
        assert [receipt["state"] for receipt in receipts] == states
        for receipt, drop in zip(receipts, received, strict=True):
            assert {failure["reason"] for failure in receipt["failures"]} >= drop.reasons
        assert {parse_timestamp(one["time"]): _row(one) for one in await _listed(client, "measurements")} == rows


async def _settled_receipts(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 300
    while (await client.get("/v1/receipts", params={"state": "NEW"})).json()["receipts"]:
        assert time.monotonic() < deadline, "drops are left over"
        await asyncio.sleep(0.5)
    return sorted(await _listed(client, "receipts"), key=lambda receipt: int(receipt["sequence"]))


async def _listed(client: httpx.AsyncClient, collection: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = await client.get(f"/v1/{collection}", params={"page_size": 1000, "page_token": token})
        assert page.status_code == 200, page.text
        found += page.json()[collection]
        token = page.json()["next_page_token"]
        if not token:
            return found


def _row(one: dict[str, Any]) -> Row:
    sample = one.get("sample_stddev")
    return (
        int(one["count"]),
        *(_number(one[name]) for name in ("mean", "population_stddev")),
        None if sample is None else _number(sample),
        *(_number(one[name]) for name in ("min", "max")),
    )  # type: ignore[return-value]


def _number(value: float | str) -> float:
    number = float(value)
    assert math.isfinite(number)
    return number
