"""What an agent asked for while they were reserved or on a call comes true when they are given back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from telephony import agents
from telephony.models import Agent
from tests.factories import AgentFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
WISHES = {
    "logged_out": (agents.log_out, ()),
    "not_ready": (agents.go_not_ready, ("Lunch",)),
}


@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("not_ready_reason", ["", "no answer"])
def test_who_asked_to_leave_leaves_however_the_call_ended(wish: str, not_ready_reason: str) -> None:
    kate = AgentFactory.create(name="kate", state="reserved", reserved_for="ada", reservation="r1")
    ask, reason = WISHES[wish]
    with pytest.raises(agents.AgentBusy):
        ask(kate, *reason, NOON)  # type: ignore[operator]
    agents.release("r1", NOON, not_ready_reason=not_ready_reason)
    kate.refresh_from_db()
    assert (kate.state, kate.reason) == (wish, "".join(reason))
    assert (kate.reserved_for, kate.next_state, kate.next_reason) == (None, "", "")


def test_the_wrap_up_comes_first() -> None:
    kate = AgentFactory.create(name="kate", state="on_call", reserved_for="ada", reservation="r1")
    with pytest.raises(agents.AgentBusy):
        agents.log_out(kate, NOON)
    agents.release("r1", NOON, wrap_up=timedelta(seconds=10))
    kate.refresh_from_db()
    assert (kate.state, kate.next_state, kate.wrap_up_for) == ("wrap_up", "logged_out", "ada")
    assert agents.end_wrap_ups(NOON + timedelta(seconds=10)) == 1
    assert Agent.objects.get().state == "logged_out"


def test_who_asked_for_nothing_becomes_what_the_call_says() -> None:
    AgentFactory.create(name="kate", state="reserved", reserved_for="ada", reservation="r1")
    agents.release("r1", NOON, not_ready_reason="no answer")
    kate = Agent.objects.get()
    assert (kate.state, kate.reason) == ("not_ready", "no answer")
