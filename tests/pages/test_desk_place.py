"""Where an agent sits: the verbs, and what the constraint keeps when two sit down at the same moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from telephony import agents
from telephony.models import Agent, Place
from tests.factories import NOON, AgentFactory, SwitchFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk1() -> Place:
    return Place.objects.create(name="Desk1", switch=SwitchFactory.create(), phone="sim:desk1")


def test_who_sits_at_a_place_is_rung_there(kate: Agent, desk1: Place) -> None:
    agents.sit(kate, desk1)
    kate.refresh_from_db()
    assert (kate.place, kate.phone) == (desk1, "sim:desk1")
    agents.sit(kate, None)
    kate.refresh_from_db()
    assert (kate.place, kate.phone) == (None, "sim:kate")


def test_a_place_is_one_agents_while_they_are_logged_in(kate: Agent, desk1: Place) -> None:
    ann = AgentFactory.create(name="ann", place=desk1, state=Agent.State.NOT_READY)
    with pytest.raises(agents.PlaceRefused, match=r"^Desk1 is taken by ann\.$"):
        agents.sit(kate, desk1)
    kate.refresh_from_db()
    assert kate.place is None

    agents.log_out(ann, timezone.now())
    agents.sit(kate, desk1)
    kate.refresh_from_db()
    assert kate.place == desk1


@pytest.mark.parametrize(
    "log_in",
    [lambda agent: agents.go_ready(agent, NOON), lambda agent: agents.go_not_ready(agent, "Paperwork", NOON)],
    ids=["ready", "not ready"],
)
def test_logging_in_where_somebody_else_now_sits_is_refused(
    kate: Agent, desk1: Place, log_in: Callable[[Agent], None]
) -> None:
    """Kate went home from Desk1 yesterday; ann came first this morning."""
    agents.sit(kate, desk1)
    AgentFactory.create(name="ann", place=desk1, state=Agent.State.READY)
    kate.refresh_from_db()
    with pytest.raises(agents.PlaceRefused, match=r"^Desk1 is taken by ann\.$"):
        log_in(kate)
    kate.refresh_from_db()
    assert (kate.state, kate.reason) == ("logged_out", "")


def test_of_two_who_sit_down_at_once_one_is_told(kate: Agent, desk1: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ann sits down after kate looked and before kate's own row is written."""
    agents.go_ready(kate, timezone.now())
    ann = AgentFactory.create(name="ann", state=Agent.State.READY)
    exists = QuerySet.exists

    def look_then_be_overtaken(self: QuerySet[Agent]) -> bool:
        found = exists(self)
        Agent.objects.filter(pk=ann.pk).update(place=desk1)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(QuerySet, "exists", look_then_be_overtaken)
        with pytest.raises(agents.PlaceRefused, match=r"^Desk1 is taken by ann\.$"):
            agents.sit(kate, desk1)
    kate.refresh_from_db()
    assert (kate.place, kate.state) == (None, "ready")


@pytest.mark.parametrize("state", [Agent.State.RESERVED, Agent.State.ON_CALL])
def test_nobody_moves_during_a_call(kate: Agent, desk1: Place, state: Agent.State) -> None:
    Agent.objects.filter(pk=kate.pk).update(state=state, reserved_for="369-x", reservation="r1")
    with pytest.raises(agents.PlaceRefused, match=r"^You can change your place when the present call is over\.$"):
        agents.sit(kate, desk1)
    kate.refresh_from_db()
    assert kate.place is None
