"""Lists the models, pulls those that are missing, and checks their files."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from scripts.mesh.models_report import in_use, inventory, missing
from services.common.settings import Settings, SettingsError
from services.common.settings.reading import load_settings
from services.processor.models.entry import ModelEntry
from services.processor.models.errors import ModelError, NotPulled
from services.processor.models.progress import NoProgress, Progress, ProgressBar
from services.processor.models.pull import Puller
from services.processor.models.registry import Registry, load_registry
from services.processor.models.store import ModelStore
from services.processor.models.timeouts import Timeouts

_MOMENT_SECONDS = 2.0
_QUICK_SECONDS = 20.0


def main(arguments: list[str] | None = None) -> int:
    """Runs the command that the arguments name; its exit status says whether all is well."""
    try:
        options = _parser().parse_args(arguments)
        settings = load_settings(data=options.data)
        folder = options.dir or settings.models_folder
        registry, store = load_registry(folder), ModelStore(folder)
        run: Callable[[argparse.Namespace, Settings, Registry, ModelStore], int] = options.run
        return run(options, settings, registry, store)
    except (ModelError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/models", description=__doc__)
    parser.add_argument(
        "--data", metavar="DIR", help="the data folder of the mesh (default: .dropmesh in the checkout)"
    )
    parser.add_argument("--dir", type=Path, help="the models folder (DROPMESH_MODELS, or models in that folder)")
    commands = parser.add_subparsers(required=True)
    listing = commands.add_parser("list", help="list the models, those in use, and what each finds")
    listing.set_defaults(run=_list)
    pulling = commands.add_parser("pull", help="fetch missing models")
    pulling.add_argument("names", nargs="*", metavar="NAME", help="only these, even if they are installed")
    pulling.add_argument("--mirror", help="an http(s) URL or a folder, tried first (DROPMESH_MODELS_MIRROR)")
    pulling.add_argument(
        "--timeout", type=float, default=20.0, metavar="SECONDS", help="time limit for each answer (default: 20)"
    )
    pulling.add_argument(
        "--within", type=float, metavar="SECONDS", help="time limit for the whole pull; a later pull resumes"
    )
    pulling.add_argument(
        "--quick",
        action="store_true",
        help=f"--timeout {_MOMENT_SECONDS:g} --within {_QUICK_SECONDS:g}; exits 0 if a model cannot be pulled",
    )
    pulling.set_defaults(run=_pull)
    checking = commands.add_parser("check", help="compare each file with its sha256, and run each model once")
    checking.add_argument("names", nargs="*", metavar="NAME")
    checking.set_defaults(run=_check)
    return parser


def _list(_: argparse.Namespace, _settings: Settings, registry: Registry, store: ModelStore) -> int:
    _print(inventory(registry, store))
    print()
    _print(in_use(registry, store))
    return 0


def _pull(options: argparse.Namespace, settings: Settings, registry: Registry, store: ModelStore) -> int:
    mirror = settings.models_mirror if options.mirror is None else options.mirror
    within = _QUICK_SECONDS if options.quick and options.within is None else options.within
    timeouts = Timeouts(_MOMENT_SECONDS if options.quick else options.timeout, within)
    puller = Puller(store, timeouts, mirror, _progress)
    failed = 0
    for entry in _wanted(options.names, registry, store, bool(mirror)):
        if entry.bundled:
            print(f"{entry.name}: bundled, nothing to pull")
            continue
        try:
            source = puller.pull(entry)
        except NotPulled as error:
            failed += 1
            print(f"{entry.name}: not pulled")
            _print(f"  {cause}" for cause in error.causes or [error])
        else:
            print(f"{entry.name}: pulled from {source} ({entry.size_bytes / 1e6:.1f} MB, sha256 {entry.version}…)")
    print()
    _print(in_use(registry, store))
    return 1 if failed and not options.quick else 0


def _wanted(names: list[str], registry: Registry, store: ModelStore, mirrored: bool) -> Iterator[ModelEntry]:
    yield from _named(names, registry) if names else missing(registry, store, mirrored=mirrored)


def _check(options: argparse.Namespace, _: Settings, registry: Registry, store: ModelStore) -> int:
    # The libraries that run models take long to import.
    from services.processor.detect.self_test import self_test

    failed = 0
    for entry in _named(options.names, registry) if options.names else registry:
        try:
            path = store.verified(entry)
            said = "not installed" if path is None else self_test(entry, path)
        except ModelError as error:
            failed += 1
            said = f"FAILED: {error}"
        print(f"{entry.name}: {said}")
    return 1 if failed else 0


def _named(names: Iterable[str], registry: Registry) -> Iterator[ModelEntry]:
    for name in names:
        if name not in registry:
            known = ", ".join(entry.name for entry in registry)
            raise ModelError(f"no model is named {name!r}; the models are {known}")
        yield registry[name]


def _progress(entry: ModelEntry) -> Progress:
    return ProgressBar(sys.stderr, entry.name) if sys.stderr.isatty() else NoProgress()


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        print(line)


if __name__ == "__main__":
    sys.exit(main())
