"""Identifiers: unique, unguessable, and in the order of their making, so that new documents stand together."""

from __future__ import annotations

import secrets

_DIGITS = "0123456789abcdefghijklmnopqrstuv"
_ANY_BYTE_TO_DIGIT = (_DIGITS * 8).encode()
_TIME_SHIFTS = range(45, -1, -5)


def new_id(now_ns: int) -> str:
    """A fresh identifier of 26 digits of 5 bits: 10 for the milliseconds, then 16 random ones."""
    shifted_ms = now_ns // 1_000_000 << 2
    time = "".join([_DIGITS[shifted_ms >> shift & 31] for shift in _TIME_SHIFTS])
    return time + secrets.token_bytes(16).translate(_ANY_BYTE_TO_DIGIT).decode()
