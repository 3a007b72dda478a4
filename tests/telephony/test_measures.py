"""What was measured of queues: running means with their variance, of the week and of each hour of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from statistics import fmean, pstdev
from typing import Any

import pytest

from telephony import ewt, measures
from telephony.models import HourMeasure, QueueMeasure
from tests.factories import NOON

QUEUE = "Billing_VQ"
# 2 March 2026 is a Monday.
MONDAY_NOON = 12


def week(what: str) -> tuple[float, float, int]:
    row = QueueMeasure.objects.get(queue=QUEUE, what=what)
    return row.seconds, row.variance, row.measured


def hour(what: str, hour: int = MONDAY_NOON) -> tuple[float, float, int]:
    row = HourMeasure.objects.get(queue=QUEUE, what=what, hour=hour)
    return row.mean, row.variance, row.measured


@pytest.mark.django_db
def test_the_first_ones_make_a_plain_mean_and_variance() -> None:
    seconds = [60.0, 120.0, 180.0, 40.0, 300.0]
    for each in seconds:
        measures.measure(QUEUE, "handling", each, NOON)
    for mean, variance, number in (week("handling"), hour("handling")):
        assert mean == pytest.approx(fmean(seconds))
        assert variance == pytest.approx(pstdev(seconds) ** 2)
        assert number == 5


@pytest.mark.django_db
def test_after_so_many_a_measurement_counts_for_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ewt, "MEMORY", 50)
    for _ in range(60):
        measures.measure(QUEUE, "reach", 10, NOON)
    measures.measure(QUEUE, "reach", 60, NOON)
    for mean, variance, number in (week("reach"), hour("reach")):
        assert mean == pytest.approx(11)
        # 49/50 of (0 + 50²/50)
        assert variance == pytest.approx(49)
        assert number == 61


@pytest.mark.django_db
def test_each_hour_has_its_own_and_the_week_has_them_all() -> None:
    measures.measure(QUEUE, "handling", 100, NOON)
    measures.measure(QUEUE, "handling", 200, NOON + timedelta(hours=1))
    measures.measure(QUEUE, "handling", 300, NOON + timedelta(days=7))
    assert hour("handling", 12) == (200, 10_000, 2)
    assert hour("handling", 13) == (200, 0, 1)
    assert week("handling")[0] == pytest.approx(200)


@pytest.mark.parametrize(
    ("at", "hour"),
    [
        (datetime(2026, 3, 2, 12, 59, tzinfo=UTC), 13),
        (datetime(2026, 3, 1, 23, 0, tzinfo=UTC), 0),
        (datetime(2026, 3, 1, 22, 59, tzinfo=UTC), 167),
        # Summer time: two hours before UTC.
        (datetime(2026, 7, 6, 12, 0, tzinfo=UTC), 14),
    ],
)
def test_hours_are_those_of_the_site(settings: Any, at: datetime, hour: int) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    assert measures.hour_of_week(at) == hour


@pytest.mark.django_db
def test_clocks_that_disagree_measure_nothing_negative() -> None:
    measures.measure(QUEUE, "reach", -0.5, NOON)
    assert week("reach") == hour("reach") == (0, 0, 1)


@pytest.mark.django_db
def test_several_kinds_are_one_statement_and_a_kind_that_comes_twice_is_not_lost(
    django_assert_num_queries: Any,
) -> None:
    with django_assert_num_queries(1):
        measures.measure_all(QUEUE, [("reach", 18.0), ("no_show", 0.0)], NOON)
    with django_assert_num_queries(2):
        measures.measure_all(QUEUE, [("no_show", 1.0), ("no_show", 1.0), ("handling", 60.0)], NOON)
    with django_assert_num_queries(0):
        measures.measure_all(QUEUE, [], NOON)
    assert week("no_show")[0] == hour("no_show")[0] == pytest.approx(2 / 3)
    assert (week("reach")[2], week("handling")[2], week("no_show")[2]) == (1, 1, 3)


@pytest.mark.django_db
def test_figures_are_of_the_hour_where_it_has_enough(django_assert_num_queries: Any) -> None:
    for number in range(measures.ENOUGH_FOR_AN_HOUR):
        measures.measure(QUEUE, "handling", 300, NOON + timedelta(hours=1))
        found = measures.figures([QUEUE], NOON + timedelta(hours=1))[QUEUE]["handling"]
        assert found.measured == number + 1
    for _ in range(30):
        measures.measure(QUEUE, "handling", 100, NOON)
    with django_assert_num_queries(1):
        at_one = measures.figures([QUEUE, "Sales_VQ"], NOON + timedelta(hours=1))
    assert at_one == {QUEUE: {"handling": measures.Figure(300, 0, 10)}, "Sales_VQ": {}}
    assert measures.figures([QUEUE], NOON)[QUEUE]["handling"].mean == pytest.approx(100)
    at_two = measures.figures([QUEUE], NOON + timedelta(hours=2))[QUEUE]["handling"]
    assert at_two.mean == pytest.approx(week("handling")[0]) == pytest.approx(150)
    assert at_two.measured == 40
