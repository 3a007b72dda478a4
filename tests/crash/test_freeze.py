"""Whoever freezes, and wherever, finds on thawing that everything was done without them, and does no harm."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from scheduling import tick
from telephony import converge
from tests.crash.guards import never_checked
from tests.crash.performance import FULL, NEVER, own_points, perform
from tests.crash.scenarios import HUMAN, SCENARIOS, Scenario
from tests.crash.theatre import Freezing

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]


def play(scenario: Scenario, at: int, *, soon: bool) -> Freezing:
    """One performance in which the process that comes to point `at` freezes."""
    world = Freezing(at, soon=soon, agents=scenario.agents, options=scenario.options)
    perform(world, scenario)
    return world


def frozen_at_every_point(scenario: Scenario, *, soon: bool) -> int:
    """Let nobody freeze at first, then somebody at each point that is the scenario's own; how many these are.

    All processes freeze in the first scenario, only workers outside of transactions in the others and late: who freezes
    inside of one is as good as dead, and the telephony process does the same in all.
    """
    world = play(scenario, NEVER, soon=soon)
    own: Sequence[int] = own_points(world, scenario)
    if not FULL and not (scenario is HUMAN and soon):
        own = sorted(set(own) & set(world.points.asleep))
    for at in own:
        assert play(scenario, at, soon=soon).points.struck
    return len(own)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_frozen_at_every_point_until_the_next_one_acts(scenario: Scenario) -> None:
    assert frozen_at_every_point(scenario, soon=True)


@pytest.mark.parametrize("scenario", SCENARIOS if FULL else SCENARIOS[:1], ids=str)
def test_frozen_at_every_point_until_all_is_over(scenario: Scenario) -> None:
    assert frozen_at_every_point(scenario, soon=False)


def test_without_the_guard_a_phone_rings_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A performer that froze before the mark makes it again when it thaws, and dials again."""
    monkeypatch.setattr(converge, "_send", never_checked)
    names = play(HUMAN, NEVER, soon=True).points.names
    first_dial = names.index("before dial_leg")
    rung_twice = []
    for at in range(1, first_dial):
        try:
            play(HUMAN, at, soon=True)
        except AssertionError as error:
            assert "rung twice" in str(error)  # noqa: PT017 (which points fail is what is asked)
            rung_twice.append(names[at - 1])
    assert "after create_leg" in rung_twice


def test_a_frozen_tick_does_not_stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server itself takes the lock from a worker that stands still in the middle of a tick."""
    monkeypatch.setattr(tick, "MOST_IDLE", "200ms")
    frozen, sun = threading.Event(), threading.Event()

    def freeze(now: datetime) -> int:
        frozen.set()
        assert sun.wait(30)
        return 0

    def one_tick() -> None:
        try:
            monkeypatch.setattr(tick, "_sources", tick.Sources(every_second=[freeze]))
            tick.tick(timezone.now())
        finally:
            connections["default"].close()

    with ThreadPoolExecutor(1) as worker:
        turn = worker.submit(one_tick)
        assert frozen.wait(30)
        monkeypatch.setattr(tick, "_sources", tick.Sources())
        assert not tick.tick(timezone.now())
        deadline = time.monotonic() + 10
        while not tick.tick(timezone.now()):
            assert time.monotonic() < deadline, "the clock stands still"
            time.sleep(0.05)
        sun.set()
        with pytest.raises((OperationalError, InterfaceError)):
            turn.result(timeout=30)
