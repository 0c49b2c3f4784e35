"""A body for each method that takes JSON, which works as it stands."""

from __future__ import annotations

from typing import Any

BODIES: dict[str, Any] = {
    "DropMeasurements": {"time_stamp": "2019-05-01T06:00:00-04:00", "data": [0.379, 1.589, 2.188]},
    "CreateUpload": {"filename": "video.mp4", "anonymize": {"objects": ["FACE", "PERSON"], "mode": "SOLID"}},
    "FinishUpload": {},
    "CreateInvite": {"display_name": "Wedding", "ttl": "86400s", "max_uploads": 100},
    "RevokeInvite": {},
    "ProcessMedia": {"anonymize": {"objects": ["PERSON"], "mode": "SOLID"}},
    "UpdateMedia": {"labels": {"place": "berlin"}, "update_mask": "labels"},
    "CancelMedia": {},
    "ReplayReceipt": {},
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
