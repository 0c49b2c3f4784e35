from __future__ import annotations

from services.common.base.put_off import PutOff
from services.common.base.telemetry import Metrics


def test_work_is_put_off_until_it_goes_on() -> None:
    metrics = Metrics()
    put_off = PutOff(metrics)
    assert put_off.causes == {}
    put_off.begin("photos", "no space")
    put_off.begin("photos", "no space")
    put_off.begin("videos", "no memory")
    put_off.end("videos")
    assert put_off.causes == {"photos": "no space"}
    sample = metrics.registry.get_sample_value
    assert [sample("dropmesh_work_put_off", {"work": work}) for work in ("photos", "videos")] == [1, 0]
    assert sample("dropmesh_work_put_off_times_total", {"work": "photos"}) == 2
