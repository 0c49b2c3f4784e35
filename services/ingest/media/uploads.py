"""Uploads of media in one call: by an owner, or through an invite's link."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from dropmesh.v1 import error_reason_pb2 as reasons
from dropmesh.v1 import ingest_service_pb2

from services.common.base.errors import DropmeshError, InvalidArgument
from services.common.base.labels import read_labels
from services.common.invites.holders import PIN, Holders, download_token
from services.common.invites.store import Invite, Invites
from services.common.media.anonymize.messages import to_options
from services.common.media.file_names import plain_name
from services.common.media.messages import holder_message, media_message
from services.common.media.refusals import BodyInterrupted, EmptyMedia
from services.common.rpc.call import Call
from services.common.rpc.status import error_status
from services.ingest.media.files import FileOptions, IncomingFile, checked_sha256, files_of
from services.ingest.media.storing import Destination, MediaStoring, Stored

CREATED = 201
# How long a REST body is, as its caller said; the edge sets it.
BODY_LENGTH = "x-body-length"


class MediaUploads:
    """Takes one or many files in a call."""

    def __init__(self, storing: MediaStoring, invites: Invites, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._storing = storing
        self._invites = invites
        self._holders = Holders(invites, now_ns)
        self._now_ns = now_ns

    async def UploadMedia(
        self, requests: AsyncIterator[ingest_service_pb2.UploadMediaRequest], call: Call
    ) -> ingest_service_pb2.UploadMediaResponse:
        """Stores one or more images or videos."""
        messages = aiter(requests)
        first = await anext(messages, None)
        if first is None:
            raise EmptyMedia
        if first.objects:
            first.anonymize.objects[:] = first.objects
        if first.mode:
            first.anonymize.mode = first.mode
        options = FileOptions(
            to_options(first.anonymize), first.filename, checked_sha256(first.sha256), read_labels(first.labels)
        )
        files = files_of(whole_body(first, messages, call), first.body.content_type, options)
        answer = await self._store(files, Destination(call.caller.owner))
        call.answer_with(CREATED)
        return answer

    async def UploadInviteMedia(
        self, requests: AsyncIterator[ingest_service_pb2.UploadInviteMediaRequest], call: Call
    ) -> ingest_service_pb2.UploadMediaResponse:
        """Stores what the holder of an invite's link sends."""
        messages = aiter(requests)
        first = await anext(messages, None)
        if first is None:
            raise EmptyMedia
        invite = await self._invites.find_by_link(first.link)
        invite.check_usable(self._now_ns())
        options = FileOptions(
            invite.anonymize,
            first.filename,
            checked_sha256(first.sha256),
            sender_name=first.sender_name.strip(),
            pin=call.header(PIN) or "",
        )
        files = files_of(
            whole_body(first, messages, call), first.body.content_type, options, form_may_change_options=False
        )
        answer = await self._store(self._admitted(files, invite), Destination(invite.owner, invite))
        call.answer_with(CREATED)
        return answer

    async def _admitted(self, files: AsyncIterator[IncomingFile], invite: Invite) -> AsyncIterator[IncomingFile]:
        """The files of a holder, once the PIN is right; a form has it before the first one."""
        pin: str | None = None
        async for file in files:
            if file.options.pin != pin:
                pin = file.options.pin
                await self._holders.check_pin(invite, pin)
            if invite.require_sender_name and not file.options.sender_name:
                raise InvalidArgument(
                    reasons.INVITE_SENDER_NAME_MISSING,
                    "sender_name: is missing; the invite asks for it, in a form before the files",
                    metadata={"field": "sender_name"},
                )
            yield file

    async def _store(
        self, files: AsyncIterator[IncomingFile], destination: Destination
    ) -> ingest_service_pb2.UploadMediaResponse:
        """Stores the files, each for itself; a single file that is refused is the call's error."""
        answer = ingest_service_pb2.UploadMediaResponse()
        refusal: DropmeshError | None = None
        async for file in files:
            try:
                stored = await self._storing.store(file, destination)
            except DropmeshError as error:
                refusal = error
                answer.results.add(filename=plain_name(file.options.filename), error=error_status(error))
            else:
                if destination.invite is None:
                    answer.results.append(result_message(stored))
                else:
                    answer.results.append(holder_result(stored, file.options.filename, destination.invite))
        if refusal is not None and len(answer.results) == 1:
            raise refusal
        return answer


def result_message(stored: Stored) -> ingest_service_pb2.UploadResult:
    """Returns the result for an accepted file."""
    return ingest_service_pb2.UploadResult(
        filename=stored.media.filename,
        media=media_message(stored.media),
        duplicate=stored.duplicate,
        repaired=stored.repaired,
    )


def holder_result(stored: Stored, filename: str, invite: Invite) -> ingest_service_pb2.UploadResult:
    """Returns the result for the holder of a link, without the owner's own name for a duplicate."""
    return ingest_service_pb2.UploadResult(
        filename=plain_name(filename) if stored.duplicate else stored.media.filename,
        media=holder_message(stored.media),
        duplicate=stored.duplicate,
        repaired=stored.repaired,
        download_token=download_token(invite, stored.media.id),
    )


class HasData(Protocol):
    """A chunk of a body."""

    @property
    def data(self) -> bytes:
        """Its bytes."""
        ...


class HasBody(Protocol):
    """A message of an upload's stream."""

    @property
    def body(self) -> HasData:
        """A chunk of the bytes."""
        ...


async def bodies(first: HasBody, rest: AsyncIterator[HasBody]) -> AsyncIterator[bytes]:
    """The bytes that a stream of messages carries."""
    # Each look at the data of a message copies it.
    data = first.body.data
    if data:
        yield data
    async for message in rest:
        data = message.body.data
        if data:
            yield data


async def whole_body(first: HasBody, rest: AsyncIterator[HasBody], call: Call) -> AsyncIterator[bytes]:
    """The same, with an error at its end where the caller hung up: what broke off may look like what ended."""
    told = call.header(BODY_LENGTH)
    size_bytes = 0
    async for chunk in bodies(first, rest):
        size_bytes += len(chunk)
        yield chunk
    if call.is_cancelled() or (told is not None and told.isdecimal() and size_bytes != int(told)):
        raise BodyInterrupted
