from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from training.convert.compact import with_small_kernels


def test_a_model_with_small_kernels_is_a_quarter_as_large_and_gives_nearly_the_same():
    random = np.random.default_rng(1)
    weights = numpy_helper.from_array(random.normal(size=(64, 32, 3, 3)).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "w"], ["out"])],
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 32, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 64, 6, 6])],
        [weights],
    )
    large = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    small = with_small_kernels(large)
    onnx.checker.check_model(onnx.load_model_from_string(small))
    assert len(small) < len(large) / 3.5
    picture = random.normal(size=(1, 32, 8, 8)).astype(np.float32)
    results = [
        ort.InferenceSession(model, providers=["CPUExecutionProvider"]).run(None, {"picture": picture})[0]
        for model in (large, small)
    ]
    assert np.abs(results[0] - results[1]).max() < 0.02 * np.abs(results[0]).max()
    assert with_small_kernels(large) == small


def test_small_tensors_and_other_nodes_stay_as_they_are():
    weights = numpy_helper.from_array(np.ones((2, 3, 1, 1), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "w"], ["out"])],
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 2, 8, 8])],
        [weights],
    )
    model = onnx.load_model_from_string(with_small_kernels(helper.make_model(graph).SerializeToString()))
    assert [tensor.name for tensor in model.graph.initializer] == ["w"]
