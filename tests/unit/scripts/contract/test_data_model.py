from __future__ import annotations

from pathlib import Path

from scripts.contract.data_model import data_model_document

PAGE = Path(__file__).resolve().parents[4] / "docs" / "data-model.md"


def test_the_page_shows_the_collections_as_they_are():
    assert PAGE.read_text() == data_model_document(), "run scripts/generate"
