"""Whatever process dies, and wherever: no callback is lost, none is stuck, and no phone rings twice for one attempt."""

from __future__ import annotations

import pytest

from telephony import converge
from tests.crash.guards import never_marked
from tests.crash.performance import NEVER, own_points, perform
from tests.crash.scenarios import HUMAN, NO_ANSWER, SCENARIOS, Scenario
from tests.crash.theatre import Mortal

pytestmark = [pytest.mark.crash, pytest.mark.django_db(transaction=True)]


def play(scenario: Scenario, at: int, *, redelivered: bool = False) -> Mortal:
    """One performance in which the process that comes to point `at` is killed."""
    world = Mortal(at, redelivered=redelivered, agents=scenario.agents, options=scenario.options)
    perform(world, scenario)
    return world


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_killed_at_every_point(scenario: Scenario) -> None:
    """Nobody dies at first, then somebody at each point that is the scenario's own."""
    own = own_points(play(scenario, NEVER), scenario)
    assert len(own) > 8
    for at in own:
        assert play(scenario, at).points.struck


def test_killed_at_every_point_and_the_work_is_handed_out_again() -> None:
    """A broker that sees a worker die gives its message to another one."""
    workers = play(HUMAN, NEVER).points.workers
    assert len(workers) > 40
    for at in workers:
        assert play(HUMAN, at, redelivered=True).points.struck


def test_without_the_guard_a_phone_rings_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A performer that dies after the dial leaves no mark: the next one dials again while the phone still rings."""
    monkeypatch.setattr(converge, "_send", never_marked)
    dials = [at for at, name in enumerate(play(NO_ANSWER, NEVER).points.names, 1) if name == "after dial_leg"]
    for at in dials:
        with pytest.raises(AssertionError, match="rung twice"):
            play(NO_ANSWER, at)
