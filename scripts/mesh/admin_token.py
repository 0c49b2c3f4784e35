"""The first token of a mesh, so that its owner can do everything from the first minute."""

from __future__ import annotations

import os
import time
from pathlib import Path

from services.common.catalog.opening import open_catalog
from services.common.rpc.identity import Scope
from services.common.rpc.tokens import TOKENS, Tokens
from services.common.settings import Settings

SUBJECT = "admin"


async def ensure_admin_token(settings: Settings) -> Path:
    """Makes a token with every right, once for each catalog, in a file that its owner alone can read."""
    path = settings.data / "admin-token"
    catalog = await open_catalog(settings.catalog_url, (TOKENS,))
    try:
        tokens = Tokens(catalog)
        if path.exists() and await tokens.find(path.read_text().strip()) is not None:
            return path
        _, text = await tokens.create(SUBJECT, (Scope.ADMIN,), now_ns=time.time_ns())
    finally:
        await catalog.close()
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path
