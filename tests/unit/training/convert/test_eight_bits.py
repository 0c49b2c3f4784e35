from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from training.convert.eight_bits import LARGEST, LARGEST_PAIR, small_kernel, with_eight_bits

BUNDLED = Path(__file__).resolve().parents[4] / "models" / "bundled"
RANDOM = np.random.default_rng(1)
RANGES = {"picture": (0.0, 255.0), "lit": (0.0, 900.0), "sum": (0.0, 1155.0)}


def model() -> bytes:
    weights = {
        "w": RANDOM.normal(size=(8, 8, 3, 3)) / 6,
        "b": RANDOM.normal(size=8),
        "v": RANDOM.normal(size=(4, 8, 1, 1)),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["picture", "w", "b"], ["first"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["first"], ["lit"]),
            helper.make_node("Add", ["picture", "lit"], ["sum"]),
            helper.make_node("Conv", ["sum", "v"], ["out"]),
        ],
        "test",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 8, 8, 8])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 4, 8, 8])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
    content: bytes = made.SerializeToString()
    return content


def test_a_rounded_model_multiplies_integers_and_gives_nearly_the_same(tmp_path: Path) -> None:
    before = model()
    after = with_eight_bits(before, RANGES)
    onnx.checker.check_model(onnx.load_model_from_string(after))
    assert with_eight_bits(before, RANGES) == after
    picture = {"picture": RANDOM.integers(0, 256, (1, 8, 8, 8)).astype(np.float32)}
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    small = ort.InferenceSession(after, options, providers=["CPUExecutionProvider"])
    (wanted,) = ort.InferenceSession(before, providers=["CPUExecutionProvider"]).run(None, picture)
    (given,) = small.run(None, picture)
    assert np.abs(given - wanted).max() < 0.02 * np.abs(wanted).max()
    run = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert {"QLinearConv", "QLinearAdd"} <= set(run)
    # The last, whose result is not rounded.
    assert run.count("Conv") == 1


def test_a_tensor_without_a_range_stays_as_it_is() -> None:
    assert [node.op_type for node in onnx.load_model_from_string(with_eight_bits(model(), {})).graph.node] == [
        "Conv",
        "Relu",
        "Add",
        "Conv",
    ]


def test_no_sum_of_two_neighbours_overflows_and_no_scale_is_wasted() -> None:
    kernel = RANDOM.normal(size=(16, 9, 3, 3)).astype(np.float32)
    small, scales = small_kernel(kernel)
    assert LARGEST_PAIR - 2 <= worst_pair(small) <= LARGEST_PAIR
    assert np.abs(small * scales[:, None, None, None] - kernel).max() <= scales.max() / 2 + 1e-6
    alone = np.abs(RANDOM.normal(size=(16, 1, 3, 3))).astype(np.float32)
    assert (small_kernel(alone)[0].reshape(16, -1).max(axis=1) == LARGEST).all()


def test_no_picture_makes_the_bundled_model_overflow() -> None:
    graph = onnx.load(BUNDLED / "centerface.onnx").graph
    values = {tensor.name: tensor for tensor in graph.initializer}
    small = {
        node.output[0]: values[node.input[0]]
        for node in graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in values
    }
    kernels = [
        numpy_helper.to_array(small[node.input[1]])
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in small
    ]
    assert len(kernels) > 40
    assert max(worst_pair(kernel) for kernel in kernels if kernel.shape[1] > 1) <= LARGEST_PAIR


def worst_pair(kernel: np.ndarray) -> int:
    """The largest sum of two neighbouring channels' weights of one sign; a processor multiplies them by 255 at most."""
    ordered = np.moveaxis(kernel, 1, -1).reshape(len(kernel), -1).astype(np.int32)
    pairs = np.pad(ordered, ((0, 0), (0, ordered.shape[1] % 2))).reshape(-1, 2)
    return int(max(np.maximum(pairs, 0).sum(axis=1).max(), np.maximum(-pairs, 0).sum(axis=1).max()))
