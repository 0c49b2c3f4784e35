from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from training.convert.calibrate import measure_ranges, rounded_tensors


def model() -> onnx.ModelProto:
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["picture", "w"], ["first"]),
            helper.make_node("Relu", ["first"], ["lit"]),
            helper.make_node("Conv", ["lit", "w"], ["second"]),
            helper.make_node("Add", ["lit", "second"], ["sum"]),
            helper.make_node("Conv", ["sum", "w"], ["out"]),
        ],
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 1, "height", "width"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 1, "height", "width"])],
        [numpy_helper.from_array(np.full((1, 1, 1, 1), -2, np.float32), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def test_a_convolution_and_its_activation_are_one_step_and_nothing_is_rounded_behind_the_backbone():
    graph = model().graph
    assert rounded_tensors(graph, "sum") == ["lit", "second", "sum"]
    assert rounded_tensors(graph, "lit") == ["lit"]
    with pytest.raises(ValueError, match="no tensor end"):
        rounded_tensors(graph, "end")


def test_the_ranges_hold_zero_and_what_the_pictures_reach():
    content = model().SerializeToString()
    pictures = [np.full((1, 4, 6), value, np.float32) for value in (-3, 1)]
    assert measure_ranges(content, ["lit", "second", "sum"], pictures) == {
        "lit": (0, 6),
        "second": (-12, 0),
        "sum": (-6, 0),
    }
