"""Every collection of the mesh, so that each process opens the same catalog."""

from __future__ import annotations

from services.common.stores.tokens import TOKENS

COLLECTIONS = (TOKENS,)
