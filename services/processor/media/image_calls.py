"""Calls that look at an image and keep nothing."""

from __future__ import annotations

from datetime import timedelta

from dropmesh.v1 import model_pb2, object_pb2, processor_service_pb2
from google.api.httpbody_pb2 import HttpBody

from services.common.base.names import resource_name
from services.common.media.anonymize.messages import to_classes, to_options
from services.common.media.messages import object_message, warning_message
from services.common.media.model import ModelVersion
from services.common.media.refusals import EmptyMedia, MediaTooLarge
from services.common.media.vocabulary import MediaKind, ObjectClass
from services.common.rpc.call import Call
from services.common.workers.pool import ProcessPool
from services.processor.media.job_results import Limits
from services.processor.media.jobs import Tools, anonymize_image, classify_image, detect_objects

LABELS = 5


class ImageCalls:
    """Detection, classification and anonymization of one image, in the worker processes."""

    def __init__(self, pool: ProcessPool[Tools], limits: Limits, *, max_bytes: int, time_limit: timedelta) -> None:
        self._pool = pool
        self._limits = limits
        self._max_bytes = max_bytes
        self._time_limit = time_limit

    async def DetectObjects(
        self, request: processor_service_pb2.DetectObjectsRequest, _call: Call
    ) -> processor_service_pb2.DetectObjectsResponse:
        """Finds objects in an image."""
        content = self._content(request.body)
        classes = to_classes(request.objects) or tuple(ObjectClass)
        threshold = request.threshold if request.HasField("threshold") else None
        seen = await self._pool.run(
            detect_objects, content, classes, threshold, self._limits, time_limit=self._time_limit
        )
        return processor_service_pb2.DetectObjectsResponse(
            objects=map(object_message, seen.objects),
            width=seen.width,
            height=seen.height,
            models=map(_version_message, seen.models),
            warnings=map(warning_message, seen.warnings),
        )

    async def ClassifyImage(
        self, request: processor_service_pb2.ClassifyImageRequest, _call: Call
    ) -> processor_service_pb2.ClassifyImageResponse:
        """Says what an image shows."""
        content = self._content(request.body)
        said = await self._pool.run(
            classify_image, content, request.limit or LABELS, self._limits, time_limit=self._time_limit
        )
        return processor_service_pb2.ClassifyImageResponse(
            labels=[object_pb2.Label(label=label.label, score=label.score) for label in said.labels],
            model=_version_message(said.model),
        )

    async def AnonymizeImage(self, request: processor_service_pb2.AnonymizeImageRequest, _call: Call) -> HttpBody:
        """Returns an image with its objects made unrecognisable."""
        content = self._content(request.body)
        options = to_options(_whole_options(request))
        made = await self._pool.run(anonymize_image, content, options, self._limits, time_limit=self._time_limit)
        return HttpBody(content_type=made.content_type, data=made.content)

    def _content(self, body: HttpBody) -> bytes:
        if not body.data:
            raise EmptyMedia
        if len(body.data) > self._max_bytes:
            raise MediaTooLarge(MediaKind.IMAGE, self._max_bytes)
        content: bytes = body.data
        return content


def _whole_options(request: processor_service_pb2.AnonymizeImageRequest) -> object_pb2.AnonymizeOptions:
    """The options, with the short forms beside them put in their places."""
    options = object_pb2.AnonymizeOptions()
    options.CopyFrom(request.anonymize)
    if request.objects:
        options.objects[:] = request.objects
    if request.mode:
        options.mode = request.mode
    return options


def _version_message(used: ModelVersion) -> model_pb2.ModelVersion:
    return model_pb2.ModelVersion(model=resource_name("models", used.model), version=used.version, sha256=used.sha256)
