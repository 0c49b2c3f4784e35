"""Makes the ONNX file from a checkpoint: `python -m training.export`; the same bytes each time."""

from __future__ import annotations

import argparse
import copy
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from training.model import ConvNorm, Detector

OPSET = 17
TRACED_SIDE = 416


class Exported(nn.Module):
    """The detector as its users see it: boxes and sigmoid scores in one tensor [b, n, 4 + classes]."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> Tensor:
        """Maps pictures [b, 3, h, w] to predictions."""
        logits, boxes = self.detector(images)
        return torch.cat([boxes, logits.sigmoid()], -1)


def compact(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same weights with those of convolutions in half precision: what the repository carries."""
    return {
        name: value.half() if value.ndim == 4 else value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def load(path: Path) -> Detector:
    """A detector in evaluation mode from a training checkpoint (its averaged weights) or a compact one."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    detector = Detector()
    detector.load_state_dict(compact(saved.get("average", saved)), strict=False)
    return detector.eval()


def fuse(detector: Detector) -> Detector:
    """A copy of the detector with each batch norm folded into the convolution before it."""
    fused = copy.deepcopy(detector)
    for module in fused.modules():
        if isinstance(module, ConvNorm):
            convolution, norm = module[0], module[1]
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            module[0] = fuse_conv_bn_eval(convolution, norm)
            module[1] = nn.Identity()
    return fused


def to_onnx(detector: Detector) -> onnx.ModelProto:
    """The ONNX graph: any batch, sides in steps of 32, the large weights stored in half precision."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "detector.onnx"
        _trace(detector, path)
        model = onnx.load(path)
    _halve_weights(model)
    model.producer_name, model.producer_version = "dropmesh", ""
    model.doc_string = "Faces, persons, license plates and vehicles; see models/README.md."
    onnx.checker.check_model(model)
    return model


def _trace(detector: Detector, path: Path) -> None:
    torch.onnx.export(
        Exported(fuse(detector)).eval(),
        (torch.zeros(1, 3, TRACED_SIDE, TRACED_SIDE),),
        path,
        input_names=["images"],
        output_names=["predictions"],
        dynamic_axes={"images": {0: "batch", 2: "height", 3: "width"}, "predictions": {0: "batch", 1: "anchors"}},
        opset_version=OPSET,
        dynamo=False,
    )


def _halve_weights(model: onnx.ModelProto) -> None:
    """Stores the kernels as float16 and casts them back in the graph; a runtime folds the casts when it loads it."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 4:
            name = tensor.name
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name + ".half")
            tensor.CopyFrom(half)
            casts.append(helper.make_node("Cast", [name + ".half"], [name], name + ".cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def main() -> None:
    """Reads the options and writes the files."""
    parser = argparse.ArgumentParser(prog="python -m training.export", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=Path("models/bundled/detector.pt"))
    parser.add_argument("--onnx", type=Path, default=Path("models/bundled/detector.onnx"))
    parser.add_argument("--compact", type=Path, help="also write the compact checkpoint here")
    args = parser.parse_args()
    detector = load(args.checkpoint)
    data = to_onnx(detector).SerializeToString(deterministic=True)
    args.onnx.parent.mkdir(parents=True, exist_ok=True)
    args.onnx.write_bytes(data)
    if args.compact:
        torch.save(compact(detector.state_dict()), args.compact)
    print(f"{args.onnx}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
