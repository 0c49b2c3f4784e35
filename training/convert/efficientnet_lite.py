"""EfficientNet-Lite0 as an ONNX graph, built from the published description of its blocks and from its weights.

Each block widens (1x1), filters each channel (3x3 or 5x5) and narrows (1x1); a block that changes neither size nor
width adds its input. Lite has no squeeze-and-excitation and ReLU6 for an activation. Batch normalisation is folded
into the convolutions, which pad as TensorFlow does ("same": the odd pixel goes to the bottom and to the right).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from training.convert.errors import ConversionFailed
from training.convert.torch_state import read_state

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

SIDE = 224
CLASSES = 1000
_EPSILON = np.float32(1e-3)
_OPSET = 13
_IR_VERSION = 8

# repeats, kernel, stride of the first, expansion, width
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
_STEM_WIDTH = 32


@dataclass(frozen=True, slots=True)
class _Block:
    kernel: int
    stride: int
    expands: bool
    adds_input: bool


def _blocks() -> list[_Block]:
    blocks = []
    width = _STEM_WIDTH
    for repeats, kernel, first_stride, expansion, stage_width in _STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            blocks.append(_Block(kernel, stride, expansion != 1, stride == 1 and width == stage_width))
            width = stage_width
    return blocks


class _Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self, state: dict[str, NDArray[Any]]) -> None:
        self._state = state
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.constant("zero", np.array(0, np.float32))
        self.constant("six", np.array(6, np.float32))

    def constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        output = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def take(self, name: str, *shape: int) -> NDArray[np.float32]:
        values = self._state.pop(name, None)
        if values is None or (shape and values.shape != shape):
            raise ConversionFailed(f"the weights {name} are missing or of another shape than EfficientNet-Lite0's")
        return values.astype(np.float32)

    def convolve(self, source: str, conv: str, norm: str, *, stride: int = 1, depthwise: bool = False) -> str:
        kernel = self.take(f"{conv}.weight")
        scale = self.take(f"{norm}.weight") / np.sqrt(self.take(f"{norm}.running_var") + _EPSILON)
        bias = self.take(f"{norm}.bias") - self.take(f"{norm}.running_mean") * scale
        weights = self.constant(f"{conv}.weight", kernel * scale[:, None, None, None])
        return self.node(
            "Conv",
            [source, weights, self.constant(f"{conv}.bias", bias)],
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            group=len(kernel) if depthwise else 1,
        )

    def relu6(self, source: str) -> str:
        return self.node("Clip", [source, "zero", "six"])

    def block(self, source: str, name: str, block: _Block) -> str:
        value = source
        if block.expands:
            value = self.relu6(self.convolve(value, f"{name}._expand_conv", f"{name}._bn0"))
        depthwise = f"{name}._depthwise_conv"
        value = self.relu6(self.convolve(value, depthwise, f"{name}._bn1", stride=block.stride, depthwise=True))
        value = self.convolve(value, f"{name}._project_conv", f"{name}._bn2")
        return self.node("Add", [value, source]) if block.adds_input else value

    def require_all_used(self) -> None:
        unused = [name for name in self._state if not name.endswith("num_batches_tracked")]
        if unused:
            raise ConversionFailed(f"the weights {unused[0]} have no place in EfficientNet-Lite0")


def efficientnet_lite0(members: list[bytes]) -> bytes:
    """The ONNX model of a PyTorch state dict: `input` [batch, 3, 224, 224], `logits` [batch, 1000]."""
    from onnx import TensorProto, checker, helper

    (content,) = members
    graph = _Graph(read_state(content))
    value = graph.relu6(graph.convolve("input", "_conv_stem", "_bn0", stride=2))
    for index, block in enumerate(_blocks()):
        value = graph.block(value, f"_blocks.{index}", block)
    value = graph.relu6(graph.convolve(value, "_conv_head", "_bn1"))
    value = graph.node("Flatten", [graph.node("GlobalAveragePool", [value])])
    dense = graph.constant("_fc.weight", graph.take("_fc.weight", CLASSES, 1280))
    bias = graph.constant("_fc.bias", graph.take("_fc.bias", CLASSES))
    graph.nodes.append(helper.make_node("Gemm", [value, dense, bias], ["logits"], name="logits", transB=1))
    graph.require_all_used()

    picture = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, SIDE, SIDE])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])
    model = helper.make_model(
        helper.make_graph(graph.nodes, "efficientnet_lite0", [picture], [logits], graph.weights),
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    checker.check_model(model)
    return model.SerializeToString(deterministic=True)
