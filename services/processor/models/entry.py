"""One model of the registry, as values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.common.media.vocabulary import ObjectClass

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Task(StrEnum):
    """The purpose of a model."""

    DETECT = "detect"
    CLASSIFY = "classify"
    LABELS = "labels"


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UrlSource(_Value):
    """A file behind a URL that names one exact version of it."""

    url: str = Field(pattern=r"^https?://")


class Input(_Value):
    """How pixels become a model's input tensor.

    `width` and `height` are exact, unless `stride` is given: then they bound the input, whose sides are multiples of
    it, and only `enlarge` makes a picture larger than it is. `mean` and `std` are in units of 0 to 255, in the order of
    `colour`. `balance` first makes the average colour grey, which undoes a tint that the model has never seen.
    """

    width: int = Field(gt=0)
    height: int = Field(gt=0)
    stride: int | None = Field(default=None, gt=0)
    enlarge: bool = False
    colour: Literal["bgr", "rgb"] = "bgr"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    balance: bool = False
    padding: int = Field(default=114, ge=0, le=255, description="the grey beside a letterboxed picture")
    cost: float = Field(default=0.15, gt=0, description="CPU seconds of a run, for each megapixel of input")
    crop: Share = Field(default=1.0, description="the share of the shorter side that a classifier's centre crop keeps")
    batch: int = Field(default=1, gt=0, description="the most pictures in one run on an accelerator")


class Tiles(_Value):
    """When a picture is also searched in parts.

    Parts are made so that none is shrunk by more than `max_downscale`, and neighbours share `overlap` of a side. Where
    they would cost more than the budget of a picture, they are shrunk more. In a video, where detections follow each
    other closely, `turns` of them share the parts.
    """

    max_downscale: float = Field(gt=0)
    overlap: float = Field(ge=0, lt=0.5)
    turns: int = Field(default=1, gt=0)


class Turned(_Value):
    """A search of a still, shrunk to `longest_side` pixels or to a fifth, for objects that lie on their side.

    Their score must reach `threshold` too: so turned, a model sees objects where there are none.
    """

    longest_side: int = Field(gt=0)
    threshold: Share


class Closer(_Value):
    """A second search of a still that is searched in parts: of each place that scores `score` or more, but too little.

    The place is scaled so that its longer side has `longest_side` pixels. What is seen there counts from `threshold`.
    Stills whose longer side has fewer than `from_side` pixels are left out.
    """

    longest_side: int = Field(gt=0)
    from_side: int = Field(default=0, ge=0)
    score: Share
    threshold: Share


class ServedClass(_Value):
    """One class that a detector finds: from which of its outputs, from which score on, and how well.

    Where the class has a shape, `aspect` bounds a box's width over its height, and `largest` the share of the input's
    width and height that a box may take; what is outside is something else. `smallest` is the longer side, in pixels of
    the input, from which the model finds nine of ten. `grow` is added to each side of a box, as a share of its size,
    for a model whose boxes are smaller than the object. `tiles`, `nms_iou` and `nms_within` replace the model's own.
    """

    outputs: tuple[int, ...] = Field(min_length=1)
    threshold: Share
    aspect: tuple[float, float] | None = None
    largest: Share = 1.0
    smallest: float = Field(default=32, gt=0)
    turned: Turned | None = None
    closer: Closer | None = None
    grow: Share = 0.0
    tiles: Tiles | None = None
    nms_iou: Share | None = None
    nms_within: Share | None = None
    priority: int = 0
    recall: Share | None = None
    precision: Share | None = None
    measured_on: str = ""


class ModelEntry(_Value):
    """A model, or the labels that go with one: where it comes from, and how to run it."""

    name: str
    title: str
    task: Task
    file: FileName
    sha256: Sha256
    size_bytes: int = Field(gt=0)
    licence: str
    homepage: str = ""
    bundled: bool = False
    sources: tuple[UrlSource, ...] = ()
    input: Input | None = None
    decoder: Mapping[str, Any] = Field(default_factory=dict)
    nms_iou: Share = Field(default=0.45, description="boxes that overlap by more are of one object")
    nms_within: Share = Field(default=1.0, description="boxes that share more of the smaller one are of one object too")
    tiles: Tiles | None = None
    classes: Mapping[ObjectClass, ServedClass] = Field(default_factory=dict)
    priority: int = Field(default=0, description="which classifier serves when several are there")
    labels: str | None = Field(default=None, description="the artefact that holds a classifier's labels")
    accuracy: str = Field(default="", description="what its makers say of a classifier, for a person")

    @property
    def version(self) -> str:
        """The first 12 hex digits of the weights' sha256."""
        return self.sha256[:12]

    @property
    def required_input(self) -> Input:
        """The input of a model; labels have none."""
        if self.input is None:
            raise ValueError(f"{self.name} is not a model")
        return self.input

    @model_validator(mode="after")
    def _complete_for_its_task(self) -> Self:
        if self.task is not Task.LABELS and self.input is None:
            raise ValueError("a model needs [input]")
        if self.task is Task.DETECT and not ("name" in self.decoder and self.classes):
            raise ValueError("a detector needs [decoder] with a name, and [classes]")
        if (
            any(served.turned or served.closer for served in self.classes.values())
            and self.required_input.stride is None
        ):
            raise ValueError("turned and closer searches need an input of any size: [input] with a stride")
        if self.task is Task.CLASSIFY and self.labels is None:
            raise ValueError("a classifier needs labels")
        return self
