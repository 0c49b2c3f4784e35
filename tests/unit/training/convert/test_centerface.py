from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from training.convert.centerface import with_free_input, with_plain_convolutions


def test_a_model_of_one_size_takes_any_and_keeps_its_weights_to_itself():
    weights = numpy_helper.from_array(np.full((1, 3, 1, 1), 2, np.float32), "w")
    spare = numpy_helper.from_array(np.zeros(5, np.float32), "spare")
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("picture", [10, 3, 32, 32]), ("w", [1, 3, 1, 1]), ("spare", [5]))
    ]
    output = helper.make_tensor_value_info("heat", TensorProto.FLOAT, [10, 1, 32, 32])
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "w"], ["heat"])], "test", inputs, [output], [weights, spare]
    )
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 9)], ir_version=3)
    after = with_free_input([before.SerializeToString()])
    onnx.checker.check_model(onnx.load_model_from_string(after))
    session = ort.InferenceSession(after, providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["picture"]
    (heat,) = session.run(None, {"picture": np.ones((2, 3, 8, 16), np.float32)})
    assert heat.shape == (2, 1, 8, 16)
    assert (heat == 6).all()
    assert with_free_input([before.SerializeToString()]) == after


def test_a_transposed_convolution_with_its_norm_becomes_a_plain_one_that_gives_the_same():
    random = np.random.default_rng(1)
    weights = {"w": random.normal(size=(3, 5, 2, 2)), "scale": random.normal(size=5), "shift": random.normal(size=5)}
    weights |= {"mean": random.normal(size=5), "variance": random.uniform(0.5, 2, 5)}
    graph = helper.make_graph(
        [
            helper.make_node("ConvTranspose", ["picture", "w"], ["wide"], strides=[2, 2]),
            helper.make_node(
                "BatchNormalization", ["wide", "scale", "shift", "mean", "variance"], ["normal"], epsilon=1e-3
            ),
            helper.make_node("Relu", ["normal"], ["out"]),
        ],
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [2, 3, 4, 6])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [2, 5, 8, 12])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    before = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8).SerializeToString()
    after = with_plain_convolutions(before)
    onnx.checker.check_model(onnx.load_model_from_string(after))
    picture = {"picture": random.normal(size=(2, 3, 4, 6)).astype(np.float32)}
    wanted, given = (
        ort.InferenceSession(each, providers=["CPUExecutionProvider"]).run(None, picture)[0] for each in (before, after)
    )
    np.testing.assert_allclose(given, wanted, atol=1e-5)
    assert [node.op_type for node in onnx.load_model_from_string(after).graph.node] == ["Conv", "Relu", "DepthToSpace"]
