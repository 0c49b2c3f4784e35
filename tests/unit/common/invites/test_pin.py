from __future__ import annotations

from services.common.invites.pin import new_pin


def test_only_the_pin_matches() -> None:
    stored = new_pin("4711")
    assert stored.matches("4711")
    assert not stored.matches("4712")
    assert not stored.matches("")


def test_equal_pins_are_stored_differently_and_not_as_they_are() -> None:
    first, second = new_pin("4711"), new_pin("4711")
    assert first.scrypt != second.scrypt
    assert b"4711" not in first.scrypt + first.salt
