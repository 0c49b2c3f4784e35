"""Faster forms of the same models: what flows between layers is rounded to 8 bits, and kernels with it.

ONNX Runtime then multiplies integers. A processor without instructions for that (VNNI) adds the products of two
neighbouring channels in 16 bits; kernels are scaled so that no such sum can overflow, whatever the picture is. So every
processor computes the same, and a sum of integers does not depend on its order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

OPSET = 13
"""The first with a scale for each channel."""
LARGEST = 127
LARGEST_PAIR = 128
"""The largest sum of two neighbouring weights of one sign: 255 times it is less than 2 to the 15th."""


def with_eight_bits(content: bytes, ranges: Mapping[str, tuple[float, float]]) -> bytes:
    """Returns the model with these tensors in 8 bits, and the kernels of the convolutions that read them.

    `ranges` has the smallest and the largest value of each tensor to be rounded.
    """
    import onnx

    model: ModelProto = onnx.load_model_from_string(content)
    rounding = _Rounding(model, ranges)
    nodes = [node for original in model.graph.node for node in rounding.rounded(original)]
    del model.graph.node[:]
    model.graph.node.extend([*rounding.round_tensor(model.graph.input[0].name), *nodes])
    used = {name for node in model.graph.node for name in node.input}
    weights = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*weights, *rounding.weights])
    (opset,) = model.opset_import
    opset.version = max(opset.version, OPSET)
    return model.SerializeToString(deterministic=True)


def small_kernel(kernel: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """The kernel of a convolution as integers, and the scale of each output channel."""
    outputs = len(kernel)
    scales = np.abs(kernel).reshape(outputs, -1).max(axis=1) / LARGEST
    if kernel.shape[1] > 1:
        # A depthwise convolution adds in 32 bits.
        ordered = np.moveaxis(kernel, 1, -1).reshape(outputs, -1)
        pairs = np.pad(ordered, ((0, 0), (0, ordered.shape[1] % 2))).reshape(outputs, -1, 2)
        for side in (np.maximum(pairs, 0), np.maximum(-pairs, 0)):
            # Each of the two may be rounded up by a half.
            scales = np.maximum(scales, side.sum(axis=2).max(axis=1) / (LARGEST_PAIR - 1))
    scales = np.maximum(scales, np.float32(1e-12)).astype(np.float32)
    return np.rint(kernel / scales[:, None, None, None]).astype(np.int8), scales


class _Rounding:
    """Builds the nodes and weights of the rounded model."""

    def __init__(self, model: ModelProto, ranges: Mapping[str, tuple[float, float]]) -> None:
        from onnx import numpy_helper

        self._values = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        self._ranges = ranges
        self.weights: list[Any] = []

    def rounded(self, node: NodeProto) -> Iterator[NodeProto]:
        """The node, reading rounded tensors, and the rounding of what it writes."""
        from onnx import NodeProto

        copy = NodeProto()
        copy.CopyFrom(node)
        if node.op_type == "Conv" and node.input[0] in self._ranges:
            yield from self._round_kernel(node)
            copy.input[1] = f"{node.input[1]}.rounded"
            if len(node.input) > 2:
                copy.input[2] = f"{node.input[2]}.rounded"
        for index, name in enumerate(node.input):
            if name in self._ranges:
                copy.input[index] = f"{name}.rounded"
        yield copy
        for name in node.output:
            yield from self.round_tensor(name)

    def round_tensor(self, name: str) -> Iterator[NodeProto]:
        """The nodes that bring a tensor to 8 bits and back; none where it has no range."""
        from onnx import helper

        if name not in self._ranges:
            return
        scale, zero = self._grid(name)
        grid = [self._constant(f"{name}.scale", scale), self._constant(f"{name}.zero", zero)]
        yield helper.make_node("QuantizeLinear", [name, *grid], [f"{name}.small"], name=f"{name}.small")
        yield helper.make_node(
            "DequantizeLinear", [f"{name}.small", *grid], [f"{name}.rounded"], name=f"{name}.rounded"
        )

    def _round_kernel(self, node: NodeProto) -> Iterator[NodeProto]:
        kernel, scales = small_kernel(self._values[node.input[1]])
        yield self._widened(node.input[1], kernel, scales)
        if len(node.input) > 2:
            steps = scales * self._grid(node.input[0])[0]
            bias = np.rint(self._values[node.input[2]].astype(np.float64) / steps)
            limits = np.iinfo(np.int32)
            yield self._widened(node.input[2], bias.clip(limits.min, limits.max).astype(np.int32), steps)

    def _grid(self, name: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The step of a tensor's grid, and which of its 256 values stands for 0."""
        lowest, highest = min(self._ranges[name][0], 0.0), max(self._ranges[name][1], 0.0)
        scale = np.float32((highest - lowest) / 255) or np.float32(1)
        return np.asarray(scale), np.asarray(np.clip(np.rint(-lowest / scale), 0, 255).astype(np.uint8))

    def _widened(self, name: str, values: NDArray[Any], scales: NDArray[np.float32]) -> NodeProto:
        from onnx import helper

        inputs = [self._constant(f"{name}.small", values), self._constant(f"{name}.scale", scales.astype(np.float32))]
        inputs.append(self._constant(f"{name}.zero", np.zeros(len(scales), values.dtype)))
        return helper.make_node("DequantizeLinear", inputs, [f"{name}.rounded"], name=f"{name}.rounded", axis=0)

    def _constant(self, name: str, values: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(values, name))
        return name
