"""A row for each method of the contract: a request that succeeds, and one that fails; names in braces are resources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Request = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A request in JSON; without `fault` the error is that of a name that does not exist, or of a missing token."""

    request: Request
    fault: Request | None = None
    more: tuple[str, ...] = ()
    """Reasons of a success's refusal that are right here, such as a model that is not installed."""


PHOTO: Request = {"content_type": "application/octet-stream", "data": "{photo}"}
OTHER_PHOTO: Request = {"content_type": "application/octet-stream", "data": "{other_photo}"}
DROP: Request = {"content_type": "application/json", "data": "{drop}"}
POINTS: Request = {"content_type": "application/json", "data": "{points}"}
LINES: Request = {"content_type": "text/plain", "data": "{lines}"}
PIN: Request = {"content_type": "application/x-www-form-urlencoded", "data": "cGluPTQ3MTE="}
NO_LINK = {"link": "never.was"}
MEDIA: Request = {"name": "{media}"}
SERIES: Request = {"name": "{series}"}
RANGE = {"start": "2018-01-01T00:00:00Z", "end": "2018-01-02T00:00:00Z"}

ROWS: dict[str, Row] = {
    "UploadMedia": Row({"filename": "a.jpg", "body": PHOTO}),
    "UploadInviteMedia": Row({"link": "{link}", "body": OTHER_PHOTO}, {**NO_LINK, "body": OTHER_PHOTO}),
    "ProcessMedia": Row({"name": "{media_again}", "anonymize": {"mode": "SOLID"}}),
    "UpdateMedia": Row({"name": "{media}", "labels": {"place": "berlin"}}),
    "CancelMedia": Row({"name": "{media_cancelled}", "request_id": "{cancel_id}"}),
    "DeleteMedia": Row({"name": "{media_doomed}"}),
    "BatchDeleteMedia": Row({"names": ["media/none"]}, {"names": []}),
    "CreateUpload": Row({"upload": {"filename": "a.jpg"}}),
    "AppendUpload": Row({"name": "{upload}", "offset": "0", "body": PHOTO}),
    "FinishUpload": Row({"name": "{upload_full}"}),
    "DeleteUpload": Row({"name": "{upload_doomed}"}),
    "CreateInvite": Row({"invite": {"display_name": "Wedding", "ttl": "3600s"}}),
    "UpdateInvite": Row({"name": "{invite}", "max_uploads": 50}),
    "RevokeInvite": Row({"name": "{invite_revoked}"}),
    "DeleteInvite": Row({"name": "{invite_doomed}"}),
    "CreateWebhook": Row({"webhook": {"url": "https://example.com/made", "disabled": True}}),
    "UpdateWebhook": Row({"name": "{webhook}", "disabled": True}),
    "DeleteWebhook": Row({"name": "{webhook_doomed}"}),
    "RedeliverWebhook": Row({"name": "{webhook}"}),
    "DropMeasurements": Row({"wait": "5s", "source": "table", "body": DROP}),
    "StreamDrops": Row({"source": "table", "drop": "{drop}"}),
    "ReplayReceipt": Row({"name": "{receipt_bad}"}),
    "DeleteReceipt": Row({"name": "{receipt_doomed}"}),
    "DeleteMeasurement": Row({"name": "{measurement_doomed}"}),
    "DeleteMeasurements": Row(RANGE),
    "CreateSeries": Row({"display_name": "pump", "body": POINTS}),
    "AppendSeries": Row({"name": "{series_longer}", "body": {**POINTS, "data": "{more_points}"}}),
    "WriteLines": Row({"body": LINES}),
    "UpdateSeries": Row({"name": "{series}", "labels": {"site": "berlin"}}),
    "DeleteSeries": Row({"name": "{series_doomed}"}),
    "DeleteSeriesPoints": Row({"name": "{series_longer}", **RANGE}),
    "EraseOwner": Row({"owner": "{stranger}"}),
    "UpdateRetention": Row({"retention": {"keep_raw_drops": "315360000s"}}),
    "DetectObjects": Row({"body": PHOTO}),
    "ClassifyImage": Row({"body": PHOTO}, more=("MODEL_UNAVAILABLE",)),
    "AnonymizeImage": Row({"body": PHOTO}),
    "GetThumbnail": Row(MEDIA),
    "VerifyMedia": Row(MEDIA, more=("MEDIA_NOT_PROCESSED",)),
    "VerifyMeasurement": Row({"name": "{measurement}"}),
    "ListModels": Row({}),
    "GetModel": Row({"name": "{model}"}),
    "GetSeriesMetrics": Row(SERIES),
    "GetSeriesSpectrum": Row(SERIES),
    "ForecastSeries": Row(SERIES),
    "ListSeriesAnomalies": Row(SERIES),
    "PlotSeries": Row(SERIES),
    "GetMedia": Row(MEDIA),
    "ListMedia": Row({}),
    "WatchMedia": Row(MEDIA),
    "WatchEvents": Row({"end_after": "0.1s"}),
    "StreamEvents": Row({"end_after": "0.1s"}),
    "GetWebhook": Row({"name": "{webhook}"}),
    "ListWebhooks": Row({}),
    "ListWebhookDeliveries": Row({"parent": "{webhook}"}),
    "ListMediaObjects": Row(MEDIA),
    "DownloadOriginal": Row(MEDIA),
    "DownloadAnonymized": Row(MEDIA),
    "DownloadMedia": Row({"names": ["{media}"]}, {"names": []}),
    "CheckHashes": Row({"sha256": ["{sha256}"]}, {"sha256": []}),
    "GetUpload": Row({"name": "{upload}"}),
    "ListUploads": Row({}),
    "GetInvite": Row({"name": "{invite}"}),
    "ListInvites": Row({}),
    "GetInviteMedia": Row({"link": "{link}", "name": "{sent}"}, {**NO_LINK, "name": "media/none"}),
    "ListInviteMedia": Row({"link": "{link}"}, NO_LINK),
    "GetInvitePage": Row({"link": "{link}"}, NO_LINK),
    "OpenInvitePage": Row({"link": "{link}", "form": PIN}, {**NO_LINK, "form": PIN}),
    "DownloadInviteMedia": Row({"link": "{link}", "name": "{sent}"}, {**NO_LINK, "name": "media/none"}),
    "GetReceipt": Row({"name": "{receipt}"}),
    "ListReceipts": Row({}),
    "GetReceiptRaw": Row({"name": "{receipt}"}),
    "GetMeasurement": Row({"name": "{measurement}"}),
    "ListMeasurements": Row({}),
    "GetSource": Row({"name": "{source}"}),
    "ListSources": Row({}),
    "ExportMeasurements": Row({}),
    "ListLineage": Row({"parent": "{measurement}"}),
    "GetSeries": Row(SERIES),
    "ListSeries": Row({}),
    "CountSeries": Row({}),
    "GetSeriesPoints": Row(SERIES),
    "GetSeriesRaw": Row(SERIES),
    "GetStatistics": Row({}),
    "GetLimits": Row({}),
    "GetDocument": Row({}),
    "GetDocumentPage": Row({}),
    "GetErasure": Row({"name": "{erasure}"}),
    "ListErasures": Row({}),
    "GetRetention": Row({}),
}
# They need no token, and nothing that a typed client can send is refused.
WITHOUT_ERROR = {"GetDocument", "GetDocumentPage"}
