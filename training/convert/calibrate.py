"""Measures between which values CenterFace's tensors lie in training pictures: `python -m training.convert.calibrate`.

`python -m training.convert` rounds them to 8 bits within these ranges.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from services.processor.detect.search import Search, find_views
from services.processor.detect.tensor import view_tensor
from services.processor.models.entry import ModelEntry
from services.processor.models.registry import load_registry
from training.convert.centerface import WHEEL, with_free_input, with_plain_convolutions
from training.convert.ranges import Ranges, write_ranges
from training.convert.wheel import read_members

if TYPE_CHECKING:
    from onnx import GraphProto

MODEL = "centerface"
LAST_ROUNDED = "511"
"""Where the backbone ends: what follows says where a box ends, and stays as it is."""
STEPS = frozenset({"Conv", "Relu", "Add"})
OUTLIERS = 0.01
"""So many percent of the values on either side do not count: rounding is finer without them."""


def rounded_tensors(graph: GraphProto, last: str) -> list[str]:
    """What flows between the steps of the backbone; a convolution and the activation behind it are one step."""
    readers: dict[str, set[str]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, set()).add(node.op_type)
    names = []
    for node in graph.node:
        if node.op_type in STEPS and not readers.get(node.output[0], set()) <= {"Relu"}:
            names.append(node.output[0])
        if node.output[0] == last:
            return names
    raise ValueError(f"the model has no tensor {last}")


def measure_ranges(content: bytes, names: Sequence[str], pictures: Iterable[NDArray[np.float32]]) -> Ranges:
    """Runs the model on pictures 3 x height x width."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper

    model = onnx.load_model_from_string(content)
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    (source,) = session.get_inputs()
    bounds = (OUTLIERS, 100 - OUTLIERS)
    seen = np.array(
        [
            [np.percentile(values, bounds) for values in session.run(names, {source.name: picture[np.newaxis]})]
            for picture in pictures
        ]
    )
    lowest, highest = np.minimum(seen[:, :, 0].min(axis=0), 0), np.maximum(seen[:, :, 1].max(axis=0), 0)
    return {name: (float(low), float(high)) for name, low, high in zip(names, lowest, highest, strict=True)}


def main() -> None:
    """Reads the options, measures, writes the file."""
    parser = argparse.ArgumentParser(prog="python -m training.convert.calibrate", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/training"), help="the folder of training pictures")
    parser.add_argument("--pictures", type=int, default=20)
    options = parser.parse_args()
    import onnx

    content = with_plain_convolutions(with_free_input(read_members(WHEEL)))
    graph = onnx.load_model_from_string(content).graph
    names = sorted((options.data / "train.txt").read_text().split())
    random.Random(5).shuffle(names)
    paths = [options.data / "images" / Path(name).name for name in names[: options.pictures]]
    tensors = rounded_tensors(graph, LAST_ROUNDED)
    ranges = measure_ranges(content, tensors, _views(paths, load_registry()[MODEL]))
    # The pixels are read as they are.
    write_ranges(MODEL, {graph.input[0].name: (0.0, 255.0), **ranges})


def _views(paths: Iterable[Path], entry: ModelEntry) -> Iterator[NDArray[np.float32]]:
    import cv2

    for path in paths:
        picture = cv2.imread(str(path))
        assert picture is not None, path
        pixels = picture.astype(np.uint8, copy=False)
        for view in find_views(pixels.shape[1], pixels.shape[0], entry, list(entry.classes), Search()):
            yield view_tensor(pixels, view, entry.required_input)


if __name__ == "__main__":
    main()
