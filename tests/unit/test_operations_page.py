from __future__ import annotations

from pathlib import Path

from services.common.settings import PREFIX, Settings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def test_the_page_tells_every_setting_and_no_other():
    told = {line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith(f"| `{PREFIX}")}
    assert told == {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}SETTINGS"}
