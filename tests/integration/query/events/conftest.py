from __future__ import annotations

from tests.support.event_stores import others, store_settings, stores

__all__ = ["others", "store_settings", "stores"]
