"""Invites as messages of the contract."""

from __future__ import annotations

from dropmesh.v1 import invite_pb2

from services.common.base.instants import to_timestamp
from services.common.base.names import resource_name
from services.common.invites.store import Invite
from services.common.media.anonymize.messages import options_message


def invite_message(invite: Invite, now_ns: int, uri: str = "") -> invite_pb2.Invite:
    """Returns an invite for its owner; the uri only if given."""
    message = invite_pb2.Invite(
        name=resource_name("invites", invite.id),
        state=invite_pb2.Invite.State.Value(invite.state(now_ns).upper()),
        display_name=invite.display_name,
        expire_time=to_timestamp(invite.expire_time_ns),
        max_uploads=invite.max_uploads,
        upload_count=invite.upload_count,
        anonymize=options_message(invite.anonymize),
        uri=uri,
        create_time=to_timestamp(invite.create_time_ns),
    )
    if invite.revoke_time_ns is not None:
        message.revoke_time.CopyFrom(to_timestamp(invite.revoke_time_ns))
    return message
