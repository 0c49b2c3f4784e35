"""Patterns that let through exactly what a limit lets through."""

from __future__ import annotations

_DAYS = r"(0[1-9]|1\d|2[0-8])"
_YEARS = r"(19[7-9]\d|2[0-2]\d\d)"
_LEAP_YEARS = r"(19(7[26]|8[048]|9[26])|2000|2[0-2](0[48]|[2468][048]|[13579][26]))"
_DATE = rf"({_YEARS}-((0[1-9]|1[0-2])-{_DAYS}|(0[13-9]|1[0-2])-(29|30)|(0[13578]|1[02])-31)|{_LEAP_YEARS}-02-29)"
INSTANT = rf"^{_DATE}T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{{1,9}})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$"
"""RFC 3339 from 1970 to 2299, with days that exist."""


def duration_pattern(least_seconds: int, most_seconds: int) -> str:
    """The pattern of a duration of at least and at most so many seconds, as JSON has it."""
    last = rf"{most_seconds}(\.0{{1,9}})?"
    if least_seconds == most_seconds:
        return f"^{last}s$"
    return rf"^({integers_pattern(least_seconds, most_seconds - 1)}(\.[0-9]{{1,9}})?|{last})s$"


def integers_pattern(least: int, most: int) -> str:
    """The pattern of an integer from `least` to `most`, without leading zeros."""
    parts = ["0"] if least == 0 else []
    # The lengths of which every number is within the limits.
    whole: list[int] = []
    for digits in range(len(str(max(1, least))), len(str(most)) + 1):
        smallest, largest = max(1, least, 10 ** (digits - 1)), min(most, 10**digits - 1)
        if smallest == 10 ** (digits - 1) and largest == 10**digits - 1:
            whole.append(digits)
        elif smallest <= largest:
            parts += _same_length(str(smallest), str(largest))
    if whole:
        parts.append(f"[1-9][0-9]{{{whole[0] - 1},{whole[-1] - 1}}}")
    return f"({'|'.join(parts)})"


def _same_length(least: str, most: str) -> list[str]:
    if not least:
        return [""]
    if least[0] == most[0]:
        return [least[0] + rest for rest in _same_length(least[1:], most[1:])]
    first, last, others = int(least[0]), int(most[0]), len(least) - 1
    below: list[str] = []
    above: list[str] = []
    if least[1:] != "0" * others:
        below = [least[0] + rest for rest in _same_length(least[1:], "9" * others)]
        first += 1
    if most[1:] != "9" * others:
        above = [most[0] + rest for rest in _same_length("0" * others, most[1:])]
        last -= 1
    middle = [] if first > last else [_digit(first, last) + (f"[0-9]{{{others}}}" if others else "")]
    return below + middle + above


def _digit(first: int, last: int) -> str:
    return str(first) if first == last else f"[{first}-{last}]"
