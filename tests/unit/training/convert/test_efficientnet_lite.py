from __future__ import annotations

import pytest

from tests.support.torch_files import state_file, tensor_pickle
from training.convert.efficientnet_lite import efficientnet_lite0
from training.convert.errors import ConversionFailed


def test_a_state_dict_of_another_network_is_refused():
    with pytest.raises(ConversionFailed, match=r"_conv_stem\.weight are missing"):
        efficientnet_lite0([state_file(tensor_pickle("w", (1,), (1,), 0, 1), [1.0])])
