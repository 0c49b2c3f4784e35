from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dropmesh.v1.processor_service_pb2 import VerifyMediaRequest, VerifyMediaResponse

from services.common.base.errors import FailedPrecondition
from services.common.media.model import Media
from services.common.media.transitions import expire_anonymized, process_again
from services.processor.media.job_results import AnonymizedMedia
from services.processor.media.verification import MediaChecks
from tests.integration.processor.media.test_worker import LIMITS, TIMES, FakePool, Job, cover, settled, working
from tests.support.calls import call_of
from tests.support.media_mesh import MediaMesh, Stores, photo

pytest_plugins = ["tests.support.media_fixtures"]


def cover_otherwise(source: Path, target: Path, on_progress: Any) -> AnonymizedMedia:
    result = cover(source, target, on_progress)
    target.write_bytes(b"otherwise " + source.read_bytes())
    return result


async def processed(stores: Stores, mesh: MediaMesh, folder: Path) -> Media:
    stored = await mesh.upload(photo("a face"))
    await mesh.outbox.publish_waiting()
    async with working(stores, mesh, folder, cover):
        return await settled(mesh, stored.media)


async def verified(mesh: MediaMesh, media: Media, folder: Path, job: Job = cover) -> VerifyMediaResponse:
    pool = FakePool(job)
    checks = MediaChecks(mesh.media, mesh.objects, pool, LIMITS, folder=folder, time_limit=TIMES.photo)  # type: ignore[arg-type]
    return await checks.VerifyMedia(VerifyMediaRequest(name=f"media/{media.id}"), call_of())


async def test_a_media_agrees_where_processing_again_gives_the_same_bytes(stores, mesh, tmp_path):
    media = await processed(stores, mesh, tmp_path)
    found = await verified(mesh, media, tmp_path)
    assert (found.agrees, found.original_agrees, found.anonymized_agrees, found.result_agrees) == (True,) * 4
    assert found.models_agree
    assert found.stored_sha256 == found.computed_sha256 == media.anonymized.sha256
    other = await verified(mesh, media, tmp_path, cover_otherwise)
    assert (other.agrees, other.original_agrees, other.anonymized_agrees, other.result_agrees) == (
        False,
        True,
        True,
        False,
    )
    assert other.computed_sha256 != other.stored_sha256


async def test_damaged_bytes_disagree(stores, mesh, tmp_path):
    media = await processed(stores, mesh, tmp_path)
    await stores.objects.put(media.anonymized.object_key, b"other bytes")
    found = await verified(mesh, media, tmp_path)
    assert (found.agrees, found.anonymized_agrees, found.result_agrees) == (False, False, True)
    await stores.objects.delete([media.original.object_key])
    found = await verified(mesh, media, tmp_path)
    assert (found.agrees, found.original_agrees, found.computed_sha256) == (False, False, "")


async def test_only_a_result_of_the_present_options_is_verified(stores, mesh, tmp_path):
    media = await processed(stores, mesh, tmp_path)
    now_ns = media.update_time_ns + 1
    again = await mesh.media.change(media.id, lambda found: process_again(found, None, now_ns=now_ns))
    with pytest.raises(FailedPrecondition, match="is not PROCESSED but NEW"):
        await verified(mesh, again, tmp_path)


async def test_a_result_that_retention_deleted_is_not_verified(stores, mesh, tmp_path):
    media = await processed(stores, mesh, tmp_path)
    later_ns = media.update_time_ns + 2
    await mesh.media.change(media.id, lambda found: expire_anonymized(found, before_ns=later_ns, now_ns=later_ns))
    with pytest.raises(FailedPrecondition, match="anonymized"):
        await verified(mesh, media, tmp_path)
