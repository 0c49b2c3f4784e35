"""The files of one upload call: a raw body is one, multipart/form-data may hold many, with the options before each."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from services.common.base.errors import InvalidField
from services.common.base.labels import LABELS_MOST, is_label, read_labels
from services.common.media.anonymize.messages import check_class_options
from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.refusals import EmptyMedia, TooManyLabels, UnknownFormField
from services.common.media.vocabulary import Mode, ObjectClass
from services.ingest.media.form_options import FIELD, read_anonymize
from services.ingest.media.multipart import (
    Field,
    MultipartEvent,
    MultipartLimits,
    MultipartStream,
    PartBegin,
    PartData,
    PartEnd,
    boundary_of,
)

MULTIPART = "multipart/form-data"
LIMITS = MultipartLimits()
SENDER_NAME_MOST = 100
Word = TypeVar("Word", ObjectClass, Mode)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_SEPARATORS = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class FileOptions:
    """The options of a file; `sha256` and `filename` apply only to the next file."""

    anonymize: AnonymizeOptions = field(default_factory=AnonymizeOptions)
    filename: str = ""
    sha256: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    sender_name: str = ""
    pin: str = ""


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """One file as it arrives; its bytes can be read once."""

    options: FileOptions
    chunks: AsyncIterator[bytes]


async def files_of(
    body: AsyncIterator[bytes], content_type: str, options: FileOptions, *, form_may_change_options: bool = True
) -> AsyncIterator[IncomingFile]:
    """The files of a body in their order; what is not read of one is skipped before the next."""
    if content_type.partition(";")[0].strip().lower() != MULTIPART:
        yield IncomingFile(options, body)
        return
    form = _Form(form_may_change_options)
    events = _events(MultipartStream(boundary_of(content_type), LIMITS), body)
    found = False
    late = ""
    async for event in events:
        if isinstance(event, Field):
            options = form.apply(options, event)
            late = late or event.name
        elif isinstance(event, PartBegin):
            form.check(options)
            found, late = True, ""
            part = _Part(events)
            yield IncomingFile(replace(options, filename=options.filename or event.file_name), part.chunks())
            async for _ in part.chunks():
                pass
            options = replace(options, filename="", sha256="")
    if not found:
        raise EmptyMedia
    if late:
        # If it were ignored, a person would stay uncovered.
        raise InvalidField(late, "stands after the last file, which was stored without it; put fields before the files")


async def _events(stream: MultipartStream, body: AsyncIterator[bytes]) -> AsyncIterator[MultipartEvent]:
    async for chunk in body:
        for event in stream.feed(chunk):
            yield event
    yield stream.close()


class _Part:
    """The data of the last part; each reader continues where the previous one stopped."""

    def __init__(self, events: AsyncIterator[MultipartEvent]) -> None:
        self._events = events
        self._ended = False

    async def chunks(self) -> AsyncIterator[bytes]:
        while not self._ended:
            event = await anext(self._events, None)
            # No event follows an interrupted body; the reader of this part has had the error.
            if event is None or isinstance(event, PartEnd):
                self._ended = True
            elif isinstance(event, PartData):
                yield event.data


class _Form:
    """Form fields as options for the files that follow."""

    def __init__(self, may_change_options: bool) -> None:
        self._fields: dict[str, Callable[[FileOptions, str], FileOptions]] = {
            "filename": lambda options, value: replace(options, filename=value),
            "sha256": lambda options, value: replace(options, sha256=checked_sha256(value)),
        }
        self._objects: list[ObjectClass] = []
        self._mode: Mode | None = None
        self._may_change_options = may_change_options
        if may_change_options:
            self._fields |= {
                "objects": self._add_objects,
                "mode": self._set_mode,
                "labels": _with_label,
                FIELD: self._set_anonymize,
            }
        else:
            self._fields |= {
                "sender_name": _with_sender_name,
                "pin": lambda options, value: replace(options, pin=value),
            }

    def apply(self, options: FileOptions, form_field: Field) -> FileOptions:
        """The options after a field; refuses unknown names, since a mistyped option could leave a person uncovered."""
        change = self._fields.get(form_field.name)
        if change is None:
            raise UnknownFormField(form_field.name, tuple(self._fields))
        return change(options, form_field.value.strip())

    def check(self, options: FileOptions) -> None:
        """Refuses options that contradict each other, once a file begins."""
        if self._may_change_options:
            check_class_options(options.anonymize, FIELD)

    def _set_anonymize(self, options: FileOptions, value: str) -> FileOptions:
        return self._chosen(replace(options, anonymize=read_anonymize(value)))

    def _add_objects(self, options: FileOptions, value: str) -> FileOptions:
        # Given twice, or separated by commas: all of them count, in place of those of the query.
        self._objects += [_word(ObjectClass, "objects", name) for name in _SEPARATORS.split(value) if name]
        return self._chosen(options)

    def _set_mode(self, options: FileOptions, value: str) -> FileOptions:
        if value.upper() != "MODE_UNSPECIFIED":
            self._mode = _word(Mode, "mode", value)
        return self._chosen(options)

    def _chosen(self, options: FileOptions) -> FileOptions:
        """The short fields override those of `anonymize`, in either order."""
        objects = tuple(name for name in ObjectClass if name in self._objects) or options.anonymize.objects
        anonymize = replace(options.anonymize, objects=objects, mode=self._mode or options.anonymize.mode)
        return replace(options, anonymize=anonymize)


def checked_sha256(value: str) -> str:
    """A hash that an uploader gave, in lower case; none is none."""
    lowered = value.lower()
    if lowered and not _SHA256.fullmatch(lowered):
        raise InvalidField("sha256", "must be 64 hexadecimal digits")
    return lowered


def _with_sender_name(options: FileOptions, value: str) -> FileOptions:
    if len(value) > SENDER_NAME_MOST:
        raise InvalidField("sender_name", f"must have {SENDER_NAME_MOST} characters at most")
    return replace(options, sender_name=value)


def _with_label(options: FileOptions, value: str) -> FileOptions:
    if not is_label(value):
        raise InvalidField(
            "labels",
            f'"{value[:100]}" is not a label such as site=berlin; the name has 63 characters at most, the value 200',
        )
    labels = {**options.labels, **read_labels([value])}
    if len(labels) > LABELS_MOST:
        raise TooManyLabels(LABELS_MOST)
    return replace(options, labels=labels)


def _word(words: type[Word], name: str, value: str) -> Word:
    try:
        return words(value.lower())
    except ValueError:
        raise InvalidField(name, f"must be {_listed([word.value for word in words])}") from None


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"
