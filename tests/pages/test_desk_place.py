"""Where an agent sits: the verbs, and what the constraint keeps when two sit down at the same moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from telephony import agents, lease
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


def test_the_desk_offers_places_and_says_who_sits_there(as_kate: Client, kate: Agent, desk1: Place) -> None:
    Place.objects.create(name="Desk2", switch=desk1.switch, phone="sim:desk2")
    AgentFactory.create(name="ann", place=desk1, state=Agent.State.READY)
    page = as_kate.get("/desk/").content.decode()
    assert '<option value="Desk1">Desk1 (taken by ann)</option>' in page
    assert '<option value="Desk2">Desk2</option>' in page
    assert '<option value="" selected>My own phone, sim:kate</option>' in page

    taken = as_kate.post("/desk/place/", {"place": "Desk1"})
    assert taken.status_code == 409
    assert "Desk1 is taken by ann." in taken.content.decode()

    sat = as_kate.post("/desk/place/", {"place": "Desk2"}, follow=True).content.decode()
    assert "You sit at Desk2: its phone rings for you." in sat
    assert "You sit at <strong>Desk2</strong>: <code>sim:desk2</code>" in sat
    assert '<option value="Desk2" selected>Desk2</option>' in sat

    home = as_kate.post("/desk/place/", {"place": ""}, follow=True).content.decode()
    assert "Your own phone rings for you." in home
    assert as_kate.post("/desk/place/", {"place": "Desk3"}).status_code == 400
    kate.refresh_from_db()
    assert kate.place is None


def test_logging_in_at_a_taken_place_is_said_at_the_desk(as_kate: Client, kate: Agent, desk1: Place) -> None:
    Agent.objects.filter(pk=kate.pk).update(place=desk1)
    AgentFactory.create(name="ann", place=desk1, state=Agent.State.READY)
    for act, sent in (("ready", {}), ("not-ready", {"reason": "Paperwork"})):
        answer = as_kate.post(f"/desk/{act}/", sent, headers={"HX-Request": "true"})
        assert "Desk1 is taken by ann." in answer.content.decode()
    kate.refresh_from_db()
    assert kate.state == "logged_out"


def test_without_places_there_is_nothing_to_choose(as_kate: Client) -> None:
    assert "Where I sit" not in as_kate.get("/desk/").content.decode()


def test_the_switch_of_the_place_has_to_be_listened_to(as_kate: Client, kate: Agent, desk1: Place) -> None:
    other = SwitchFactory.create(name="Branch")
    Place.objects.filter(pk=desk1.pk).update(switch=other)
    Agent.objects.filter(pk=kate.pk).update(place=desk1)
    epoch = lease.acquire(switch=kate.switch_id, holder="test") or 0
    lease.renew(switch=kate.switch_id, holder="test", epoch=epoch, connected=True)
    assert "The telephone system <strong>Branch</strong> is not connected" in as_kate.get("/desk/").content.decode()
    epoch = lease.acquire(switch=other.pk, holder="test") or 0
    lease.renew(switch=other.pk, holder="test", epoch=epoch, connected=True)
    assert "is not connected at the moment" not in as_kate.get("/desk/").content.decode()
