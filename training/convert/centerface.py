"""CenterFace as it was exported: at one input size, though its layers take any, and with its weights as inputs."""

from __future__ import annotations

_WEIGHTS_NEED_NOT_BE_INPUTS = 4


def with_free_input(members: list[bytes]) -> bytes:
    """The same ONNX model, with batch, height and width of input and outputs left open, and weights as constants.

    Weights that are inputs too could be replaced at a run, so ONNX Runtime would not fold them into faster layers.
    """
    import onnx

    (content,) = members
    model = onnx.load_model_from_string(content)
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
