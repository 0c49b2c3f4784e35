"""The first token of a mesh, so that its owner can do everything from the first minute."""

from __future__ import annotations

import os
import time
from pathlib import Path

from services.common.catalog.opening import open_catalog
from services.common.identity import Scope
from services.common.settings import Settings
from services.common.stores.tokens import TOKENS, Tokens

SUBJECT = "admin"


async def ensure_admin_token(settings: Settings) -> Path:
    """Makes a token with every right, once, in a file that its owner alone can read."""
    path = settings.data / "admin-token"
    if path.exists():
        return path
    catalog = await open_catalog(settings.catalog_url, (TOKENS,))
    try:
        _, text = await Tokens(catalog).create(SUBJECT, (Scope.ADMIN,), now_ns=time.time_ns())
    finally:
        await catalog.close()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return path
