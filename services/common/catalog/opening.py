"""Opens the adapter that a URL names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.common.catalog import Catalog, Collection
from services.common.catalog.sqlite.catalog import SqliteCatalog


async def open_catalog(url: str, collections: Sequence[Collection], *, replace_indexes: bool = False) -> Catalog:
    """Opens the catalog at `sqlite:///absolute/path` or `mongodb://host/database`, making collections and indexes.

    Indexes of a server that another version declared otherwise are left as they are, unless `replace_indexes`: where
    two versions run side by side, they must not undo each other's.
    """
    scheme, _, path, *_ = urlsplit(url)
    if scheme == "sqlite":
        return await SqliteCatalog.open(Path(unquote(path)), collections)
    if scheme in {"mongodb", "mongodb+srv"}:
        # Imported where it is asked for: the driver takes 10 MB of every process.
        from services.common.catalog.mongo.catalog import MongoCatalog

        return await MongoCatalog.open(url, collections, replace_indexes=replace_indexes)
    raise ValueError(f"a catalog is at sqlite:///… or mongodb://…, not {scheme or 'at nothing'}://…")
