"""kill -9 of ingest while files are uploaded by every way in: tests/chaos/upload_kills.py does it more often."""

from __future__ import annotations

import pytest

from tests.chaos.upload_kills import kill_uploads, mesh_over
from tests.servers.s3 import S3


@pytest.mark.timeout(600)
def test_an_upload_is_kept_as_a_whole_or_leaves_nothing() -> None:
    with mesh_over("directory") as mesh:
        verdict = kill_uploads(mesh, kills=3, seed=1)
    assert verdict.faults == []
    assert verdict.acknowledged > 0


@pytest.mark.timeout(600)
def test_so_it_does_where_the_objects_are_in_s3(s3: S3) -> None:
    with mesh_over("s3", s3) as mesh:
        verdict = kill_uploads(mesh, kills=3, seed=2)
    assert verdict.faults == []
    assert verdict.acknowledged > 0
