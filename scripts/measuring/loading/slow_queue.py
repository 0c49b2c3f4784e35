"""Claims and acknowledges messages that wait in RabbitMQ, over a link that holds back every byte."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from datetime import timedelta

from services.common.queue import Queue, Topic
from services.common.queue.rabbitmq.queue import RabbitQueue
from tests.servers.rabbitmq import rabbitmq
from tests.servers.tools import Missing
from tests.servers.toxiproxy import toxiproxy

TOPIC = Topic("load")
# As the worker of drops claims.
AT_ONCE, LEASE, WAIT = 50, timedelta(seconds=20), timedelta(seconds=1)
PUBLISHED_AT_ONCE = 500
SILENT_SECONDS = 30.0
GOAL = 50.0


def main() -> int:
    """Prints the messages a second; fails below the goal, or when one was claimed twice or not at all."""
    parser = argparse.ArgumentParser(prog="scripts/load slow-queue", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="how many wait (10,000)")
    parser.add_argument("--delay", type=float, default=0.3, help="seconds for the way there and back (0.3)")
    arguments = parser.parse_args()
    try:
        with rabbitmq() as url, toxiproxy() as proxy, proxy.before(url) as link:
            asyncio.run(_publish(url, arguments.messages))
            link.delay(arguments.delay / 2)
            return asyncio.run(_claim(link.url, arguments.messages, arguments.delay))
    except Missing as missing:
        print(f"scripts/load slow-queue: {missing}; scripts/servers install gets it", file=sys.stderr)
        return 2


async def _publish(url: str, count: int) -> None:
    queue = await RabbitQueue.open(url)
    for start in range(0, count, PUBLISHED_AT_ONCE):
        numbers = range(start, min(count, start + PUBLISHED_AT_ONCE))
        await queue.publish(TOPIC, [str(number).encode() for number in numbers])
    await queue.close()


async def _claim(url: str, count: int, delay: float) -> int:
    queue: Queue = await RabbitQueue.open(url)
    began, seen, ended = time.monotonic(), list[bytes](), 0
    last = began
    # The first messages come once the link has been there and back a few times.
    while len(seen) < count and time.monotonic() - last < SILENT_SECONDS:
        if claims := await queue.claim(TOPIC, limit=AT_ONCE, lease=LEASE, wait=WAIT):
            last = time.monotonic()
            seen += [claim.body for claim in claims]
            ended += sum(await queue.acknowledge(claims))
    seconds = time.monotonic() - began
    await queue.close()
    rate = len(seen) / seconds
    twice, never = len(seen) - len(set(seen)), count - len(set(seen))
    print(f"{count} messages, {delay * 1000:.0f} ms there and back: {rate:.0f} a second (goal {GOAL:g})")
    print(f"{ended} acknowledged, {twice} claimed twice, {never} never, {seconds:.1f} s")
    return 1 if rate < GOAL or twice or never else 0


if __name__ == "__main__":
    sys.exit(main())
