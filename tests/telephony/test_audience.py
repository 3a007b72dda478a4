"""Which agents the database finds for targets: those whom the pure rules match, and nobody else."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from telephony import audience
from telephony.models import Agent, AgentGroup, AgentSkill, Place, PlaceGroup, Skill, Switch
from telephony.targets import Profile, Target, target_of
from tests.telephony import people

pytestmark = pytest.mark.django_db


def store(profiles: list[Profile]) -> None:
    """The rows that say this of the agents."""
    switch = Switch.objects.create(name="SIP_Switch")
    skills = {name: Skill.objects.create(name=name) for name in people.SKILLS}
    groups = {name: AgentGroup.objects.create(name=name) for name in people.GROUPS}
    floors = {name: PlaceGroup.objects.create(name=name) for name in people.FLOORS}
    places = {name: Place.objects.create(name=name, switch=switch, phone=f"sim:{name}") for name in people.PLACES}
    floors["Floor1"].places.set(places.values())
    floors["Floor2"].places.set([places["Desk 2"]])
    for profile in profiles:
        agent = Agent.objects.create(
            name=profile.name, switch=switch, sip_address=f"sim:{profile.name}", place=places.get(profile.place)
        )
        agent.groups.set([groups[name] for name in profile.groups])
        AgentSkill.objects.bulk_create(
            [AgentSkill(agent=agent, skill=skills[name], level=level) for name, level in profile.skills.items()]
        )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    profiles=st.tuples(*(people.profiles(name) for name in people.AGENTS)),
    targets=st.lists(people.targets, max_size=3),
)
def test_the_database_finds_whom_the_rules_match(profiles: tuple[Profile, ...], targets: list[Target]) -> None:
    with transaction.atomic():
        store(list(profiles))
        found = list(Agent.objects.filter(audience.agents_of([target.key for target in targets])))
        assert sorted(agent.name for agent in found) == sorted(
            profile.name for profile in profiles if any(target.matches(profile) for target in targets)
        )
        known = audience.profiles(Agent.objects.all())
        transaction.set_rollback(True)
    assert sorted(known.values(), key=lambda one: one.name) == sorted(profiles, key=lambda one: one.name)
    assert all(target_of(target.key) == target for target in targets)


def test_one_statement_tells_what_is_known_of_any_number_of_agents(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    store([Profile(name, "Desk1", frozenset(["Billing"]), skills={"English": 2}) for name in people.AGENTS])
    with django_assert_num_queries(1):
        known = audience.profiles(Agent.objects.all())
    assert len(known) == 3
    with django_assert_num_queries(1):
        assert audience.profile_of("kate") == Profile(
            "kate", "Desk1", frozenset(["Billing"]), frozenset(["Floor1"]), {"English": 2}
        )
    assert audience.profile_of("nobody") is None


def test_an_agent_of_several_of_the_targets_is_found_once() -> None:
    store([Profile("kate", "Desk 2", frozenset(people.GROUPS), skills={"English": 2})])
    keys = ["GA:Billing", "GC:Renewals", "GP:Floor1", "GP:Floor2", "AP:Desk 2", "A:kate", "?:English>1", "?:Loans=0"]
    assert [agent.name for agent in Agent.objects.filter(audience.agents_of(keys))] == ["kate"]


def test_nobody_is_of_no_target() -> None:
    store([Profile("kate")])
    assert not Agent.objects.filter(audience.agents_of([])).exists()
