from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch: pip install -r requirements/training.txt")

from training.assign import assign  # noqa: E402
from training.export import compact, load, to_onnx  # noqa: E402
from training.loss import detection_loss  # noqa: E402
from training.model import Detector, anchor_points  # noqa: E402

# torch warns of the exporter that is to replace the one we use; the pinned version has both.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

BUNDLED = Path(__file__).parents[3] / "models" / "bundled"


def test_boxes_lie_around_their_cells_at_any_size_in_steps_of_32() -> None:
    detector = Detector().eval()
    for height, width in ((64, 64), (96, 160)):
        logits, boxes = detector(torch.rand(2, 3, height, width) * 255)
        points, strides = anchor_points(height, width, torch.device("cpu"))
        assert logits.shape == (2, len(points), 4)
        assert len(strides) == sum(height // s * (width // s) for s in (8, 16, 32))
        assert (boxes[..., :2] <= points).all()
        assert (boxes[..., 2:] >= points).all()


def test_the_anchor_that_scores_and_fits_best_gets_the_highest_target() -> None:
    points, _ = anchor_points(64, 64, torch.device("cpu"))
    target = torch.tensor([[3.0, 16.0, 16.0, 48.0, 48.0]])
    boxes = torch.cat([points - 20, points + 20], 1)
    scores = torch.full((len(points), 4), 0.1)
    best = int(((points - 32).abs().sum(1)).argmin())
    boxes[best], scores[best, 3] = target[0, 1:], 0.9
    assigned = assign(scores, boxes, points, target)
    assert assigned.positive[best]
    assert int(assigned.scores.max(1).values.argmax()) == best
    assert assigned.scores[:, :3].sum() == 0
    assert assigned.scores[best, 3] == pytest.approx(1.0)


def test_objects_smaller_than_a_cell_still_get_an_anchor() -> None:
    points, _ = anchor_points(64, 64, torch.device("cpu"))
    boxes = torch.cat([points - 6, points + 6], 1)
    assigned = assign(torch.full((len(points), 4), 0.1), boxes, points, torch.tensor([[2.0, 30.0, 30.0, 35.0, 34.0]]))
    assert assigned.positive.any()


def test_what_lies_in_an_ignored_region_costs_nothing() -> None:
    points, _ = anchor_points(64, 64, torch.device("cpu"))
    logits = torch.full((1, len(points), 4), -9.0)
    logits[0, :, 0] = 3.0
    boxes = torch.cat([points - 6, points + 6], 1)[None]
    nothing, everything = torch.zeros(0, 5), torch.tensor([[0.0, 0.0, 0.0, 64.0, 64.0]])
    assert detection_loss(logits, boxes, points, [nothing], [nothing]).total > 1
    assert detection_loss(logits, boxes, points, [nothing], [everything]).total < 1e-3


def test_the_graph_gives_what_the_detector_gives_at_any_size(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(1)
    checkpoint = tmp_path / "detector.pt"
    torch.save(compact(Detector().state_dict()), checkpoint)
    detector = load(checkpoint)
    data = to_onnx(detector).SerializeToString(deterministic=True)
    assert data == to_onnx(load(checkpoint)).SerializeToString(deterministic=True)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    images = torch.rand(2, 3, 96, 64) * 255
    (predictions,) = session.run(["predictions"], {"images": images.numpy()})
    with torch.no_grad():
        logits, boxes = detector(images)
    np.testing.assert_allclose(predictions[..., :4], boxes.numpy(), atol=0.05)
    np.testing.assert_allclose(predictions[..., 4:], logits.sigmoid().numpy(), atol=1e-3)


@pytest.mark.skipif(not (BUNDLED / "detector.pt").exists(), reason="the bundled checkpoint is absent")
def test_the_bundled_graph_is_the_export_of_the_bundled_checkpoint() -> None:
    data = to_onnx(load(BUNDLED / "detector.pt")).SerializeToString(deterministic=True)
    assert data == (BUNDLED / "detector.onnx").read_bytes()
