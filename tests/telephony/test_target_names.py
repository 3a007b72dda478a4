"""Whom targets name: what is not there keeps a service from working, and what they name says where it is used."""

from __future__ import annotations

import json

import pytest

from services.models import ConfiguredService
from telephony import kinds, remarks, uses
from telephony.models import Agent, AgentGroup, AgentSkill, Place, PlaceGroup, QueueEntry, Skill, Switch
from tests.factories import NOON, ServiceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def kate() -> Agent:
    """Kate of Billing, who knows English and sits at Desk1 on the second floor."""
    switch = Switch.objects.create(name="SIP_Switch")
    desk = Place.objects.create(name="Desk1", switch=switch, phone="sim:desk1")
    PlaceGroup.objects.create(name="Floor2").places.add(desk)
    kate = Agent.objects.create(name="kate", switch=switch, sip_address="sim:kate", place=desk)
    AgentGroup.objects.create(name="Billing").agents.add(kate)
    AgentSkill.objects.create(agent=kate, skill=Skill.objects.create(name="English"), level=20)
    return kate


def missing(text: str) -> str:
    assert kinds.TARGET.missing is not None
    return kinds.TARGET.missing()(text)


def as_list(*texts: str) -> str:
    return json.dumps([{"target": text, "timeout": 30} for text in texts])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kate@.A", ""),
        ("tom@.A", "there is no agent tom"),
        ("Desk1@.AP", ""),
        ("Desk2@.AP", "there is no place Desk2"),
        ("Billing@.GA", ""),
        ("Sales@.GA", "there is no agent group Sales"),
        ("Billing@.GC", ""),
        ("Sales@.GC", "there is no agent group Sales"),
        ("Floor2@.GP", ""),
        ("Floor3@.GP", "there is no place group Floor3"),
        ("?:English=20", ""),
        ("?:French=1|Loans=1&English=20", "there is no skill French, there is no skill Loans"),
        ("?:English>20", "no agent has skills for English>20"),
        (
            as_list("kate@.A", "Sales@.GA", "?:Loans>1", "Sales@.GA"),
            "there is no agent group Sales, there is no skill Loans",
        ),
        # One of a list is enough.
        (as_list("?:English>20", "kate@.A"), ""),
        (
            as_list("?:English>20", "?:English<1"),
            "no agent has skills for English>20, no agent has skills for English<1",
        ),
        # Said of the text itself.
        ("Billing", ""),
    ],
)
def test_what_a_target_names_and_is_not_there(kate: Agent, text: str, said: str) -> None:
    assert missing(text) == said


def test_groups_without_anybody(kate: Agent) -> None:
    kate.delete()
    PlaceGroup.objects.get().places.clear()
    assert missing("Billing@.GA") == missing("Billing@.GC") == "nobody is in the agent group Billing"
    assert missing("Floor2@.GP") == "no place is in the place group Floor2"
    assert missing("Desk1@.AP") == ""
    assert missing("?:English=0") == "no agent has skills for English=0"


def test_what_targets_name_says_where(kate: Agent) -> None:
    """Inside lists and expressions too, and for whom callbacks wait, now or later in their list."""
    everything = as_list("kate@.A", "Desk1@.AP", "Floor2@.GP", "Billing@.GC", "?team:English>1&(English<30|French=0)")
    ServiceFactory.create(name="voice", options={"_target": everything})
    QueueEntry.objects.create(
        owner="369-1", queue="VQ", target=everything, keys=["A:kate"], visit=1, place_at=NOON, reserve_seconds=30
    )
    QueueEntry.objects.create(
        owner="369-2", queue="VQ", target_key="GA:Billing", visit=1, place_at=NOON, reserve_seconds=30
    )
    named = "service voice, option _target"
    assert uses.of_agent(kate) == [named, "callbacks waiting: 1"]
    assert uses.of_place(Place.objects.get()) == [named, "callbacks waiting: 1"]
    assert uses.of_place_group(PlaceGroup.objects.get()) == [named, "callbacks waiting: 1"]
    assert uses.of_group(AgentGroup.objects.get()) == [named, "callbacks waiting: 2"]
    assert uses.of_skill(Skill.objects.get()) == [named, "callbacks waiting: 1"]
    ConfiguredService.objects.all().delete()
    QueueEntry.objects.all().delete()
    assert uses.of_skill(Skill.objects.get()) == uses.of_place(Place.objects.get()) == []
    assert uses.of_agent(kate) == uses.of_group(AgentGroup.objects.get()) == []


def test_a_place_where_somebody_works_is_in_use(kate: Agent) -> None:
    Agent.objects.update(state=Agent.State.READY)
    assert uses.of_place(Place.objects.get()) == ["agent kate sits there"]


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ("61", []),
        (
            "60",
            [
                "_urs_queued_ttl: a callback is given up after 60 s, before its list of targets comes to kate@.A, "
                "unless others are skipped."
            ],
        ),
        (
            "30",
            [
                "_urs_queued_ttl: a callback is given up after 30 s, before its list of targets comes to ?:English=20, "
                "kate@.A, unless others are skipped."
            ],
        ),
        ("$patience$", []),
    ],
)
def test_targets_that_are_never_come_to(limit: str, said: list[str]) -> None:
    texts = {"_target": as_list("Billing@.GA", "?:English=20", "kate@.A"), "_urs_queued_ttl": limit}
    assert [str(warning) for warning in remarks.unreached_targets()(texts)] == said
    assert not list(remarks.unreached_targets()({**texts, "_target": "Billing@.GA"}))


def test_a_list_of_fifteen_can_be_stored(kate: Agent) -> None:
    """Longer than what is kept of texts that were read; nothing else bounds it."""
    text = as_list(*(f"?team {number}:English>{number}&English!=1000@StatServer.GA" for number in range(15)))
    assert len(text) > 500
    service = ServiceFactory.create(name="voice", options={"_target": text})
    assert kinds.TARGET.read(ConfiguredService.objects.get(pk=service.pk).options["_target"]) == text
