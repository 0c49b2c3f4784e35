from __future__ import annotations

import pytest

from training.convert.errors import ConversionFailed
from training.convert.synset import synset_labels


def test_labels_stand_in_the_order_of_the_outputs():
    assert synset_labels([b"n2\nn1\n", b"n1\tcat\nn2\tdog, hound\nn3\tcow\n"]) == b"n2 dog, hound\nn1 cat\n"
    with pytest.raises(ConversionFailed, match="no words for the synset n9"):
        synset_labels([b"n9\n", b"n1\tcat\n"])
