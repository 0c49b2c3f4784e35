from __future__ import annotations

import pytest
from dropmesh.v1 import query_service_pb2
from google.protobuf.message import Message

from services.common.base.errors import InvalidArgument, NotFound
from services.common.rest.reads.routes import Routes
from services.common.rpc.methods import Method

SERVICE = query_service_pb2.DESCRIPTOR.services_by_name["QueryService"]
ROUTES = Routes(Method(method, lambda _request, _call: None) for method in SERVICE.methods)


def read(path: str, query: str = "") -> tuple[str, Message]:
    route, variables = ROUTES.find(path)
    return route.method.name, route.message(variables, query)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/v1/statistics", "", query_service_pb2.GetStatisticsRequest()),
        ("/v1/media/a%20b", "", query_service_pb2.GetMediaRequest(name="media/a b")),
        (
            "/v1/measurements/2024-01-01T00:00:07%2B01:00",
            "",
            query_service_pb2.GetMeasurementRequest(name="measurements/2024-01-01T00:00:07+01:00"),
        ),
        (
            "/v1/owners/o/sources/s/series/points",
            "max_points=7&format=csv",
            query_service_pb2.GetSeriesPointsRequest(name="owners/o/sources/s/series", max_points=7, format="CSV"),
        ),
        (
            "/v1/sources/s/measurements",
            "page_size=2&order_by=time+desc",
            query_service_pb2.ListMeasurementsRequest(source="s", page_size=2, order_by="time desc"),
        ),
    ],
)
def test_a_path_and_a_query_become_the_request(path: str, query: str, expected: Message) -> None:
    assert read(path, query)[1] == expected


@pytest.mark.parametrize("path", ["/", "", "/v1", "/v1/nothing", "/v1/media/a/b", "/v1/media/a/original", "/docs"])
def test_another_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTES.find(path)


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [("/v1/media/%ff", "", "name"), ("/v1/media", "colour=red", "colour"), ("/v1/media", "page_size=x", "page_size")],
)
def test_a_malformed_request_is_refused_with_its_field(path: str, query: str, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read(path, query)
    assert refused.value.metadata == {"field": field}
