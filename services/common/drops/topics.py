"""The queue of drops: what a message holds, and its two topics."""

from __future__ import annotations

from collections.abc import Sequence

from services.common.queue import Topic

DROPS = Topic("drops")
LARGE_DROPS = Topic("large_drops")
"""Drops that live in objects, one a message: they take their time, and no small one waits behind them."""

MOST_IDS = 500


def message(receipt_ids: Sequence[str]) -> bytes:
    """The message that has these receipts processed."""
    return "\n".join(receipt_ids).encode()


def receipt_ids(message: bytes) -> list[str]:
    """The receipts of a message."""
    return message.decode().split("\n")
