"""Agents, their places, skills and groups in Django admin: what can be set, and what stays because it is named."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from services.models import Change
from telephony.models import Agent, AgentSkill, Place, PlaceGroup, Skill, Switch
from tests.factories import AgentFactory, ServiceFactory, SwitchFactory
from tests.pages.test_admin import errors, text_of, url

pytestmark = pytest.mark.django_db

NO_SKILLS = {"skills-TOTAL_FORMS": "0", "skills-INITIAL_FORMS": "0"}


@pytest.fixture
def desk() -> Place:
    switch: Switch = SwitchFactory.create()
    return Place.objects.create(name="Desk1", switch=switch, phone="sim:desk1")


def agent_form(agent: Agent, **changed: object) -> dict[str, str]:
    form = {"name": agent.name, "switch": agent.switch_id, "sip_address": agent.sip_address, "number": "", "place": ""}
    return {key: str(value) for key, value in {**NO_SKILLS, **form, **changed}.items()}


def test_an_agent_gets_a_number_and_a_place(admin_client: Client, desk: Place) -> None:
    kate = AgentFactory.create(name="kate")
    assert errors(admin_client, url(kate), agent_form(kate, number="030 / 41 23", place=desk.pk)) == {}
    kate.refresh_from_db()
    assert (kate.number, kate.place) == ("0304123", desk)
    assert (Change.objects.get().after or {})["place"] == "Desk1"
    assert "sim:desk1 at Desk1" in text_of(admin_client, reverse("admin:telephony_agent_changelist"))
    assert "kate" in text_of(admin_client, reverse("admin:telephony_place_changelist"))


def test_what_is_said_of_a_wrong_number_or_a_place_that_is_taken(admin_client: Client, desk: Place) -> None:
    AgentFactory.create(name="kate", place=desk, state=Agent.State.READY)
    tom = AgentFactory.create(name="tom", state=Agent.State.READY)
    assert errors(admin_client, url(tom), agent_form(tom, number="desk", place=desk.pk)) == {
        "number": ["'desk' was given, allowed is a telephone number of 1 to 31 digits"],
        "place": ["kate works at Desk1 now: choose a place where nobody does."],
    }
    Agent.objects.filter(name="tom").update(state=Agent.State.LOGGED_OUT)
    assert errors(admin_client, url(tom), agent_form(tom, place=desk.pk)) == {}


def test_a_group_of_places(admin_client: Client, desk: Place) -> None:
    add = reverse("admin:telephony_placegroup_add")
    assert errors(admin_client, add, {"name": "Floor2", "places": str(desk.pk)}) == {}
    assert [place.name for place in PlaceGroup.objects.get().places.all()] == ["Desk1"]
    assert Change.objects.get().after == {"places": ["Desk1"]}
    assert "Desk1" in text_of(admin_client, reverse("admin:telephony_placegroup_changelist"))


def test_what_a_target_names_stays_under_its_name(admin_client: Client, desk: Place) -> None:
    """Also where it is named inside a list or an expression."""
    floor = PlaceGroup.objects.create(name="Floor2")
    english = Skill.objects.create(name="English")
    service = ServiceFactory.create(
        name="voice",
        options={
            "_target": "[{'target':'Floor2@.GP','timeout':9},"
            "{'target':'Desk1@.AP','timeout':9},{'target':'?:English>1'}]"
        },
    )
    for row in (desk, floor, english):
        assert f"{row} is used: service voice, option _target" in text_of(admin_client, url(row, "delete"))
        admin_client.post(url(row, "delete"), {"post": "yes"})
        assert type(row)._default_manager.exists()
        assert 'name="name"' not in admin_client.get(url(row)).content.decode()
    service.delete()
    for row in (floor, desk, english):
        assert 'name="name"' in admin_client.get(url(row)).content.decode()
        admin_client.post(url(row, "delete"), {"post": "yes"})
        assert not type(row)._default_manager.exists()


def test_a_skill_that_agents_have_stays(admin_client: Client) -> None:
    english = Skill.objects.create(name="English")
    AgentSkill.objects.create(agent=AgentFactory.create(name="kate"), skill=english, level=20)
    assert "English is used: agent kate" in text_of(admin_client, url(english, "delete"))
    assert "English 20" in text_of(admin_client, reverse("admin:telephony_agent_changelist"))


def test_agents_are_found_by_skill_and_by_place(admin_client: Client, desk: Place) -> None:
    english = Skill.objects.create(name="English")
    kate = AgentFactory.create(name="kate", place=desk)
    AgentSkill.objects.create(agent=kate, skill=english, level=20)
    AgentSkill.objects.create(agent=kate, skill=Skill.objects.create(name="Loans"), level=20)
    AgentFactory.create(name="tom")
    for query in (f"?skills__skill__id__exact={english.pk}", "?q=Desk1"):
        response = admin_client.get(reverse("admin:telephony_agent_changelist") + query)
        assert [agent.name for agent in response.context["cl"].result_list] == ["kate"], query
