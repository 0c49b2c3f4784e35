from __future__ import annotations

from scripts.measuring.loading.day import DAY_SECONDS, World, percentile, simulate


def world(**changes: object) -> World:
    values = {
        "users": 100,
        "a_minute": 1.0,
        "swing": 0.8,
        "photos_a_second": 2.0,
        "start_seconds": 60,
        "waiting_each": 40,
        "most": 50,
        **changes,
    }
    return World(**values)  # type: ignore[arg-type]


def test_every_upload_of_the_day_is_worked_on_in_its_order():
    hours = list(simulate(world()))
    assert [hour.number for hour in hours] == list(range(24))
    arrived = sum(hour.arrived for hour in hours)
    assert abs(arrived - 100 * DAY_SECONDS / 60) < 0.02 * arrived
    done = sum(len(hour.waits) for hour in hours)
    assert 0 <= arrived - done < 100
    assert min(wait for hour in hours for wait in hour.waits) >= 0


def test_the_same_seed_gives_the_same_day():
    assert list(simulate(world(), seed=3)) == list(simulate(world(), seed=3))


def test_few_processors_make_photos_wait_and_the_autoscaler_keeps_to_its_most():
    hours = list(simulate(world(users=400, most=2)))
    assert max(max(hour.processors) for hour in hours) == 2
    assert percentile([wait for hour in hours for wait in hour.waits], 99) > 600


def test_by_the_depth_alone_photos_wait_longer():
    def p99(**changes: object) -> float:
        waits = [wait for hour in simulate(world(users=600, **changes)) for wait in hour.waits]
        return percentile(waits, 99)

    assert p99() < p99(depth_alone=True)
