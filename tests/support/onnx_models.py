"""Small ONNX models whose outputs a test knows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper, save_model

from services.processor.models.entry import ModelEntry
from services.processor.models.store import sha256_of


def save_saying(path: Path, rows: Sequence[Sequence[float]], name: str = "predictions") -> None:
    """A model that says these rows [n, columns] of every picture of a batch, whatever it shows."""
    values = numpy_helper.from_array(np.array(rows, np.float32)[np.newaxis], "rows")
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["means", "nothing"], ["zeros"]),
        helper.make_node("Reshape", ["zeros", "column"], ["shaped"]),
        helper.make_node("Add", ["shaped", "rows"], [name]),
    ]
    constants = [
        values,
        numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        numpy_helper.from_array(np.array([-1, 1, 1], np.int64), "column"),
    ]
    _save(path, nodes, constants, name, ["rows", "columns"])


def save_brightness(path: Path) -> None:
    """A model that finds one object, in the top left 16 x 16 pixels, whose score is the input's mean over 255."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["means", "share"], ["scores"]),
        helper.make_node("Reshape", ["scores", "column"], ["shaped"]),
        helper.make_node("Mul", ["shaped", "last"], ["scored"]),
        helper.make_node("Add", ["scored", "box"], ["predictions"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(1 / 255, np.float32), "share"),
        numpy_helper.from_array(np.array([-1, 1, 1], np.int64), "column"),
        numpy_helper.from_array(np.array([[[0, 0, 0, 0, 1]]], np.float32), "last"),
        numpy_helper.from_array(np.array([[[0, 0, 16, 16, 0]]], np.float32), "box"),
    ]
    _save(path, nodes, constants, "predictions", ["rows", "columns"])


def save_logits(path: Path, logits: Sequence[float]) -> None:
    """A classifier that always says these logits."""
    nodes = [
        helper.make_node("ReduceMean", ["images"], ["means"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["means", "nothing"], ["zeros"]),
        helper.make_node("Reshape", ["zeros", "column"], ["shaped"]),
        helper.make_node("Add", ["shaped", "said"], ["logits"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(0, np.float32), "nothing"),
        numpy_helper.from_array(np.array([-1, 1], np.int64), "column"),
        numpy_helper.from_array(np.array([logits], np.float32), "said"),
    ]
    _save(path, nodes, constants, "logits", ["columns"])


def save_colours(path: Path) -> None:
    """A classifier whose logits are the means of a picture's red, green and blue."""
    _save(path, [helper.make_node("ReduceMean", ["images"], ["logits"], axes=[2, 3], keepdims=0)], [], "logits", ["3"])


def entry_for(path: Path, name: str, **changes: object) -> ModelEntry:
    """A registry entry for a model of `save_saying`: four numbers of a box, then one score for each class."""
    values: dict[str, object] = {
        "name": name,
        "title": name,
        "task": "detect",
        "file": path.name,
        "sha256": sha256_of(path),
        "size_bytes": path.stat().st_size,
        "licence": "MIT",
        "input": {"width": 64, "height": 64, "batch": 8},
        "decoder": {"name": "dropmesh"},
        "classes": {"face": {"outputs": [0], "threshold": 0.5}},
    }
    return ModelEntry.model_validate(values | changes)


def _save(path: Path, nodes: list[NodeProto], constants: list[TensorProto], output: str, shape: list[str]) -> None:
    picture = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    said = helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", *shape])
    graph = helper.make_graph(nodes, "test", [picture], [said], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    checker.check_model(model)
    save_model(model, path)
