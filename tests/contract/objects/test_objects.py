"""The promise of services.common.objects, executed on every adapter."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest

from services.common.base.errors import ObjectMissing
from services.common.stores.open import open_objects

MIB = 1024 * 1024


async def read_all(objects, key, offset=0, length=None):
    return b"".join([chunk async for chunk in objects.read(key, offset, length)])


@pytest.mark.parametrize("size", [0, 1, 70_000, 8 * MIB, 8 * MIB + 1, 20 * MIB + 7])
async def test_what_was_committed_comes_back_whole(objects, put, size):
    data = random.Random(size).randbytes(size)
    await put("contents/one", data)
    assert await read_all(objects, "contents/one") == data
    info = await objects.stat("contents/one")
    assert (info.key, info.size_bytes) == ("contents/one", size)


async def test_commit_tells_what_was_stored(objects):
    writer = await objects.create("contents/told")
    await writer.write(b"abc")
    info = await writer.commit()
    assert (info.key, info.size_bytes) == ("contents/told", 3)
    assert info.modified_ns > 0


@pytest.mark.parametrize("size", [0, 1, 200_000, 9 * MIB])
async def test_what_is_put_at_once_is_as_good_as_written(objects, size):
    data = random.Random(size).randbytes(size)
    info = await objects.put("contents/at-once", data)
    assert (info.key, info.size_bytes, info.modified_ns > 0) == ("contents/at-once", size, True)
    assert await read_all(objects, "contents/at-once") == data
    assert await objects.stat("contents/at-once") == info
    assert await objects.sweep(timedelta(0)) == 0


async def test_a_key_that_is_written_again_has_all_of_the_new_bytes(objects, put):
    await put("contents/again", bytes(3 * MIB))
    before = objects.read("contents/again")
    first = await anext(before)
    await put("contents/again", b"good")
    assert await read_all(objects, "contents/again") == b"good"
    assert len(first) + sum([len(chunk) async for chunk in before]) == 3 * MIB


async def test_chunks_are_no_larger_than_a_mebibyte(objects, put):
    await put("contents/chunks", bytes(3 * MIB + 5))
    assert max([len(chunk) async for chunk in objects.read("contents/chunks")]) <= MIB


@pytest.mark.parametrize(
    ("offset", "length"), [(0, 10), (5, 1), (5, None), (9, 100), (0, 0), (10, None), (10, 5), (11, None), (99, 3)]
)
async def test_a_range_is_what_lies_in_it(objects, put, offset, length):
    await put("contents/range", b"0123456789")
    expected = b"0123456789"[offset:] if length is None else b"0123456789"[offset : offset + length]
    assert await read_all(objects, "contents/range", offset, length) == expected


async def test_nothing_is_visible_before_the_commit(objects):
    writer = await objects.create("contents/half")
    await writer.write(bytes(9 * MIB))
    assert await objects.stat("contents/half") is None
    assert await objects.list("contents/") == []
    with pytest.raises(ObjectMissing):
        await read_all(objects, "contents/half")
    await writer.abort()


async def test_an_aborted_object_never_was(objects):
    writer = await objects.create("contents/gone")
    await writer.write(bytes(9 * MIB))
    await writer.abort()
    await writer.abort()
    assert await objects.stat("contents/gone") is None
    assert await objects.sweep(timedelta(0)) == 0


async def test_a_sweep_leaves_what_still_arrives(objects):
    writer = await objects.create("contents/slow")
    await writer.write(bytes(9 * MIB))
    await asyncio.sleep(3.5)
    await writer.write(bytes(9 * MIB))
    assert await objects.sweep(timedelta(seconds=3)) == 0
    await writer.commit()
    assert len(await read_all(objects, "contents/slow")) == 18 * MIB


async def test_abort_after_commit_is_harmless(objects):
    writer = await objects.create("contents/kept")
    await writer.write(b"kept")
    await writer.commit()
    await writer.abort()
    assert await read_all(objects, "contents/kept") == b"kept"


async def test_what_is_not_there_is_missing(objects, tmp_path):
    assert await objects.stat("contents/nothing") is None
    with pytest.raises(ObjectMissing):
        await read_all(objects, "contents/nothing")
    with pytest.raises(ObjectMissing):
        await objects.fetch("contents/nothing", tmp_path / "file")


async def test_deleting_what_is_not_there_succeeds(objects, put):
    await put("contents/a", b"a")
    await put("contents/b", b"b")
    await objects.delete(["contents/a", "contents/never"])
    await objects.delete(["contents/a"])
    assert [info.key for info in await objects.list("contents/")] == ["contents/b"]


async def test_a_list_is_in_the_order_of_keys_and_goes_on_after_one(objects, put):
    keys = [f"contents/{number:02}x" for number in (3, 1, 2, 10, 0)] + ["drops/1", "contentsx/1"]
    for key in keys:
        await put(key, key.encode())
    listed = await objects.list("contents/")
    assert [info.key for info in listed] == sorted(key for key in keys if key.startswith("contents/"))
    assert [info.size_bytes for info in listed] == [len(info.key) for info in listed]
    assert [info.key for info in await objects.list("contents/", after="contents/01x", limit=2)] == [
        "contents/02x",
        "contents/03x",
    ]
    assert [info.key for info in await objects.list("contents/1")] == ["contents/10x"]


async def test_a_fetched_file_has_the_bytes(objects, put, tmp_path):
    data = random.Random(1).randbytes(9 * MIB)
    await put("contents/file", data)
    await objects.fetch("contents/file", tmp_path / "fetched")
    assert (tmp_path / "fetched").read_bytes() == data
    await objects.delete(["contents/file"])
    assert (tmp_path / "fetched").read_bytes() == data


async def test_many_at_once_do_not_meet(objects, put):
    await asyncio.gather(*(put(f"contents/{number}", str(number).encode() * 1000) for number in range(50)))
    for number in range(50):
        assert await read_all(objects, f"contents/{number}") == str(number).encode() * 1000


async def test_a_presigned_address_is_for_anyone(objects, put):
    await put("contents/signed", b"signed")
    address = await objects.presign(
        "contents/signed",
        expires=timedelta(minutes=1),
        content_type="image/jpeg",
        content_disposition='attachment; filename="a.jpg"',
    )
    if address is None:
        return
    async with httpx.AsyncClient() as client:
        answer = await client.get(address)
    assert answer.content == b"signed"
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["content-disposition"] == 'attachment; filename="a.jpg"'


WRITE_UNTIL_KILLED = """
import asyncio, json, sys
from services.common.stores.open import open_objects
from services.common.settings import Settings

