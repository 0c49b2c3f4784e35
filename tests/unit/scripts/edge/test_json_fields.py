from __future__ import annotations

from dropmesh.v1 import invite_pb2

from scripts.edge.json_fields import json_fields


def test_the_table_has_the_types_whose_text_can_be_checked() -> None:
    lines = {line.strip() for line in json_fields([invite_pb2.Invite.DESCRIPTOR]).splitlines()}
    assert {
        '["display_name"] = "",',
        '["displayName"] = "",',
        '["ttl"] = "google.protobuf.Duration",',
        '["expireTime"] = "google.protobuf.Timestamp",',
        '["download"] = "dropmesh.v1.Invite.Download",',
        '["dropmesh.v1.Invite.Download"] = "NONE, OWN, ALL",',
        '["objects"] = "dropmesh.v1.ObjectClass",',
        '["dropmesh.v1.ObjectClass"] = "FACE, PERSON, LICENSE_PLATE, VEHICLE",',
    } <= lines
