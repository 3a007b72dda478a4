"""Supervisors set the state of agents: what is taken up at once, what later, what is refused, and what is written."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from telephony import agents, forcing
from telephony.forcing import AlreadySo, Moved, Wish
from telephony.models import Agent, ForcedChange, Place
from tests.factories import NOON, AgentFactory

pytestmark = pytest.mark.django_db

State = Agent.State
MINUTE = timedelta(minutes=1)


@pytest.fixture
def kate() -> Agent:
    """Ready since a minute."""
    return AgentFactory.create(name="kate", state=State.READY, state_since=NOON - MINUTE)


def force(agent: Agent, wish: Wish, **said: Any) -> ForcedChange:
    agent.refresh_from_db()
    given: dict[str, Any] = {
        "reason": "",
        "why": "Fire drill",
        "by": "sam",
        "now": NOON,
        "shown": forcing.seen(agent),
    } | said
    return forcing.force(agent.pk, wish, **given)


def row_of(agent: Agent) -> tuple[str, str, str, str]:
    agent.refresh_from_db()
    return agent.state, agent.reason, agent.next_state, agent.next_reason


def reserve(agent: Agent) -> None:
    Agent.objects.filter(pk=agent.pk).update(
        state=State.ON_CALL, reserved_for="369-1", reservation="r1", state_since=NOON - MINUTE
    )


def test_at_once(kate: Agent) -> None:
    change = force(kate, Wish.NOT_READY, reason="Meeting")
    assert row_of(kate) == (State.NOT_READY, "Meeting", "", "")
    assert kate.state_since == NOON
    assert (change.agent_name, change.by, change.why, change.at) == ("kate", "sam", "Fire drill", NOON)
    assert (change.before, change.state, change.reason, change.is_later) == ("ready", "not_ready", "Meeting", False)
    force(kate, Wish.LOGGED_OUT, now=NOON + MINUTE)
    assert row_of(kate) == (State.LOGGED_OUT, "", "", "")
    # The reason belongs to not ready alone.
    force(kate, Wish.READY, reason="Meeting", now=NOON + 2 * MINUTE)
    assert row_of(kate) == (State.READY, "", "", "")
    assert ForcedChange.objects.count() == 3


def test_on_a_call_it_is_taken_up_after_it(kate: Agent) -> None:
    reserve(kate)
    assert force(kate, Wish.NOT_READY, reason="Meeting").is_later
    assert row_of(kate) == (State.ON_CALL, "", State.NOT_READY, "Meeting")
    agents.release("r1", NOON + MINUTE)
    assert row_of(kate) == (State.NOT_READY, "Meeting", "", "")


def test_what_is_set_at_the_moment_of_the_release_counts(kate: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release has read the agent, and waits for the lock of whoever sets their state."""
    reserve(kate)
    carry_out = agents._release

    def released_late(agent: Agent, now: datetime) -> None:
        force(kate, Wish.LOGGED_OUT)
        carry_out(agent, now)

    monkeypatch.setattr(agents, "_release", released_late)
    agents.release("r1", NOON + MINUTE)
    assert row_of(kate) == (State.LOGGED_OUT, "", "", "")


def test_what_has_moved_on_is_refused(kate: Agent) -> None:
    shown = forcing.seen(kate)
    reserve(kate)
    before = row_of(kate)
    with pytest.raises(Moved) as moved:
        force(kate, Wish.LOGGED_OUT, shown=shown)
    assert moved.value.agent.state == State.ON_CALL
    assert row_of(kate) == before
    assert not ForcedChange.objects.exists()


@pytest.mark.parametrize("column", ["state_since", "reservation", "next_reason"])
def test_the_same_state_anew_is_another_one(kate: Agent, column: str) -> None:
    Agent.objects.filter(pk=kate.pk).update(next_state=State.NOT_READY, next_reason="Lunch")
    kate.refresh_from_db()
    shown = forcing.seen(kate)
    value = NOON if column == "state_since" else "other"
    Agent.objects.filter(pk=kate.pk).update(**{column: value})
    with pytest.raises(Moved):
        force(kate, Wish.LOGGED_OUT, shown=shown)
    assert not ForcedChange.objects.exists()


def test_what_is_so_already_is_refused(kate: Agent) -> None:
    with pytest.raises(AlreadySo):
        force(kate, Wish.READY)
    force(kate, Wish.NOT_READY, reason="Lunch")
    with pytest.raises(AlreadySo):
        force(kate, Wish.NOT_READY, reason="Lunch")
    # For another reason it is something else.
    force(kate, Wish.NOT_READY, reason="Meeting", now=NOON + MINUTE)
    Agent.objects.filter(pk=kate.pk).update(state=State.READY, reason="")
    reserve(kate)
    with pytest.raises(AlreadySo):
        force(kate, Wish.READY)
    assert ForcedChange.objects.count() == 2


def test_somebody_else_sits_there(kate: Agent) -> None:
    desk = Place.objects.create(name="Desk1", switch=kate.switch, phone="sim:desk1")
    Agent.objects.filter(pk=kate.pk).update(state=State.LOGGED_OUT, place=desk)
    AgentFactory.create(name="omar", state=State.READY, place=desk)
    before = row_of(kate)
    with pytest.raises(agents.PlaceRefused, match=r"Desk1 is taken by omar\."):
        force(kate, Wish.READY)
    assert row_of(kate) == before
    assert not ForcedChange.objects.exists()


def test_the_agent_is_told_once(kate: Agent) -> None:
    first = force(kate, Wish.NOT_READY, reason="Meeting")
    second = force(kate, Wish.READY, why="It is over", now=NOON + MINUTE)
    assert forcing.untold(kate, NOON + MINUTE) == second
    # What comes meanwhile is still to be told.
    forcing.told(kate, first.pk, NOON + 2 * MINUTE)
    assert forcing.untold(kate, NOON + 2 * MINUTE) == second
    forcing.told(kate, second.pk, NOON + 3 * MINUTE)
    assert forcing.untold(kate, NOON + 3 * MINUTE) is None
    told = ForcedChange.objects.order_by("pk").values_list("told_at", flat=True)
    assert list(told) == [NOON + 2 * MINUTE, NOON + 3 * MINUTE]


def test_yesterday_s_is_not_told(kate: Agent) -> None:
    force(kate, Wish.LOGGED_OUT)
    assert forcing.untold(kate, NOON + forcing.WORTH_TELLING) is None


def test_it_is_kept_for_90_days_also_without_the_agent(kate: Agent) -> None:
    force(kate, Wish.LOGGED_OUT)
    kate.delete()
    assert [str(change) for change in ForcedChange.objects.all()] == ["kate to logged_out by sam"]
    assert forcing.sweep(NOON + forcing.KEPT - MINUTE) == 0
    assert forcing.sweep(NOON + forcing.KEPT) == 1
    assert not ForcedChange.objects.exists()
