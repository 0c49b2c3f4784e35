"""A PIN of an invite: few characters, so that what is stored of it is slow to compute."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

# 16 MiB and some 30 ms for each try.
_COST, _BLOCK = 2**14, 8
_MEMORY = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredPin:
    """A PIN as it is stored."""

    salt: bytes
    scrypt: bytes

    def matches(self, pin: str) -> bool:
        """Whether this is the PIN; it takes as long for a wrong one."""
        return hmac.compare_digest(self.scrypt, _scrypt(pin, self.salt))


def new_pin(pin: str) -> StoredPin:
    """A PIN to store."""
    salt = secrets.token_bytes(16)
    return StoredPin(salt, _scrypt(pin, salt))


def _scrypt(pin: str, salt: bytes) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=_COST, r=_BLOCK, p=1, maxmem=_MEMORY, dklen=32)
