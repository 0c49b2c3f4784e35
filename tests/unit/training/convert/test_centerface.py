from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from training.convert.centerface import with_free_input


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
