"""Prints how often an attacker who knows every candidate finds the true one behind a cover, for each mode."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from scripts.measuring.evaluation.attack import BEST, Attack, Hits
from scripts.measuring.evaluation.faces import FACE, Face, another_photo, labelled_faces, scene_of
from scripts.measuring.evaluation.labelled import SHARED
from scripts.measuring.evaluation.plates import PLATE, PlateScene, plate_texts
from services.common.media.vocabulary import Mode, ObjectClass
from services.processor.anonymize.options import AnonymizeOptions

ALLOWED = 3
"""A default may be this many times as good for the attacker as a draw by lot."""
_SEED = 16
_UNCERTAIN_PIXELS = 2


def attack_plates(mode: Mode, candidates: int, targets: int, uncertain_pixels: int = 0) -> Hits:
    """Attacks plates of a known font; their photos have noise, and are JPEGs before and after they are covered."""
    scene, texts = PlateScene(), plate_texts(candidates, _SEED)
    chosen = [scene.draw(text) for text in texts[:targets]]
    attack = Attack(ObjectClass.LICENSE_PLATE, PLATE, mode, uncertain_pixels)
    return attack.hits(chosen, candidates, lambda number: scene.draw(texts[number]), np.random.default_rng(_SEED))


def attack_faces(mode: Mode, faces: Sequence[Face], *, same_photo: bool) -> Hits:
    """Attacks every face, with the photo that was covered among the candidates, or with another one of the face."""
    random = np.random.default_rng(_SEED)
    photos = faces if same_photo else [another_photo(face, random) for face in faces]
    targets = [scene_of(photo) for photo in photos]
    return Attack(ObjectClass.FACE, FACE, mode).hits(targets, len(faces), lambda one: scene_of(faces[one]), random)


def main(arguments: Sequence[str]) -> int:
    """Reads the command line, attacks, prints; 1 where a default is worse than allowed."""
    parser = argparse.ArgumentParser(prog="scripts/evaluate irreversible", description=__doc__)
    parser.add_argument("--plates", type=int, default=50_000, help="candidates (50000)")
    parser.add_argument("--targets", type=int, default=40, help="plates to find among them (40)")
    parser.add_argument("--faces", type=int, default=1_000, help="candidates, each of them also a target (1000)")
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder of labelled pictures")
    options = parser.parse_args(arguments)
    draw = f"by lot {BEST / options.plates:.4f}"
    print(f"{options.targets} plates among {options.plates}: the true one is first, or among the best {BEST} ({draw})")
    worst = _print_table(
        ObjectClass.LICENSE_PLATE,
        {
            "box known": lambda mode: attack_plates(mode, options.plates, options.targets),
            f"box known to {_UNCERTAIN_PIXELS} px": lambda mode: attack_plates(
                mode, options.plates, options.targets, _UNCERTAIN_PIXELS
            ),
        },
    )
    passed = worst <= ALLOWED * BEST / options.plates
    if (options.shared / "training").is_dir():
        faces = list(islice(labelled_faces(options.shared), options.faces))
        print(f"\n{len(faces)} faces, by their pixels: the same ({BEST} by lot {BEST / len(faces):.4f})")
        worst = _print_table(
            ObjectClass.FACE,
            {
                "another photo": lambda mode: attack_faces(mode, faces, same_photo=False),
                "the same photo": lambda mode: attack_faces(mode, faces, same_photo=True),
            },
        )
        passed = passed and worst <= ALLOWED * BEST / len(faces)
    else:
        print(f"\nfaces left out: there is no folder {options.shared / 'training'}; name one with --shared")
    print(f"\ndefaults are at most {ALLOWED} times as good as a draw by lot: {'yes' if passed else 'NO'}")
    return 0 if passed else 1


def _print_table(object_class: ObjectClass, attacks: Mapping[str, Callable[[Mode], Hits]]) -> float:
    """Prints a row for each mode; returns the default's worst share among the best."""
    usual = AnonymizeOptions().style_of(object_class).mode
    worst = 0.0
    print(" " * 20 + "".join(f"{name:>24}" for name in attacks))
    for mode in Mode:
        found = [attack(mode) for attack in attacks.values()]
        cells = "".join(f"{f'{hits.first:.3f}  {hits.best:.4f}':>24}" for hits in found)
        print(f"  {mode + (' (default)' if mode is usual else ''):18}{cells}", flush=True)
        if mode is usual:
            worst = max(hits.best for hits in found)
    return worst
