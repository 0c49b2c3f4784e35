from __future__ import annotations

from pathlib import Path

import pytest

from scripts.lib.words import dialect_in


def found_in(root: Path, name: str, text: str) -> list[tuple[int, str]]:
    """Writes one file and returns the lines and words found."""
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return [(found.line, found.words) for found in dialect_in(root)]


def test_a_page_is_read_line_by_line(tmp_path: Path) -> None:
    text = "# Plain\n\nReturns the state.\nIt tells nobody.\nTell apart two kinds.\n"
    assert found_in(tmp_path, "docs/operations.md", text) == [(4, "tells"), (4, "nobody")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('"""What a media is."""\n', [(1, "What")]),
        ('"""Returns what a media is."""\n', []),
        ('def one():\n    """Who may call it."""\n', [(2, "Who")]),
        ('NAME = "What it is called"\n', []),
        ('raise ValueError("nobody answers")\n', [(1, "nobody")]),
        ('raise ValueError(f"{name}: whatever it is")\n', [(1, "whatever")]),
        ("# Swept now and then.\n", [(1, "now and then")]),
        ('"""Returns a state.\n\nIt is told once.\n"""\n', [(3, "told")]),
        ("def tell_receipt(told): ...\n", []),
    ],
)
def test_comments_and_strings_of_python_are_read_and_names_are_not(
    tmp_path: Path, text: str, found: list[tuple[int, str]]
) -> None:
    assert found_in(tmp_path, "services/query/reads.py", text) == found


def test_comments_of_the_contract_are_read_and_its_names_are_not(tmp_path: Path) -> None:
    text = (
        "// What a media is.\n// What follows is fine.\nmessage Told {\n  // Somebody made it.\n  string told = 1;\n}\n"
    )
    assert found_in(tmp_path, "proto/dropmesh/v1/media.proto", text) == [(1, "What"), (4, "Somebody")]
