from __future__ import annotations

import pickle

import pytest

from tests.support.torch_files import MAGIC, state_file, tensor_pickle
from training.convert.errors import ConversionFailed
from training.convert.torch_state import read_state


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
