from __future__ import annotations

import pickle
import struct

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from services.processor.models.convert.centerface import with_free_input
from services.processor.models.convert.efficientnet_lite import efficientnet_lite0
from services.processor.models.convert.synset import synset_labels
from services.processor.models.convert.torch_state import read_state
from services.processor.models.errors import ConversionFailed

MAGIC = 0x1950A86A20F9469CFC6C


def tensor_pickle(name: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, count: int) -> bytes:
    """The instructions that PyTorch writes for a dictionary of one tensor."""

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    text = name.encode()
    return b"".join(
        [
            b"\x80\x02ccollections\nOrderedDict\n)R(X" + struct.pack("<I", len(text)) + text,
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000",
            b"X\x03\x00\x00\x00cpuJ" + struct.pack("<i", count) + b"NtQ",
            b"J" + struct.pack("<i", offset) + integers(shape) + integers(strides),
            b"\x89ccollections\nOrderedDict\n)RtRu.",
        ]
    )


def state_file(state: bytes, values: list[float], claimed: int | None = None) -> bytes:
    count = len(values) if claimed is None else claimed
    parts = [pickle.dumps(MAGIC, 2), pickle.dumps(1001, 2), pickle.dumps({"little_endian": True}, 2), state]
    parts += [pickle.dumps(["0"], 2), struct.pack("<q", count), np.array(values, "<f4").tobytes()]
    return b"".join(parts)


def test_a_state_dict_is_read_with_its_strides():
    values = [float(value) for value in range(8)]
    state = read_state(state_file(tensor_pickle("w", (3, 2), (1, 3), 1, 8), values))
    assert state["w"].tolist() == [[1, 4], [2, 5], [3, 6]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "old format"),
        (b"PK\x03\x04 a newer archive", "old format"),
        (state_file(tensor_pickle("w", (9,), (1,), 0, 8), [0.0] * 8), "does not lie within"),
        (state_file(tensor_pickle("w", (8,), (1,), 0, 8), [0.0] * 4, claimed=8), "ends before"),
        (state_file(b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR.", []), "asks for os.system"),
        (pickle.dumps(MAGIC, 2) + b"\x80\x02cbuiltins\neval\n.", "asks for builtins.eval"),
    ],
)
def test_what_is_no_state_dict_is_refused_and_calls_nothing(content: bytes, said: str):
    with pytest.raises(ConversionFailed, match=said):
        read_state(content)


def test_a_state_dict_of_another_network_is_refused():
    with pytest.raises(ConversionFailed, match=r"_conv_stem\.weight are missing"):
        efficientnet_lite0([state_file(tensor_pickle("w", (1,), (1,), 0, 1), [1.0])])


def test_labels_stand_in_the_order_of_the_outputs():
    assert synset_labels([b"n2\nn1\n", b"n1\tcat\nn2\tdog, hound\nn3\tcow\n"]) == b"n2 dog, hound\nn1 cat\n"
    with pytest.raises(ConversionFailed, match="no words for the synset n9"):
        synset_labels([b"n9\n", b"n1\tcat\n"])


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
