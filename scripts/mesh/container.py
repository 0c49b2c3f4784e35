"""The whole mesh in a container: as scripts/up runs it, with its first token in the container's output."""

from __future__ import annotations

import asyncio
import os
import sys

from scripts.mesh import up
from scripts.mesh.admin_token import ensure_admin_token
from scripts.mesh.preflight import CannotStart, own_folder
from services.common.base.errors import DropmeshError
from services.common.settings import Settings, SettingsError
from services.common.settings.reading import load_settings


def main() -> int:
    """Shows the token when it is made, which is once for each volume, and runs the mesh."""
    os.umask(up.OWNER_ALONE)
    try:
        settings = load_settings()
        if token := _new_token(settings):
            print(f"The token with every right, shown this once: {token}", flush=True)
    except (CannotStart, SettingsError, DropmeshError) as reason:
        print(f"dropmesh: {reason}", file=sys.stderr)
        return 1
    return up.main()


def _new_token(settings: Settings) -> str | None:
    with own_folder(settings.data):
        if (settings.data / "admin-token").exists():
            return None
        return asyncio.run(ensure_admin_token(settings)).read_text().strip()


if __name__ == "__main__":
    sys.exit(main())
