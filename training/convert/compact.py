"""Smaller files of the same models: kernels are stored as 8-bit integers with a scale for each output channel.

ONNX Runtime multiplies them out once, when it loads the file, so a run costs what it cost before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnx import ModelProto

# Smaller tensors stay as they are: they save little.
FEWEST_WEIGHTS = 1024
OPERATORS = frozenset({"Conv", "ConvTranspose", "Gemm"})


def with_small_kernels(content: bytes) -> bytes:
    """Returns the model with the kernels of its convolutions and matrices in 8 bits."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model: ModelProto = onnx.load_model_from_string(content)
    graph = model.graph
    kernels = {
        node.input[1]
        for node in graph.node
        if node.op_type in {"Conv", "ConvTranspose", "Gemm"} and len(node.input) > 1
    }
    nodes, weights = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name not in kernels or values.dtype != np.float32 or values.size < FEWEST_WEIGHTS:
            weights.append(tensor)
            continue
        others = tuple(range(1, values.ndim))
        scales = np.maximum(np.abs(values).max(axis=others, keepdims=True), np.float32(1e-12)) / np.float32(127)
        small = np.rint(values / scales).astype(np.int8)
        weights.append(numpy_helper.from_array(small, f"{tensor.name}.small"))
        weights.append(numpy_helper.from_array(scales.astype(np.float32), f"{tensor.name}.scale"))
        wide = f"{tensor.name}.wide"
        nodes.append(helper.make_node("Cast", [f"{tensor.name}.small"], [wide], name=wide, to=TensorProto.FLOAT))
        nodes.append(
            helper.make_node("Mul", [wide, f"{tensor.name}.scale"], [tensor.name], name=f"{tensor.name}.product")
        )
    del graph.initializer[:]
    graph.initializer.extend(weights)
    nodes.extend(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    return model.SerializeToString(deterministic=True)
