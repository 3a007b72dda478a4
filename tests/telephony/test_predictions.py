"""Predictions: made, settled once, judged, learnt from, forgotten."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta
from itertools import accumulate
from statistics import fmean, quantiles
from typing import Any

import pytest
from django.db import connection

from telephony import predictions, queues
from telephony.ewt import Correction, Expectation, learn
from telephony.models import Agent, HourMeasure, Prediction, QueueAccuracy, QueueMeasure
from telephony.predictions import KEPT, Judged, correction_from
from telephony.queueplace import QueuePlace
from tests.factories import NOON, AgentFactory, AgentGroupFactory

QUEUE = "Billing_VQ"
SERVED, LEFT, PUT_OFF = Prediction.Outcome.SERVED, Prediction.Outcome.LEFT, Prediction.Outcome.PUT_OFF


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def hire(*states: Agent.State) -> None:
    group = AgentGroupFactory.create(name="Billing")
    ends = {"wrap_up_until": NOON + timedelta(seconds=90)}
    for state in states:
        busy = ends if state is Agent.State.WRAP_UP else {}
        group.agents.add(AgentFactory.create(state=state, state_since=NOON, **busy))


def join(owner: str, seconds: float = 0) -> QueuePlace:
    place = QueuePlace(
        queue=QUEUE,
        target="Billing@StatServer.GA",
        place_at=later(seconds),
        wants="",
        visit=0,
        reserve_seconds=30,
        granted=False,
    )
    queues.take_place(owner, place, NOON)
    return place


def predict(owner: str, *, held: float = 0.0, is_dialled: bool = True, seconds: float = 0) -> Prediction | None:
    predictions.predict(owner, join(owner, seconds), held=held, is_dialled=is_dialled, now=later(seconds))
    return Prediction.objects.filter(owner=owner, outcome="").first()


def measured(what: str) -> tuple[float, int]:
    row, hour = QueueMeasure.objects.get(what=what), HourMeasure.objects.get(what=what)
    assert (row.seconds, row.measured) == (hour.mean, hour.measured)
    return row.seconds, row.measured


# Made


@pytest.mark.django_db
def test_a_prediction_is_what_the_queue_and_the_customer_allow() -> None:
    hire(Agent.State.WRAP_UP)
    first = predict("ada")
    assert first is not None
    assert (first.queue, first.hour, first.ahead, first.agents) == (QUEUE, 12, 0, 1)
    # The agent's wrap-up ends after 90 s; the customer could be reached after 20 s.
    assert first.ewt == first.plain_ewt == pytest.approx(90, abs=0.5)
    assert (first.earliest, first.waited, first.settled_at) == (20, None, None)

    held = predict("ben", held=3600, seconds=1)
    assert held is not None
    assert (held.ahead, held.earliest, held.ewt, held.p90) == (1, 3620, 3620, 3620)
    assert held.plain_ewt > 90

    agent_first = predict("cyd", is_dialled=False, seconds=2)
    assert agent_first is not None
    assert agent_first.earliest == 0


@pytest.mark.django_db
def test_in_a_rush_not_every_one_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    hire(Agent.State.READY)
    monkeypatch.setattr(predictions, "SPACING", 60.0)
    monkeypatch.setattr(predictions, "_predicted_at", {})
    assert predict("ada") is not None
    assert predict("ben", seconds=1) is None
    monkeypatch.setattr(predictions, "SPACING", 0.0)
    assert predict("cyd", seconds=2) is not None


@pytest.mark.django_db
def test_how_much_ringing_differs_is_in_the_p90() -> None:
    hire(Agent.State.READY)
    QueueMeasure.objects.create(queue=QUEUE, what="reach", seconds=25, variance=100, measured=50, measured_at=NOON)
    made = predict("ada", held=5)
    assert made is not None
    assert (made.plain_ewt, made.ewt) == (0, 30)
    assert made.p90 == pytest.approx(30 + 1.2816 * 10)


@pytest.mark.django_db
def test_what_the_estimator_said_is_kept_without_its_correction() -> None:
    hire(Agent.State.WRAP_UP)
    for what, factor in (("correction", 2.0), ("correction_p90", 2.5)):
        QueueMeasure.objects.create(queue=QUEUE, what=what, seconds=factor, measured_at=NOON)
    made = predict("ada")
    assert made is not None
    assert made.ewt == pytest.approx(180, abs=1)
    assert made.plain_ewt == pytest.approx(90, abs=0.5)
    assert made.p90 == pytest.approx(2.5 * made.plain_p90)


@pytest.mark.django_db
def test_nothing_is_predicted_while_nobody_is_logged_in() -> None:
    hire(Agent.State.LOGGED_OUT)
    assert predict("ada") is None


@pytest.mark.django_db
def test_a_prediction_that_cannot_be_made_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def divide(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("telephony.estimates.forecast", divide)
    assert predict("ada") is None
    assert "the wait of ada in queue Billing_VQ could not be predicted" in caplog.text


@pytest.mark.django_db
def test_a_new_one_takes_the_place_of_one_that_was_left_open() -> None:
    hire(Agent.State.WRAP_UP)
    predict("ada")
    again = predict("ada", seconds=30)
    assert again is not None
    assert (Prediction.objects.count(), again.made_at) == (1, later(30))
    assert again.plain_ewt == pytest.approx(60, abs=0.5)


# Settled


@pytest.mark.django_db
def test_it_is_settled_once_in_one_statement(django_assert_num_queries: Any) -> None:
    hire(Agent.State.WRAP_UP)
    predict("ada")
    with django_assert_num_queries(1):
        predictions.settle("ada", SERVED, later(95.5))
    predictions.settle("ada", LEFT, later(200))
    row = Prediction.objects.get(owner="ada")
    assert (row.outcome, row.waited, row.settled_at) == ("served", 95.5, later(95.5))
    assert (measured("abandoned"), measured("waited")) == ((0, 1), (95.5, 1))


@pytest.mark.django_db
def test_who_leaves_is_counted_as_such_and_has_no_wait_to_judge() -> None:
    hire(Agent.State.WRAP_UP)
    for owner, outcome, seconds in (("ada", SERVED, 60), ("ben", LEFT, 30), ("cyd", PUT_OFF, 10)):
        predict(owner)
        predictions.settle(owner, outcome, later(seconds))
    found = {row.owner: (row.outcome, row.waited) for row in Prediction.objects.all()}
    assert found == {"ada": ("served", 60), "ben": ("left", None), "cyd": ("put_off", None)}
    # Half of those who stood in the line left it, after 45 s in the mean; one put off says nothing of either.
    assert (measured("abandoned"), measured("waited")) == ((0.5, 2), (45, 2))


@pytest.mark.django_db
def test_who_was_predicted_nothing_is_not_settled() -> None:
    predictions.settle("nobody", SERVED, NOON)
    assert not QueueMeasure.objects.exists()
    assert not HourMeasure.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_settle_at_once_one_does() -> None:
    hire(Agent.State.WRAP_UP)
    for number in range(20):
        predict(f"owner{number}")
    start = threading.Barrier(4)

    def settle() -> None:
        try:
            start.wait()
            for number in range(20):
                predictions.settle(f"owner{number}", SERVED, later(number))
        finally:
            connection.close()

    threads = [threading.Thread(target=settle) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(Prediction.objects.order_by("waited").values_list("waited", flat=True)) == list(range(20))
    # Each once in the measures as well.
    assert QueueMeasure.objects.get(what="waited").measured == 20


@pytest.mark.django_db
def test_the_owner_is_forgotten_and_the_figures_stay(django_assert_num_queries: Any) -> None:
    hire(Agent.State.WRAP_UP)
    for owner in ("ada", "ben", "cyd"):
        predict(owner)
    predictions.settle("ada", SERVED, later(60))
    with django_assert_num_queries(1):
        predictions.forget(["ada", "ben", "nobody"])
    found = sorted(Prediction.objects.values_list("owner", "outcome", "waited"))
    assert found == [("", "put_off", None), ("", "served", 60), ("cyd", "", None)]
    # Many may be open and forgotten.
    predictions.forget(["cyd"])


# Judged


def settled(waited: float | None, *, ewt: float = 100, p90: float = 200, ago: timedelta, **fields: Any) -> Prediction:
    told: dict[str, Any] = {
        "queue": QUEUE,
        "made_at": NOON - ago - timedelta(minutes=10),
        "hour": 12,
        "ahead": 0,
        "agents": 1,
        "plain_ewt": ewt,
        "plain_p90": p90,
        "earliest": 20,
        "ewt": ewt,
        "p90": p90,
        "outcome": "served" if waited is not None else "left",
        "settled_at": NOON - ago,
        "waited": waited,
    }
    return Prediction.objects.create(**told | fields)


def accuracy(hours: int, queue: str = QUEUE) -> QueueAccuracy:
    return QueueAccuracy.objects.get(queue=queue, hours=hours)


@pytest.mark.django_db
def test_who_is_served_at_once_has_waited_no_longer_than_told() -> None:
    for waited in (0.3, 1.0, 1.1):
        settled(waited, ewt=0, p90=0, ago=timedelta(hours=1))

    predictions.judge(NOON)

    assert accuracy(24).within_p90 == pytest.approx(2 / 3)


@pytest.mark.django_db
def test_errors_are_those_of_a_pocket_calculator() -> None:
    hour, two_days = timedelta(hours=1), timedelta(days=2)
    # Errors of the last day: 10, -50, 0, 30, -160. Two of five waited longer than their p90.
    for ewt, p90, waited in [(100, 200, 90), (100, 140, 150), (0, 0, 0), (60, 90, 30), (40, 80, 200)]:
        settled(waited, ewt=ewt, p90=p90, ago=hour)
    settled(None, ago=hour)
    settled(None, ago=hour, outcome="put_off")
    settled(None, ago=hour, outcome="put_off")
    # And two days ago +100.
    settled(300, ewt=400, p90=500, ago=two_days)
    settled(999, ago=timedelta(days=8))
    settled(25, ewt=20, p90=30, ago=hour, queue="Sales_VQ")
    # Still open: not known yet.
    settled(None, ago=hour, outcome="", settled_at=None, owner="ada")

    predictions.judge(NOON)

    day, week = accuracy(24), accuracy(168)
    assert (day.judged, day.abandoned, day.put_off) == (5, 1, 2)
    assert day.bias == pytest.approx((10 - 50 + 0 + 30 - 160) / 5) == pytest.approx(-34)
    assert day.mean_absolute == pytest.approx((10 + 50 + 0 + 30 + 160) / 5) == pytest.approx(50)
    # Of 0, 10, 30, 50, 160 the 0.9 quantile lies 0.6 of the way from the fourth to the fifth.
    assert day.p90_absolute == pytest.approx(50 + 0.6 * 110)
    assert day.within_p90 == pytest.approx(3 / 5)
    assert (week.judged, week.abandoned, week.put_off) == (6, 1, 2)
    assert week.bias == pytest.approx(-70 / 6)
    assert week.mean_absolute == pytest.approx(350 / 6)
    errors = [10, 50, 0, 30, 160, 100]
    assert week.p90_absolute == pytest.approx(quantiles(errors, n=10, method="inclusive")[-1])
    assert accuracy(24, "Sales_VQ").bias == -5


@pytest.mark.django_db
def test_figures_of_which_nothing_is_left_go() -> None:
    settled(90, ago=timedelta(hours=1))
    predictions.judge(NOON)
    assert QueueAccuracy.objects.count() == 2
    predictions.judge(NOON + timedelta(days=1))
    assert [row.hours for row in QueueAccuracy.objects.all()] == [168]
    predictions.judge(NOON + timedelta(days=8))
    assert not QueueAccuracy.objects.exists()


@pytest.mark.django_db
def test_where_nobody_was_served_there_is_no_error() -> None:
    settled(None, ago=timedelta(hours=1))
    predictions.judge(NOON)
    day = accuracy(24)
    assert (day.judged, day.abandoned) == (0, 1)
    assert (day.bias, day.mean_absolute, day.p90_absolute, day.within_p90) == (None, None, None, None)


@pytest.mark.django_db
def test_old_ones_are_removed_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "DELETE_BATCH", 3)
    for minutes in range(5):
        settled(90, ago=KEPT + timedelta(minutes=minutes))
    settled(None, ago=KEPT, outcome="", settled_at=None, owner="open")
    young = settled(90, ago=KEPT - timedelta(hours=1))
    assert [predictions.judge(NOON) for _ in range(3)] == [3, 3, 0]
    assert list(Prediction.objects.all()) == [young]


@pytest.mark.django_db
def test_judging_costs_the_same_for_many(django_assert_num_queries: Any) -> None:
    for number in range(40):
        settled(90, ago=timedelta(hours=1), queue=f"VQ{number % 8}")
    # Begin and end of the transaction; the errors, what is gone, the last ones, the corrections; the old ones.
    with django_assert_num_queries(7):
        predictions.judge(NOON)


# Learnt from


@pytest.mark.django_db
def test_the_correction_is_learnt_from_waits_that_the_queue_made() -> None:
    for minute in range(60):
        settled(150, ewt=100, p90=120, ago=timedelta(minutes=minute + 1))
        # The customer's phone rang for longer than the queue took: says nothing of it.
        settled(35, ewt=20, p90=35, plain_ewt=5, earliest=20, ago=timedelta(minutes=minute + 1))
    predictions.judge(NOON)
    plain = [Judged(Expectation(100, 120), 150)] * 60
    found = {row.what: row for row in QueueMeasure.objects.all()}
    assert found["correction"].seconds == pytest.approx(correction_from(plain).ewt)
    assert found["correction_p90"].seconds == pytest.approx(correction_from(plain).p90)
    assert found["correction"].measured == 60
    assert 1.2 < found["correction"].seconds < 1.6


@pytest.mark.django_db
def test_the_last_ones_count_in_the_order_in_which_they_were_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "LEARNT_FROM", 2)
    for minutes, waited in ((1, 300), (2, 50), (3, 300)):
        settled(waited, ago=timedelta(minutes=minutes))
    predictions.judge(NOON)
    last = [Judged(Expectation(100, 200), waited) for waited in (50, 300)]
    assert QueueMeasure.objects.get(what="correction").seconds == pytest.approx(correction_from(last).ewt)


def waits(truth: float, number: int, seed: int = 7) -> list[Judged]:
    """Waits that are lognormal about `truth` times what was said."""
    chance = random.Random(seed)
    return [Judged(Expectation(100, 160), 100 * truth * chance.lognormvariate(0, 0.4)) for _ in range(number)]


@pytest.mark.parametrize("truth", [0.5, 0.8, 1.0, 1.25, 2.0])
def test_the_correction_finds_the_truth_and_stays_there(truth: float) -> None:
    judged = waits(truth, 3000)
    path = [correction_from(judged[start : start + 500]).ewt for start in range(0, 2500, 50)]
    assert fmean(path) == pytest.approx(truth, rel=0.06)
    assert max(path) - min(path) < 0.25 * truth


def test_after_a_change_it_follows_without_swinging() -> None:
    """From half as long as said to twice as long: it rises to the new truth, and not past it and back."""
    judged = waits(0.5, 500) + waits(2.0, 1000, seed=8)
    path = [correction_from(judged[end - 500 : end]).ewt for end in range(500, 1501, 25)]
    assert path[0] == pytest.approx(0.5, rel=0.15)
    assert path[-1] == pytest.approx(2.0, rel=0.15)
    assert max(path) < 2.0 * 1.2
    # What goes down again is chance: some hundredths, as where nothing changes.
    assert all(factor > 0.8 * highest for factor, highest in zip(path, accumulate(path, max), strict=True))


def test_learnt_from_what_was_corrected_too_late_it_would_swing() -> None:
    """Why the plain estimate is kept: the wait is known only long after it was said.

    A correction that goes on from its last value, by predictions that were made with an older one, goes on rising
    while those still say too little.
    """
    delay = 200
    correction, said = Correction(), [Correction()] * delay
    path = []
    for each in waits(2.0, 1500):
        told = said[-delay]
        expected = Expectation(each.plain.ewt * told.ewt, each.plain.p90 * told.p90)
        correction = learn(correction, expected, each.waited)
        said.append(correction)
        path.append(correction.ewt)
    assert max(path) > 2.0 * 1.4
    assert max(correction_from(waits(2.0, 1500)[:end][-500:]).ewt for end in range(1, 1501, 50)) < 2.0 * 1.2


@pytest.mark.parametrize("waited", [0.0, 1e6])
def test_the_correction_is_bounded(waited: float) -> None:
    learnt = correction_from([Judged(Expectation(100, 200), waited)] * 5000)
    assert learnt in {Correction(1 / 3, 1 / 3), Correction(3.0, 3.0)}


def test_nothing_is_learnt_from_nothing() -> None:
    assert correction_from([]) == Correction(1.0, 1.0)
