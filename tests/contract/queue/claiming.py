"""How the tests claim."""

from __future__ import annotations

import asyncio
from datetime import timedelta

LEASE = timedelta(seconds=30)
SHORT = timedelta(milliseconds=200)
NOW = timedelta(0)
# Longer than a call takes on a busy machine.
LATER = timedelta(seconds=1)
SOON = timedelta(seconds=5)


async def claim_one(queue, topic, *, lease=LEASE, wait=SOON):
    (claim,) = await queue.claim(topic, limit=1, lease=lease, wait=wait)
    return claim


async def claim_all(queue, topic, count):
    """Claims so many messages, in as few calls as the queue needs."""
    claims = []
    async with asyncio.timeout(10):
        while len(claims) < count:
            claims += await queue.claim(topic, limit=count - len(claims), lease=LEASE, wait=SOON)
    return claims
