from __future__ import annotations

import pytest
from dropmesh.v1.ingest_service_pb2 import DropMeasurementsRequest, UploadMediaRequest
from dropmesh.v1.object_pb2 import AnonymizeOptions, Box, ObjectClass, Region
from dropmesh.v1.query_service_pb2 import ListMeasurementsRequest

from services.common.base.errors import InvalidArgument
from services.common.rest.parameters import read_query


def read(query: str) -> UploadMediaRequest:
    request = UploadMediaRequest()
    read_query(query, request, body="body")
    return request


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", UploadMediaRequest()),
        ("&&filename&=x&colour", UploadMediaRequest()),
        ("filename=a+b%20c%2Bd=e", UploadMediaRequest(filename="a b c+d=e")),
        ("filename=a&filename=Z%C3%BCrich", UploadMediaRequest(filename="Zürich")),
        ("filename=100%&sha256=%zz", UploadMediaRequest(filename="100%", sha256="%zz")),
        (
            "objects=Face&objects=license-plate&objects=1",
            UploadMediaRequest(objects=[ObjectClass.FACE, ObjectClass.LICENSE_PLATE, ObjectClass.ValueType(1)]),
        ),
        ("mode=mosaic", UploadMediaRequest(mode=AnonymizeOptions.MOSAIC)),
        (
            "anonymize.mode=BLUR&anonymize.excludeObjects=%2B7&anonymize.exclude_objects=-08",
            UploadMediaRequest(anonymize=AnonymizeOptions(mode=AnonymizeOptions.BLUR, exclude_objects=[7, -8])),
        ),
        (
            "anonymize.regions.box.left=.1&anonymize.regions.box.right=1&anonymize.regions.box.left=0.25",
            UploadMediaRequest(anonymize=AnonymizeOptions(regions=[Region(box=Box(left=0.25, right=1))])),
        ),
        ("anonymize.sound=drop", UploadMediaRequest(anonymize=AnonymizeOptions(sound=AnonymizeOptions.DROP))),
    ],
)
def test_parameters_become_fields(query: str, expected: UploadMediaRequest) -> None:
    assert read(query) == expected


def test_a_duration_and_a_time_with_an_offset_are_read() -> None:
    drop = DropMeasurementsRequest()
    read_query("wait=1.5s&request_id=r", drop, body="body")
    assert (drop.wait.ToMilliseconds(), drop.request_id) == (1500, "r")
    listed = ListMeasurementsRequest()
    read_query("start=2019-05-01T06:00:00+04:00", listed, body="")
    assert listed.start.ToJsonString() == "2019-05-01T02:00:00Z"


@pytest.mark.parametrize(
    ("query", "field", "fault"),
    [
        ("colour=red", "colour", "this method has no such parameter"),
        ("mode=nope&colour=red", "colour", "this method has no such parameter"),
        ("body.data=eA==", "body.data", "this method has no such parameter"),
        ("anonymize.x=1", "anonymize.x", "this method has no such parameter"),
        ("objects.x=1", "objects.x", "this method has no such parameter"),
        ("filename=a&anonymize.margin=wide", "anonymize.margin", '"wide" is not a valid double'),
        ("anonymize.regions=x", "anonymize.regions", '"x" is not a valid Region'),
        ("anonymize=x", "anonymize", '"x" is not a valid AnonymizeOptions'),
        ("objects=face,person", "objects", '"face,person" is not one of FACE, PERSON, '),
        ("mode=99", "mode", '"99" is not one of BLUR, '),
        ("mode=" + "1" * 5000, "mode", '"' + "1" * 5000 + '" is not one of BLUR, '),
        ("anonymize.exclude_objects=%201", "anonymize.exclude_objects", '" 1" is not a valid int64'),
        (
            "anonymize.exclude_objects=99999999999999999999",
            "anonymize.exclude_objects",
            '"99999999999999999999" is not',
        ),
        ("anonymize.sound=maybe", "anonymize.sound", '"maybe" is not one of KEEP, DROP, DISTORT, BEEP'),
        ("filename=%ff", "filename", "is not UTF-8"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(query: str, field: str, fault: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        read(query)
    assert refused.value.message.startswith(f"{field}: {fault}")
    assert refused.value.metadata == {"field": field}
