"""A body for each method that takes JSON, which works as it stands."""

from __future__ import annotations

from typing import Any

BODIES: dict[str, Any] = {
    "DropMeasurements": {"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]},
    "CreateUpload": {"filename": "video.mp4", "anonymize": {"objects": ["FACE", "PERSON"], "mode": "SOLID"}},
    "FinishUpload": {},
    "CreateInvite": {"display_name": "Wedding", "ttl": "86400s", "max_uploads": 100},
    "UpdateInvite": {"max_uploads": 200, "download": "OWN", "update_mask": "max_uploads,download"},
    "RevokeInvite": {},
    "ProcessMedia": {"anonymize": {"objects": ["PERSON"], "mode": "SOLID"}},
    "UpdateMedia": {"labels": {"place": "berlin"}, "update_mask": "labels"},
    "CancelMedia": {},
    "BatchDeleteMedia": {"names": ["media/06d9kq5t1r6q3v1h7b2m8c4n0e"]},
    "DownloadMedia": {"names": ["media/06d9kq5t1r6q3v1h7b2m8c4n0e"]},
    "CheckHashes": {"sha256": ["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]},
    "CreateWebhook": {"url": "https://example.com/dropmesh", "types": ["MEDIA_PROCESSED", "MEDIA_FAILED"]},
    "UpdateWebhook": {"disabled": True},
    "RedeliverWebhook": {},
    "ReplayReceipt": {},
    "EraseOwner": {"keep_tokens": False},
    "UpdateRetention": {"keep_originals": "2592000s", "keep_raw_drops": "7776000s"},
    "VerifyMedia": {},
    "VerifyMeasurement": {},
    "CreateSeries": {
        "values": [0.1, 0.4, -0.2, 0.3],
        "sample_rate_hz": 100,
        "start_time": "2026-01-01T00:00:00Z",
        "unit": "g",
        "display_name": "pump",
        "labels": {"site": "berlin"},
    },
    "AppendSeries": {"values": [0.5, -0.1]},
    "UpdateSeries": {"labels": {"site": "berlin", "line": "3"}, "update_mask": "labels"},
}
