"""Each decoder is given raw outputs that encode known boxes the way its model's authors describe."""

from __future__ import annotations

import numpy as np
import pytest

from services.processor.detect.decoders import open_decoder
from services.processor.detect.decoders.centerface import CenterFaceDecoder
from services.processor.detect.decoders.dropmesh import DropmeshDecoder
from services.processor.detect.decoders.ssd import SsdDecoder
from services.processor.detect.decoders.yolox import YoloxDecoder
from services.processor.detect.decoders.yunet import YuNetDecoder
from services.processor.models.errors import RegistryInvalid

WIDTH, HEIGHT = 96, 64
BOX = (20.0, 10.0, 52.0, 34.0)
CENTRE_X, CENTRE_Y, WIDE, TALL = 36.0, 22.0, 32.0, 24.0


def test_yunet_takes_the_geometric_mean_and_the_centre_from_the_cell():
    tensors = [np.zeros((2, (WIDTH // s) * (HEIGHT // s), n), np.float32) for n in (1, 1, 4) for s in (8, 16, 32)]
    cell = 1 * (WIDTH // 16) + 2  # column 2, row 1 of stride 16
    tensors[1][1, cell] = 0.9
    tensors[4][1, cell] = 0.4
    tensors[7][1, cell] = CENTRE_X / 16 - 2, CENTRE_Y / 16 - 1, np.log(WIDE / 16), np.log(TALL / 16)
    nothing, found = YuNetDecoder().decode(tensors, WIDTH, HEIGHT, [0], 0.5)
    assert len(nothing) == 0
    assert found.scores == pytest.approx([0.6])
    assert found.boxes[0] == pytest.approx(BOX, abs=1e-4)


def test_yolox_multiplies_objectness_and_class_and_gives_only_the_classes_asked_for():
    cells = sum((WIDTH // stride) * (HEIGHT // stride) for stride in (8, 16, 32))
    rows = np.zeros((1, cells, 5 + 8), np.float32)
    cell = (WIDTH // 8) * (HEIGHT // 8) + 1 * (WIDTH // 16) + 2
    rows[0, cell, :5] = CENTRE_X / 16 - 2, CENTRE_Y / 16 - 1, np.log(WIDE / 16), np.log(TALL / 16), 0.8
    rows[0, cell, 5 + 2] = 0.9
    rows[0, cell, 5 + 3] = 0.9
    (found,) = YoloxDecoder().decode([rows], WIDTH, HEIGHT, [0, 2], 0.5)
    assert found.outputs.tolist() == [2]
    assert found.scores == pytest.approx([0.72])
    assert found.boxes[0] == pytest.approx(BOX, abs=1e-4)


SSD = SsdDecoder(strides=(8, 16), sizes=((10.0, 16.0), (32.0,)))
PRIORS = 2 * (WIDTH // 8) * (HEIGHT // 8) + (WIDTH // 16) * (HEIGHT // 16)
PRIOR = 2 * (WIDTH // 8) * (HEIGHT // 8) + 1 * (WIDTH // 16) + 2  # column 2, row 1 of stride 16, of side 32
PRIOR_X, PRIOR_Y, PRIOR_SIDE = 40.0, 24.0, 32.0


def ssd_outputs() -> list[np.ndarray]:
    outputs = [np.zeros((PRIORS, columns), np.float32) for columns in (14, 2, 1)]
    offsets = (CENTRE_X - PRIOR_X) / PRIOR_SIDE / 0.1, (CENTRE_Y - PRIOR_Y) / PRIOR_SIDE / 0.1
    outputs[0][PRIOR, :4] = *offsets, np.log(WIDE / PRIOR_SIDE) / 0.2, np.log(TALL / PRIOR_SIDE) / 0.2
    outputs[1][PRIOR] = 0.1, 0.9
    outputs[2][PRIOR] = 0.4
    return outputs


def test_ssd_moves_and_scales_the_prior_by_its_variances():
    (found,) = SSD.decode(ssd_outputs(), WIDTH, HEIGHT, [0], 0.5)
    assert found.scores == pytest.approx([0.6])
    assert found.boxes[0] == pytest.approx(BOX, abs=1e-4)


def test_ssd_draws_the_box_around_the_corners_where_the_model_gives_them():
    outputs = ssd_outputs()
    for column, (x, y) in zip((4, 6, 10, 12), ((20, 12), (50, 10), (52, 30), (22, 34)), strict=True):
        outputs[0][PRIOR, column : column + 2] = (x - PRIOR_X) / PRIOR_SIDE / 0.1, (y - PRIOR_Y) / PRIOR_SIDE / 0.1
    (found,) = SsdDecoder(SSD.strides, SSD.sizes, corners=(4, 6, 10, 12)).decode(outputs, WIDTH, HEIGHT, [0], 0.5)
    assert found.boxes[0] == pytest.approx(BOX, abs=1e-4)


def test_centerface_reads_height_before_width_and_down_before_right():
    heatmap, scale, offset = (np.zeros((1, n, HEIGHT // 4, WIDTH // 4), np.float32) for n in (1, 2, 2))
    row, column = 5, 8
    heatmap[0, 0, row, column] = 0.7
    scale[0, :, row, column] = np.log(TALL / 4), np.log(WIDE / 4)
    offset[0, :, row, column] = CENTRE_Y / 4 - row - 0.5, CENTRE_X / 4 - column - 0.5
    (found,) = CenterFaceDecoder().decode([heatmap, scale, offset], WIDTH, HEIGHT, [0], 0.5)
    assert found.scores == pytest.approx([0.7])
    assert found.boxes[0] == pytest.approx(BOX, abs=1e-4)
    (longer,) = CenterFaceDecoder(chin=0.25).decode([heatmap, scale, offset], WIDTH, HEIGHT, [0], 0.5)
    assert longer.boxes[0] == pytest.approx((*BOX[:3], BOX[3] + 0.25 * TALL), abs=1e-4)


def test_dropmesh_gives_a_place_once_for_every_class_that_scores_there():
    rows = np.array([[[*BOX, 0.9, 0.1, 0.6, 0.8], [0, 0, 5, 5, 0.2, 0.2, 0.2, 0.2]]], np.float32)
    (found,) = DropmeshDecoder().decode([rows], WIDTH, HEIGHT, [0, 1, 2], 0.5)
    assert found.outputs.tolist() == [0, 2]
    assert found.scores == pytest.approx([0.9, 0.6])
    assert (found.boxes == np.array([BOX, BOX], np.float32)).all()


def test_an_unknown_decoder_or_option_is_named():
    with pytest.raises(RegistryInvalid, match=r"models\.mine\.decoder\.name: 'retina' is none of centerface"):
        open_decoder("models.mine.decoder", {"name": "retina"})
    with pytest.raises(RegistryInvalid, match=r"models\.mine\.decoder\.anchors: .* no such option"):
        open_decoder("models.mine.decoder", {"name": "yolox", "anchors": 3})
    with pytest.raises(RegistryInvalid, match=r"models\.mine\.decoder\.strides"):
        open_decoder("models.mine.decoder", {"name": "yolox", "strides": "8"})
