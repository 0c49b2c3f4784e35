"""Each container, codec, depth and sound is processed, or refused at upload: none fails later."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts.measuring.evaluation.containers.combinations import COMBINATIONS, Combination
from scripts.measuring.evaluation.containers.outcomes import outcome_of

REFUSED = {
    "avi, rawvideo bgr24": "the codec of its video track is not known",
    "flv": "found Flash video",
    "ts": "unsupported type",
    "wmv": "found Windows Media stream",
    "mpg": "found MPEG program stream",
}


@pytest.mark.parametrize("combination", COMBINATIONS, ids=lambda one: one.title)
def test_is_processed_as_it_was_or_refused_at_upload(combination: Combination, tmp_path: Path) -> None:
    refusal = next((REFUSED[start] for start in REFUSED if combination.title.startswith(start)), None)

    outcome = outcome_of(combination, tmp_path)

    assert outcome.state == ("PROCESSED" if refusal is None else "refused"), outcome.note
    assert refusal is None or refusal in outcome.note
    assert list(outcome.faults) == []
    # An encoder that made this a real-time process would have each later test starve the machine.
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
