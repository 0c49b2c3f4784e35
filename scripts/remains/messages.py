"""Every message of a queue, also the dead letters, read without being taken."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from scripts.remains.documents import sqlite_rows
from services.common.queue.rabbitmq.names import Names, address_and_prefix
from services.common.settings import Settings
from services.common.stores.topics import TOPICS

REPLY_SECONDS = 10.0


async def messages(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """Each message with the name of its queue; of a dead letter also the reason."""
    if settings.queue_url != "embedded":
        async for found in _of_rabbitmq(settings.queue_url):
            yield found
        return
    scheme, _, path, *_ = urlsplit(settings.catalog_url)
    file = Path(unquote(path)) if scheme == "sqlite" else settings.data / "queue.sqlite"
    for table in ("queue_messages", "queue_dead_letters"):
        if file.exists():
            # S608: one of two names.
            for topic, body, reason in sqlite_rows(file, f"SELECT topic, body, reason FROM {table}"):  # noqa: S608
                yield f"{table}.{topic}", f"{body.decode(errors='replace')}\n{reason}"


async def _of_rabbitmq(url: str) -> AsyncIterator[tuple[str, str]]:
    import aio_pika
    from aio_pika.exceptions import ChannelClosed

    address, prefix = address_and_prefix(url)
    names = Names(prefix)
    connection = await aio_pika.connect(address)
    async with connection:
        for queue_name in [name for topic in TOPICS for name in (names.queue(topic), names.dead(topic))]:
            # Closing the channel gives every message back.
            async with connection.channel() as channel:
                try:
                    queue = await channel.declare_queue(queue_name, passive=True)
                except ChannelClosed:
                    continue
                while message := await queue.get(no_ack=False, fail=False, timeout=REPLY_SECONDS):
                    yield queue_name, f"{message.body.decode(errors='replace')}\n{message.headers}"
