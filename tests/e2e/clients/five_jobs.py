"""The jobs of docs/api.md by the client that openapi-python-client makes: run it with URL, token and photo."""

from __future__ import annotations

import datetime
import sys
import time
from io import BytesIO
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

from dropmesh_client import AuthenticatedClient
from dropmesh_client.api.drops import drop_measurements, export_measurements, get_measurement
from dropmesh_client.api.images import detect_objects
from dropmesh_client.api.invites import create_invite, upload_invite_media
from dropmesh_client.api.media import download_anonymized, get_media, list_media, upload_media
from dropmesh_client.api.series import create_series, get_series_points
from dropmesh_client.api.uploads import append_upload, create_upload, finish_upload
from dropmesh_client.models import (
    DetectObjectsResponse,
    DropMeasurementsResponse,
    ErrorInfo,
    FinishUploadBody,
    Invite,
    InviteInput,
    ListMediaResponse,
    Measurement,
    Media,
    MediaState,
    ObjectClass,
    Reading,
    Series,
    SeriesData,
    SeriesPointsData,
    Status,
    Upload,
    UploadInput,
    UploadMediaFilesBody,
    UploadMediaResponse,
)
from dropmesh_client.types import File, Unset

T = TypeVar("T")


def is_a(kind: type[T], answer: object) -> T:
    assert isinstance(answer, kind), answer
    return answer


def uploaded(answer: object) -> Media:
    (result,) = is_a(UploadMediaResponse, answer).results
    return is_a(Media, result.media)


def id_of(name: str) -> str:
    return name.rpartition("/")[2]


def media(client: AuthenticatedClient, photo: bytes) -> None:
    """Uploads a photo as a form with options, waits, and downloads it anonymized."""
    form = UploadMediaFilesBody(
        files=[File(BytesIO(photo), "photo.jpg", "image/jpeg")], objects=[ObjectClass.FACE, ObjectClass.PERSON]
    )
    made = uploaded(upload_media.sync(client=client, body=form))
    assert not isinstance(made.anonymize, Unset)
    assert made.anonymize.objects == [ObjectClass.FACE, ObjectClass.PERSON]
    while (found := is_a(Media, get_media.sync(id_of(made.name), client=client))).state is not MediaState.PROCESSED:
        assert found.state in (MediaState.NEW, MediaState.PROCESSING), found
        time.sleep(0.2)
    covered = is_a(File, download_anonymized.sync(id_of(made.name), client=client))
    assert covered.payload.read(3) == b"\xff\xd8\xff"
    part = download_anonymized.sync_detailed(id_of(made.name), client=client, range_="bytes=0-9")
    assert (part.status_code, part.content) == (206, b"\xff\xd8\xff" + part.content[3:10])
    raw = uploaded(upload_media.sync(client=client, body=File(BytesIO(photo)), filename="raw.jpg"))
    assert raw.name in [one.name for one in is_a(ListMediaResponse, list_media.sync(client=client)).media]


def pieces(client: AuthenticatedClient, photo: bytes) -> None:
    """Uploads in two pieces."""
    upload = is_a(Upload, create_upload.sync(client=client, body=UploadInput(filename="pieces.jpg")))
    for piece in (photo[:1000], photo[1000:]):
        upload = is_a(
            Upload,
            append_upload.sync(
                id_of(upload.name), client=client, body=File(BytesIO(piece)), offset=upload.committed_bytes
            ),
        )
    assert int(upload.committed_bytes) == len(photo)
    uploaded(finish_upload.sync(id_of(upload.name), client=client, body=FinishUploadBody()))


def invite(client: AuthenticatedClient, photo: bytes) -> None:
    """Makes an invite and uploads through its link."""
    made = is_a(Invite, create_invite.sync(client=client, body=InviteInput(ttl="3600s", max_uploads=3)))
    link = made.uri.rpartition("/invites/")[2].removesuffix("/media")
    assert uploaded(upload_invite_media.sync(link, client=client, body=File(BytesIO(photo + b"\0")))).name


def drops(client: AuthenticatedClient) -> None:
    """Drops readings, reads the measurement and the export."""
    instant = datetime.datetime(2019, 5, 1, 6, tzinfo=datetime.timezone(-datetime.timedelta(hours=4)))
    dropped = is_a(
        DropMeasurementsResponse,
        drop_measurements.sync(
            client=client, body=Reading(instant, [0.5, 1.5]), wait="5s", request_id=uuid4(), source="client"
        ),
    )
    assert dropped.measurements[0].mean == 1
    many = [Reading(instant + datetime.timedelta(seconds=place), [float(place)]) for place in range(1, 4)]
    is_a(DropMeasurementsResponse, drop_measurements.sync(client=client, body=many, wait="5s"))
    found = is_a(Measurement, get_measurement.sync("2019-05-01T10:00:02Z", client=client))
    assert (found.mean, found.count) == (2, "1")
    exported = is_a(File, export_measurements.sync(client=client))
    assert b"2019-05-01T10:00:03Z" in exported.payload.read()


def series(client: AuthenticatedClient) -> None:
    """Stores a series and reads its points back."""
    stored = is_a(Series, create_series.sync(client=client, body=SeriesData(values=[1.5, None, 2.5], allow_gaps=True)))
    points = is_a(SeriesPointsData, get_series_points.sync(id_of(stored.name), client=client))
    assert points.channels[0].values == [1.5, None, 2.5]


def errors(client: AuthenticatedClient, photo: bytes) -> None:
    """An error has a typed reason; an image is looked at without being stored."""
    refused = is_a(Status, get_media.sync("none", client=client))
    info = is_a(ErrorInfo, refused.details[0])
    assert info.reason == "MEDIA_NOT_FOUND"
    found = is_a(DetectObjectsResponse, detect_objects.sync(client=client, body=File(BytesIO(photo))))
    assert found.width > 0


if __name__ == "__main__":
    url, token, path = sys.argv[1:]
    photo = Path(path).read_bytes()
    with AuthenticatedClient(url, token) as client:
        media(client, photo)
        pieces(client, photo)
        invite(client, photo)
        drops(client)
        series(client)
        errors(client, photo)
    print("all jobs done")
