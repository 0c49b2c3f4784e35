"""Identifiers: unique, unguessable, and in the order of their making, so that new documents stand together."""

from __future__ import annotations

import base64
import secrets


def new_id(now_ns: int) -> str:
    """A fresh identifier of 26 characters: 48 bits of milliseconds, then 80 random ones."""
    packed = (now_ns // 1_000_000).to_bytes(6, "big") + secrets.token_bytes(10)
    return base64.b32hexencode(packed).decode().rstrip("=").lower()
