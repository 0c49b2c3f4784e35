from __future__ import annotations

from datetime import UTC, datetime

from dropmesh.classify_dir.journal import Journal


def test_a_step_is_one_line_whatever_the_name_of_the_file_holds(tmp_path):
    journal = Journal(tmp_path / "run.log", lambda: datetime(2026, 5, 1, 10, 0, 0, 123000, tzinfo=UTC))
    journal.write("sent", "cats/1.jpg", "attempt 1")
    journal.write("failed", "odd\nname\x1b.jpg")
    journal.close()
    assert (tmp_path / "run.log").read_text().splitlines() == [
        "2026-05-01 10:00:00.123  sent      cats/1.jpg  attempt 1",
        "2026-05-01 10:00:00.123  failed    odd\\x0aname\\x1b.jpg",
    ]
