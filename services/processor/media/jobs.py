"""The jobs of the worker processes. Only they load the pixels' code: here it is imported where it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.model import Label, MediaWarning, ModelVersion
from services.common.media.transitions import Findings
from services.common.media.vocabulary import MediaKind, ObjectClass, WarningReason
from services.common.workers.jobs import job
from services.common.workers.worker import Worker
from services.processor.media.job_results import (
    AnonymizedMedia,
    ClassificationResult,
    DetectionResult,
    DrawnPicture,
    Limits,
)
from services.processor.vision.stopwatch import stored_steps

if TYPE_CHECKING:
    from services.processor.classify.classifier import Classifier
    from services.processor.detect.detector import ComposedDetector
    from services.processor.images.limits import ImageLimits
    from services.processor.models.entry import ModelEntry

THUMBNAIL_TYPE = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Tools:
    """The loaded models of a worker process."""

    detector: ComposedDetector
    classifier: Classifier | None
    weak: Mapping[ObjectClass, MediaWarning]
    """The warning for each class that is searched with a weak model, or with none."""


@job
def open_tools(models: Path, provider: str, threads: int, detection_seconds: float) -> Tools:
    """Finds the models, and loads what a photo with the default options needs; other weights when first needed."""
    import cv2

    from services.processor.classify.classifier import open_classifier
    from services.processor.detect.detector import open_detector
    from services.processor.detect.weak_models import weak_models
    from services.processor.media.warming import warm_up
    from services.processor.models.registry import load_registry
    from services.processor.models.runtime import Provider, Runtime
    from services.processor.models.store import ModelStore

    cv2.setNumThreads(threads)
    registry, store = load_registry(models), ModelStore(models)
    runtime = Runtime(Provider(provider), threads)
    detector = open_detector(registry, store, runtime, budget_seconds=detection_seconds)
    weak = weak_models(registry, detector.serving)
    classifier = open_classifier(registry, store, runtime)
    warm_up(detector, classifier)
    return Tools(detector, classifier, weak)


@job
def anonymize_media(
    worker: Worker[Tools], kind: MediaKind, source: Path, target: Path, options: AnonymizeOptions, limits: Limits
) -> AnonymizedMedia:
    """Writes the anonymized content of a media to a file."""
    if kind is MediaKind.VIDEO:
        return _anonymize_video(worker, source, target, options, limits)
    return _anonymize_image(worker, source, target, options, limits)


@job
def anonymize_image(worker: Worker[Tools], content: bytes, options: AnonymizeOptions, limits: Limits) -> DrawnPicture:
    """A picture with its objects made unrecognisable."""
    from services.processor.media.options import to_plan
    from services.processor.photo.photo import anonymize_photo

    with _detector(worker) as detector:
        result = anonymize_photo(content, to_plan(options), detector, limits=_image_limits(limits))
    return DrawnPicture(result.content, result.media_type.content_type)


@job
def detect_objects(
    worker: Worker[Tools], content: bytes, classes: tuple[ObjectClass, ...], threshold: float | None, limits: Limits
) -> DetectionResult:
    """The objects of a picture."""
    from services.processor.detect.weak_models import small_objects
    from services.processor.media.options import stored_detections
    from services.processor.photo.photo import detect_photo

    wanted = frozenset(classes)
    thresholds = None if threshold is None else dict.fromkeys(wanted, threshold)
    with _detector(worker) as detector:
        seen = detect_photo(content, wanted, detector, thresholds=thresholds, limits=_image_limits(limits))
        limited_sizes = detector.limited_sizes(seen.width, seen.height, wanted)
    warnings = (*_warnings(worker, wanted, ()), *small_objects(limited_sizes, MediaKind.IMAGE))
    objects = stored_detections(seen.detections)
    return DetectionResult(seen.width, seen.height, objects, _versions(worker, wanted), warnings)


@job
def classify_image(worker: Worker[Tools], content: bytes, limit: int, limits: Limits) -> ClassificationResult:
    """Classifies a picture."""
    from services.processor.classify.classifier import ClassifierMissing
    from services.processor.photo.photo import read_picture

    classifier = worker.context.classifier
    if classifier is None:
        raise ClassifierMissing
    picture, _ = read_picture(content, limits=_image_limits(limits))
    labels = tuple(Label(label.label, label.score) for label in classifier.classify(picture, limit))
    return ClassificationResult(labels, _version(classifier.entry))


@job
def draw_thumbnail(worker: Worker[Tools], kind: MediaKind, source: Path, size: int, limits: Limits) -> DrawnPicture:
    """A small upright picture of a media; of a video, its first frame."""
    from services.processor.photo.photo import thumbnail

    if kind is MediaKind.IMAGE:
        return DrawnPicture(thumbnail(source, size, limits=_image_limits(limits)), THUMBNAIL_TYPE)
    from services.processor.video.limits import VideoLimits
    from services.processor.video.thumbnail import video_thumbnail

    bounds = VideoLimits(limits.max_pixels, limits.max_video_frames, limits.max_video_seconds)
    return DrawnPicture(video_thumbnail(source, size, bounds, worker.threads), THUMBNAIL_TYPE)


def _anonymize_image(
    worker: Worker[Tools], source: Path, target: Path, options: AnonymizeOptions, limits: Limits
) -> AnonymizedMedia:
    from services.processor.detect.weak_models import small_objects
    from services.processor.media.options import count_objects, stored_object, to_plan
    from services.processor.photo.photo import anonymize_photo

    plan, tools = to_plan(options), worker.context
    labels: list[Label] = []

    def look(picture: Any) -> None:
        if tools.classifier is not None:
            labels.extend(Label(label.label, label.score) for label in tools.classifier.classify(picture))

    with _detector(worker) as detector:
        result = anonymize_photo(
            source,
            plan,
            detector,
            limits=_image_limits(limits),
            look=look,
            advance=worker.progress,
        )
    target.write_bytes(result.content)
    objects = tuple(
        stored_object(found.object_id, found.object_class, found.score, found.box, found.track, found.linked)
        for found in result.objects
    )
    models = _versions(worker, plan.object_classes)
    if tools.classifier is not None:
        models = (*models, _version(tools.classifier.entry))
    steps = stored_steps(result.timings)
    warnings = (
        *_warnings(worker, plan.object_classes, result.warnings),
        *small_objects(result.limited_sizes, MediaKind.IMAGE),
    )
    findings = Findings(count_objects(objects), tuple(labels), models, steps, warnings, result.frames)
    return AnonymizedMedia(result.media_type.format, result.media_type.content_type, objects, findings)


def _anonymize_video(
    worker: Worker[Tools], source: Path, target: Path, options: AnonymizeOptions, limits: Limits
) -> AnonymizedMedia:
    from services.processor.detect.weak_models import small_objects
    from services.processor.media.options import count_objects, stored_object, to_plan
    from services.processor.video.anonymize_video import anonymize_video
    from services.processor.video.limits import VideoLimits

    plan = to_plan(options)
    result = anonymize_video(
        source,
        target,
        plan,
        worker.context.detector,
        limits=VideoLimits(limits.max_pixels, limits.max_video_frames, limits.max_video_seconds),
        progress=lambda done, total: worker.progress(done, total or 0),
        cancelled=worker.is_cancelled,
        threads=worker.threads,
    )
    objects = tuple(
        stored_object(
            track.object_id,
            track.object_class,
            track.score,
            track.best.box,
            ((point.time, point.box) for point in track.points),
            track.linked,
        )
        for track in result.tracks
    )
    models, steps = _versions(worker, plan.object_classes), stored_steps(result.timings)
    warnings = (
        *_warnings(worker, plan.object_classes, result.warnings),
        *small_objects(result.limited_sizes, MediaKind.VIDEO),
    )
    findings = Findings(count_objects(objects), (), models, steps, warnings, result.frames)
    return AnonymizedMedia("mp4", "video/mp4", objects, findings)


@contextmanager
def _detector(worker: Worker[Tools]) -> Iterator[ComposedDetector]:
    """The detector for a picture, which has help while other workers rest."""
    lookers = worker.burst_threads // worker.threads
    if lookers == 1:
        yield worker.context.detector
        return
    with ThreadPoolExecutor(lookers, "look") as helpers:
        yield worker.context.detector.with_helpers(helpers)


def _image_limits(limits: Limits) -> ImageLimits:
    from services.processor.images.limits import ImageLimits

    return ImageLimits(max_pixels=limits.max_pixels, max_frames=limits.max_animation_frames)


def _versions(worker: Worker[Tools], classes: Iterable[ObjectClass]) -> tuple[ModelVersion, ...]:
    serving = worker.context.detector.serving
    used = {serving[name].name: serving[name] for name in sorted(classes) if name in serving}
    return tuple(_version(entry) for entry in used.values())


def _warnings(worker: Worker[Tools], classes: Iterable[ObjectClass], texts: Iterable[str]) -> tuple[MediaWarning, ...]:
    weak = worker.context.weak
    changed = (MediaWarning(WarningReason.CONTENT_CHANGED, text) for text in dict.fromkeys(texts))
    return (*changed, *(weak[name] for name in sorted(classes) if name in weak))


def _version(entry: ModelEntry) -> ModelVersion:
    return ModelVersion(entry.name, entry.version, entry.sha256)
