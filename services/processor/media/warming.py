"""The first picture of a worker process, before anyone sends one: no photo waits for weights or imports."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image

from services.common.media.anonymize.options import AnonymizeOptions
from services.common.media.anonymize.regions import Region
from services.common.media.vocabulary import Box
from services.processor.classify.classifier import Classifier
from services.processor.detect.detector import ComposedDetector
from services.processor.media.options import to_plan
from services.processor.photo.photo import anonymize_photo
from services.processor.vision.detections import Picture

SIDE = 64


def warm_up(detector: ComposedDetector, classifier: Classifier | None) -> None:
    """Works on a small grey picture as on any photo, and covers a part of it."""
    output = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), "gray").save(output, "JPEG")
    options = AnonymizeOptions(regions=(Region.resting(Box(0.2, 0.2, 0.8, 0.8)),))

    def look(picture: Picture) -> None:
        if classifier is not None:
            classifier.classify(picture)

    # A photo that meets the same fault reports it to its owner.
    with suppress(Exception):
        anonymize_photo(output.getvalue(), to_plan(options), detector, look=look)
