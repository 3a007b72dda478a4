"""The simulation itself is right, and says in a few seconds whether the estimator is."""

from __future__ import annotations

import random
from dataclasses import replace
from math import factorial
from statistics import fmean

import pytest

from telephony import routing
from tests.simulation import report
from tests.simulation.centre import Centre
from tests.simulation.judging import Day, errors, replicate
from tests.simulation.people import Caller, Customer
from tests.simulation.promises import WAYS, keep
from tests.simulation.scenarios import HOUR, SCENARIOS, between, lines_of, options

STEADY = replace(SCENARIOS["steady"], hours=2.5)
RAMP = replace(SCENARIOS["morning ramp"], hours=4.0)


def erlang_c(agents: int, load: float) -> float:
    """The share of callers who wait in a centre of exponential calls, where nobody hangs up; `load` in erlangs."""
    waits = load**agents / factorial(agents) * agents / (agents - load)
    return waits / (sum(load**busy / factorial(busy) for busy in range(agents)) + waits)


class Waits:
    """How long each was on the line until an agent was theirs."""

    def __init__(self, centre: Centre) -> None:
        self.centre, self.seconds = centre, list[float]()

    def joined(self, caller: Caller) -> None: ...

    def served(self, caller: Caller) -> None:
        self.seconds.append(self.centre.env.now - (caller.answered or 0.0))

    def ended(self, caller: Caller) -> None: ...

    def measured(self, caller: Caller, measured: object) -> None: ...

    def tried(self, caller: Caller, *, reached: bool) -> None: ...


def test_the_simulator_waits_as_erlang_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five agents, exponential calls of 180 s, 3.5 erlangs: 38 % of the callers wait, all together 45 s in the mean."""
    agents, call, load, hours = 5, 180.0, 3.5, 50
    monkeypatch.setattr("tests.simulation.centre.ACT", 0.0)
    monkeypatch.setattr("tests.simulation.centre.PICK_UP", (0.0, 0.0))
    line = lines_of(STEADY)[0]
    centre = Centre([line], seed=1)
    waits = Waits(centre)
    centre.watchers.append(waits)
    for number in range(agents):
        centre.log_in(centre.hire(f"agent{number}", ["Billing"]))
    service = options(line, cpd_enable=False, wrap_up_time=0)
    chance = random.Random(1)

    def arrive() -> None:
        rings = (chance.uniform(4, 20),)
        centre.call_back(line, service, Customer(rings, 0.0, float("inf"), chance.expovariate(1 / call)))
        centre.at(centre.env.now + chance.expovariate(load / call), arrive)

    arrive()
    centre.run(until=hours * HOUR)
    waiting = erlang_c(agents, load)
    mean = waiting * call / (agents - load)
    assert (round(waiting, 2), round(mean)) == (0.38, 45)
    assert fmean(seconds > 0.01 for seconds in waits.seconds) == pytest.approx(waiting, abs=0.03)
    assert fmean(waits.seconds) == pytest.approx(mean, rel=0.15)


@pytest.fixture(scope="module")
def days() -> list[Day]:
    """Mornings of ten agents who are busy nearly all the time."""
    return [replicate(STEADY, 10, seed) for seed in (0, 1)]


def assert_ours_errs_least(days: list[Day]) -> None:
    found = {name: [errors(day.judged[name]) for day in days] for name in days[0].judged}
    assert len(found) == 5
    assert min(found, key=lambda name: fmean(one.mean for one in found[name])) == "Callbacksite"
    assert 0.8 <= fmean(one.covered for one in found["Callbacksite"]) <= 0.95


def test_in_a_steady_centre_our_estimator_errs_least(days: list[Day]) -> None:
    assert_ours_errs_least(days)


def test_on_a_morning_with_few_agents_our_estimator_errs_least() -> None:
    assert_ours_errs_least([replicate(RAMP, 10, seed) for seed in (0, 1)])


def test_the_same_seed_is_the_same_day() -> None:
    short = replace(STEADY, hours=1.0)
    first, again, other = (replicate(short, 10, seed) for seed in (5, 5, 6))
    assert first.judged["Callbacksite"]
    assert first == again
    assert first.judged != other.judged


def test_no_ready_agent_idles_beside_a_caller_and_who_starves_is_served_first() -> None:
    """Two hours of far too many callers, of whom half have priority: the others wait for the bound, not for ever."""
    kinds = SCENARIOS["overload"].kinds
    kinds = {"Gold": replace(kinds["Gold"], share=0.8), "Billing": replace(kinds["Billing"], share=0.2)}
    load = between((0, 1.5), (1.2, 1.5), (1.21, 0.2))
    found = replicate(replace(SCENARIOS["overload"], kinds=kinds, load=load, hours=2.5, patience=1e6), 5, seed=1)
    starved = routing.STARVED.total_seconds()
    assert found.longest["Billing"] > starved
    assert found.overtaken == 0


def test_promises_are_kept_better_than_by_the_plain_ways() -> None:
    kept = {way.name: keep(STEADY, 10, 0, way) for way in WAYS}
    scheduled, delayed = kept["scheduled"], kept["delayed"]
    reserve, dial = kept["reserve, then dial"], kept["dial, then queue"]
    assert scheduled.off < min(reserve.off, dial.off)
    assert delayed.held < min(scheduled.held, dial.held)
    assert max(scheduled.lost, delayed.lost) < 5 < reserve.lost


def test_results_come_as_tables_and_plots(days: list[Day]) -> None:
    assert report.markdown([{"scenario": "steady", "MAE s": "7.1"}]).splitlines() == [
        "| scenario | MAE s |",
        "| --- | --- |",
        "| steady | 7.1 |",
    ]
    plot = report.waits("A day", days[0].judged, ("Callbacksite", "Asterisk"))
    assert plot.startswith("<svg")
    assert plot.count("<polyline") == 2
    assert plot.count("<circle") == len(days[0].judged["Callbacksite"])
    assert "Sales &amp; co" in report.bars("Errors", {"Sales & co": {"ours": 3.0, "theirs": 4.0}})
