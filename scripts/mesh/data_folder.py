"""Selects the mesh of a command: by --data, or by the settings."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.common.catalog import Catalog, Collection
from services.common.catalog.opening import open_catalog
from services.common.settings import Settings
from services.common.settings.reading import load_settings


class NoCatalog(Exception):
    """The catalog that a command should read or change does not exist."""


def data_option() -> argparse.ArgumentParser:
    """A parent for parsers, which lets --data stand before a command's name as well as after it."""
    parent = argparse.ArgumentParser(add_help=False)
    parent.add_argument(
        "--data",
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="the data folder of the mesh (default: .dropmesh in the checkout)",
    )
    return parent


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings, the folder being the one that was given."""
    return load_settings(data=getattr(arguments, "data", None))


async def open_catalog_of_mesh(settings: Settings, collections: Sequence[Collection]) -> Catalog:
    """Opens the catalog of a mesh, and makes none where there was no mesh."""
    require_catalog(settings)
    return await open_catalog(settings.catalog_url, collections)


def require_catalog(settings: Settings) -> None:
    """Raises NoCatalog where the file of the catalog is missing."""
    scheme, _, path, *_ = urlsplit(settings.catalog_url)
    file = Path("/", unquote(path).lstrip("/"))
    if scheme == "sqlite" and not file.is_file():
        raise NoCatalog(f"{file} does not exist; check --data, or run scripts/up once to make a catalog")
