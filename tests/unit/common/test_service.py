from __future__ import annotations

import pytest
from dropmesh.v1 import query_service_pb2

from services.common.service import Service, run


def test_a_service_with_an_invalid_setting_ends_with_one_line(monkeypatch):
    def wire(_service: Service):
        raise AssertionError("it must not start")

    monkeypatch.setenv("DROPMESH_METRICS", "foo")
    with pytest.raises(SystemExit) as ended:
        run("query", query_service_pb2.DESCRIPTOR.services_by_name["QueryService"], wire)
    # Python prints it and ends with code 1, as after other failures at the start.
    assert str(ended.value.code).startswith("query: DROPMESH_METRICS is 'foo': ")
