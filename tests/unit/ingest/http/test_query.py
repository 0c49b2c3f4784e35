from __future__ import annotations

import pytest
from dropmesh.v1.ingest_service_pb2 import UploadMediaRequest
from dropmesh.v1.object_pb2 import AnonymizeOptions, Box, ObjectClass

from services.ingest.http.query import QueryMalformed, read_query


def read(query: str) -> UploadMediaRequest:
    request = UploadMediaRequest()
    read_query(query, request, body="body")
    return request


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", UploadMediaRequest()),
        ("&&filename&=x&colour", UploadMediaRequest()),
        ("filename=a+b%20c%2Bd=e", UploadMediaRequest(filename="a+b c+d=e")),
        ("filename=a&filename=Z%C3%BCrich", UploadMediaRequest(filename="Zürich")),
        ("filename=100%&sha256=%zz", UploadMediaRequest(filename="100%", sha256="%zz")),
        (
            "objects=Face&objects=license-plate&objects=1",
            UploadMediaRequest(objects=[ObjectClass.FACE, ObjectClass.LICENSE_PLATE, ObjectClass.ValueType(1)]),
        ),
        ("mode=mosaic", UploadMediaRequest(mode=AnonymizeOptions.MOSAIC)),
        (
            "anonymize.mode=BLUR&anonymize.excludeObjects=+7&anonymize.exclude_objects=-08",
            UploadMediaRequest(anonymize=AnonymizeOptions(mode=AnonymizeOptions.BLUR, exclude_objects=[7, -8])),
        ),
        (
            "anonymize.regions.left=.1&anonymize.regions.right=1&anonymize.regions.left=0.25",
            UploadMediaRequest(anonymize=AnonymizeOptions(regions=[Box(left=0.25, right=1)])),
        ),
        ("anonymize.drop_audio=Yes", UploadMediaRequest(anonymize=AnonymizeOptions(drop_audio=True))),
    ],
)
def test_parameters_become_fields(query: str, expected: UploadMediaRequest) -> None:
    assert read(query) == expected


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        ("colour=red", 'Could not find field "colour" in the type "dropmesh.v1.UploadMediaRequest".'),
        ("mode=nope&colour=red", 'Could not find field "colour" in the type "dropmesh.v1.UploadMediaRequest".'),
        ("body.data=eA==", 'Could not find field "body" in the type "dropmesh.v1.UploadMediaRequest".'),
        ("anonymize.x=1", 'Could not find field "x" in the type "dropmesh.v1.AnonymizeOptions".'),
        ("anonymize.margin=1e999", 'anonymize.margin: invalid value "1e999" for type TYPE_DOUBLE'),
        ("anonymize.regions=x", 'anonymize.regions: invalid value "x" for type type.googleapis.com/dropmesh.v1.Box'),
        ("objects.x=1", 'Encountered a non-leaf field "objects" that is not a message while parsing a field path'),
        ("anonymize=x", 'anonymize: invalid value "x" for type type.googleapis.com/dropmesh.v1.AnonymizeOptions'),
        ("objects=face,person", 'objects: invalid value "face,person" for type '),
        ("mode=99", 'mode: invalid value "99" for type type.googleapis.com/dropmesh.v1.AnonymizeOptions.Mode'),
        ("anonymize.exclude_objects=%201", 'anonymize.exclude_objects: invalid value " 1" for type TYPE_INT64'),
        ("anonymize.exclude_objects=99999999999999999999", "anonymize.exclude_objects: invalid value "),
        ("anonymize.drop_audio=maybe", 'anonymize.drop_audio: invalid value "maybe" for type TYPE_BOOL'),
        ("filename=%ff", "filename: is not UTF-8"),
    ],
)
def test_what_the_contract_does_not_take_is_refused(query: str, cause: str) -> None:
    with pytest.raises(QueryMalformed) as refused:
        read(query)
    assert str(refused.value).startswith(cause)
