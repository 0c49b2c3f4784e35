from __future__ import annotations

from services.processor.drops.parsing.drops import parse_drop
from services.processor.drops.parsing.outcomes import DropLimits, ParsedDrop
from services.processor.drops.parsing.statistics import compute_statistics
from tests.support.drop_strategies import generate_drops
from tests.support.reference_measurements import Row, reference_measurements


def test_what_generated_drops_come_to_is_what_the_reference_says_to_the_last_bit() -> None:
    drops = generate_drops(count=600, seed_number=4)
    rows: dict[int, Row] = {}
    accepted = []
    for drop in drops:
        outcome = parse_drop(drop.raw, DropLimits())
        accepted.append(isinstance(outcome, ParsedDrop))
        if isinstance(outcome, ParsedDrop):
            for one in outcome.measurements:
                of = compute_statistics(one.points)
                deviations = of.population_stddev, of.sample_stddev
                rows[one.time_ns] = (of.count, of.mean, *deviations, of.min, of.max)
    assert (rows, accepted) == reference_measurements(drop.raw for drop in drops)
    assert accepted == [not drop.reasons for drop in drops]
    assert len({reason for drop in drops for reason in drop.reasons}) == 21


def test_the_same_seed_generates_the_same_drops() -> None:
    assert generate_drops(count=60, seed_number=5) == generate_drops(count=60, seed_number=5)
