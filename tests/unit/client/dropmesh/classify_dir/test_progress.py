from __future__ import annotations

import io
from collections import Counter

from dropmesh.classify_dir.progress import Progress, Terminal
from dropmesh.classify_dir.results import Outcomes


def test_the_bar_shows_how_much_is_done_how_fast_and_what_failed():
    progress = Progress(found=10, before=2, done=2, failed=1, waiting=3)
    assert progress.bar(2.0) == "[###############...............] 5/10  1.5/s  waiting 3  failed 1"


def test_without_a_terminal_each_tenth_is_a_line():
    stream = io.StringIO()
    terminal = Terminal(stream)
    for done in (0, 1, 1, 2, 10):
        terminal.draw(Progress(found=10, done=done), 1.0)
    assert [line.partition("] ")[2].split()[0] for line in stream.getvalue().splitlines()] == ["1/10", "2/10", "10/10"]


def test_the_table_says_what_became_of_each_image():
    outcomes = Outcomes(found=12, done_before=4, failed_before=3, done=2, failed=1, labels=Counter(red=2, blue=4))
    lines = Progress(sent=5).table(1.5, outcomes).splitlines()
    assert [line.rsplit(maxsplit=1) for line in lines[:6]] == [
        ["images found", "12"],
        ["classified before", "4"],
        ["failed before", "3"],
        ["classified", "2"],
        ["failed", "1"],
        ["not answered", "2"],
    ]
    assert [line.split() for line in lines[-3:-1]] == [["blue", "4"], ["red", "2"]]
    assert "--retry-failed" in lines[-1]
