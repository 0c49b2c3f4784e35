"""Invites as messages of the contract."""

from __future__ import annotations

from dropmesh.v1 import invite_pb2

from services.common.base.etags import etag_of
from services.common.base.instants import to_timestamp
from services.common.base.names import resource_name
from services.common.invites.store import Download, Invite
from services.common.media.anonymize.messages import options_message


def invite_etag(invite: Invite) -> str:
    """Returns a tag that changes with each change by the owner."""
    return etag_of(invite.revision)


def to_download(number: invite_pb2.Invite.Download.ValueType) -> Download:
    """A choice of the contract as it is stored."""
    return Download(invite_pb2.Invite.Download.Name(number).lower()) if number else Download.NONE


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
        etag=invite_etag(invite),
        owner=invite.owner,
        pin_required=invite.pin is not None,
        require_sender_name=invite.require_sender_name,
        download=invite_pb2.Invite.Download.Value(invite.download.upper()),
        create_time=to_timestamp(invite.create_time_ns),
    )
    if invite.revoke_time_ns is not None:
        message.revoke_time.CopyFrom(to_timestamp(invite.revoke_time_ns))
    return message
