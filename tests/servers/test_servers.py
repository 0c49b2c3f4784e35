"""The private servers do what the contract tests lean on, and a broken link breaks and heals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import aio_pika
import boto3
import pymongo
import pytest
from botocore.config import Config
from pymongo.errors import PyMongoError

from tests.servers.s3 import S3
from tests.servers.toxiproxy import Toxiproxy


def _ping(url: str) -> bool:
    with pymongo.MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=2000, socketTimeoutMS=2000) as client:
        return bool(client.admin.command("ping")["ok"])


def test_mongodb_keeps_a_document(mongo_url: str) -> None:
    with pymongo.MongoClient[dict[str, object]](mongo_url) as client:
        collection = client["servers"]["kept"]
        collection.insert_one({"_id": 2**62, "n": 1})
        collection.update_one({"_id": 2**62}, {"$inc": {"n": 1}})
        assert collection.find_one() == {"_id": 2**62, "n": 2}


async def test_rabbitmq_confirms_to_a_quorum_queue(amqp_url: str) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(publisher_confirms=True)
        queue = await channel.declare_queue("servers", durable=True, arguments={"x-queue-type": "quorum"})
        await channel.default_exchange.publish(aio_pika.Message(b"work"), routing_key="servers")
        message = await queue.get(timeout=5)
        assert message.body == b"work"
        await message.ack()
        await queue.delete(if_unused=False, if_empty=False)


def test_s3_refuses_to_overwrite_when_asked(s3: S3) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.access_key,
        aws_secret_access_key=s3.secret_key,
        region_name=s3.region,
        config=Config(s3={"addressing_style": "path"}),
    )
    client.put_object(Bucket=s3.bucket, Key="servers/once", Body=b"first", IfNoneMatch="*", ContentType="text/plain")
    with pytest.raises(client.exceptions.ClientError):
        client.put_object(Bucket=s3.bucket, Key="servers/once", Body=b"second", IfNoneMatch="*")
    kept = client.get_object(Bucket=s3.bucket, Key="servers/once", Range="bytes=1-2")
    assert (kept["Body"].read(), kept["ContentType"]) == (b"ir", "text/plain")
    client.close()


def test_a_link_breaks_and_heals(toxiproxy: Toxiproxy, mongo_url: str) -> None:
    with toxiproxy.before(mongo_url) as link:
        assert _ping(link.url)
        for breaks in (link.cut, link.reset, lambda: link.delay(5)):
            breaks()
            with pytest.raises(PyMongoError):
                _ping(link.url)
            link.heal()
            assert _ping(link.url)


def test_a_judge_is_found_by_name(tool: Callable[[str], Path]) -> None:
    assert tool("grpcurl").is_file()
