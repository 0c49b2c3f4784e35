from __future__ import annotations

import stat

from scripts.mesh.admin_token import ensure_admin_token
from services.common.catalog.opening import open_catalog
from services.common.rpc.tokens import TOKENS, Tokens
from services.common.settings import Settings


async def is_known(settings: Settings, text: str) -> bool:
    catalog = await open_catalog(settings.catalog_url, (TOKENS,))
    try:
        return await Tokens(catalog).find(text) is not None
    finally:
        await catalog.close()


async def test_the_first_token_is_made_once(tmp_path):
    path = await ensure_admin_token(Settings(data=tmp_path))
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert await is_known(Settings(data=tmp_path), text)
    assert (await ensure_admin_token(Settings(data=tmp_path))).read_text() == text


async def test_another_catalog_gets_a_token_that_it_knows(tmp_path):
    text = (await ensure_admin_token(Settings(data=tmp_path))).read_text()
    other = Settings(data=tmp_path, catalog=f"sqlite:///{tmp_path}/other.sqlite")
    path = await ensure_admin_token(other)
    assert path.read_text() != text
    assert await is_known(other, path.read_text())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
