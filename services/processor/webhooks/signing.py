"""Signatures of deliveries: HMAC-SHA256 over the time and the body, so that neither can be changed or replayed."""

from __future__ import annotations

import hashlib
import hmac

HEADER = "dropmesh-signature"


def signature(secret: str, seconds: int, body: bytes) -> str:
    """The value of the header of a delivery that is sent at an instant."""
    digest = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"