async def main():
    objects = await open_objects(Settings(**json.loads(sys.argv[1])))
    for number in range(1000):
        data = bytes([number % 256]) * (9 * 1024 * 1024 if number % 3 == 0 else 1000)
        if number % 2:
            await objects.put(f"contents/{number:04}", data)
        else:
            writer = await objects.create(f"contents/{number:04}")
            await writer.write(data)
            await writer.commit()
        print(number, flush=True)

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 4])
async def test_a_kill_loses_nothing_committed_and_leaves_nothing_half(objects, objects_settings, after):
    given = objects_settings.model_dump_json(exclude_defaults=True)
    with subprocess.Popen([sys.executable, "-c", WRITE_UNTIL_KILLED, given], stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        acknowledged = [int(process.stdout.readline()) for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in process.stdout.read().split()]
    for number in acknowledged:
        data = await read_all(objects, f"contents/{number:04}")
        assert data == bytes([number % 256]) * (9 * MIB if number % 3 == 0 else 1000)
    whole = {1000, 9 * MIB}
    assert {info.size_bytes for info in await objects.list("contents/")} <= whole
    await objects.sweep(timedelta(0))
    assert await objects.sweep(timedelta(0)) == 0


async def test_a_second_opening_sees_the_same(objects, put, objects_settings):
    await put("contents/shared", b"shared")
    other = await open_objects(objects_settings)
    assert await read_all(other, "contents/shared") == b"shared"
    await other.close()


@pytest.mark.parametrize("objects_settings", ["s3"], indirect=True)
async def test_meshes_with_prefixes_of_their_own_share_a_bucket(objects, put, objects_settings):
    await put("contents/shared", b"of one")
    theirs = objects_settings.model_copy(update={"objects": objects_settings.objects.replace("/one", "/two")})
    other = await open_objects(theirs)
    assert await other.stat("contents/shared") is None
    assert await other.list("") == []
    await other.put("contents/shared", b"of two")
    assert [info.key for info in await other.list("", after="a")] == ["contents/shared"]
    await other.delete(["contents/shared"])
    assert await read_all(objects, "contents/shared") == b"of one"
    await other.close()
