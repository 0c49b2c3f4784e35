from __future__ import annotations

from enum import Enum
from pathlib import Path

from services.common.settings import CHECKOUT, PREFIX, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def row(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default.value if isinstance(field.default, Enum) else field.default
    default = default.relative_to(CHECKOUT) if isinstance(default, Path) else default
    told = "" if default in ("", None) else f"`{default}`"
    return f"| `{PREFIX}{name.upper()}` | {told} | {field.description} |"


def test_the_page_tells_every_setting_as_it_is_and_no_other():
    told = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| `{PREFIX}")]
    expected = [f"| `{PREFIX}SETTINGS` |  | a file of settings |", *map(row, Settings.model_fields)]
    assert told == expected
