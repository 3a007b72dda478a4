"""What the page of a service shows of a target while it is typed: whom it means now, and how a list goes on."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from services.models import ConfiguredService
from telephony.models import Agent, AgentGroup, AgentSkill, Skill
from tests.factories import AgentFactory, ServiceFactory, UserFactory, VirtualQueueFactory

pytestmark = pytest.mark.django_db

LIST = (
    '[{"target": "Billing@.GA", "timeout": 30, "clear": false, "stat_to_check": "RStatAgentsReady",'
    ' "stat_operator": "<", "stat_value": "1"},'
    ' {"target": "?:English>=20", "timeout": "45", "clear": %s},'
    ' {"target": "tom@.A"}]'
)


@pytest.fixture
def service() -> ConfiguredService:
    """Kate and Omar are of Billing and know English, Kate better; Tom is of no group."""
    VirtualQueueFactory.create()
    kate = AgentFactory.create(name="kate", state=Agent.State.READY)
    omar = AgentFactory.create(name="omar", state=Agent.State.NOT_READY, reason="lunch")
    AgentFactory.create(name="tom")
    AgentGroup.objects.create(name="Billing").agents.set([kate, omar])
    english = Skill.objects.create(name="English")
    AgentSkill.objects.bulk_create(
        [AgentSkill(agent=kate, skill=english, level=20), AgentSkill(agent=omar, skill=english, level=5)]
    )
    return ServiceFactory.create(name="voice")


def where(service: ConfiguredService, option: str = "_target") -> str:
    return reverse("admin:services_configuredservice_option", args=[service.pk, option])


def preview(client: Client, service: ConfiguredService, target: str) -> list[str]:
    """The paragraphs of the answer."""
    response = client.post(where(service), {"option_target": target, "option_urs_virtual_queue": "Billing_VQ"})
    assert response.status_code == 200
    paragraphs = re.findall(r"<p.*?</p>", response.content.decode(), re.DOTALL)
    return [re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", each))).strip() for each in paragraphs]


def test_whom_one_target_means_now(admin_client: Client, service: ConfiguredService) -> None:
    assert preview(admin_client, service, "Billing@StatServer.GA") == [
        "1 of 2 agents could take a call now.",
        "Billing@StatServer.GA group of agents",
        "2 agents, 2 logged in, 1 ready: kate ready, omar not ready (lunch)",
    ]
    assert preview(admin_client, service, "?:English<10")[0] == ("Nobody is ready now; 1 of 2 agents is logged in.")
    assert preview(admin_client, service, "tom@.A")[0] == "Nobody is logged in now, of 1 agent."
    assert preview(admin_client, service, "zoe@.A")[0] == "Nobody matches now."


def test_how_a_list_goes_on(admin_client: Client, service: ConfiguredService) -> None:
    found = preview(admin_client, service, LIST % "true")
    assert found[0] == (
        "1 of 3 agents could take a call now. So the list would go on as things are now, in minutes and seconds."
    )
    assert found[2::3] == [
        "Looked for from 0:00 to 1:15. Skipped while RStatAgentsReady < 1, it is 1 now.",
        "Looked for from 0:30 to 1:15.",
        "Looked for from 1:15 on.",
    ]
    assert preview(admin_client, service, LIST % "false")[2] == (
        "Looked for from 0:00 on. Skipped while RStatAgentsReady < 1, it is 1 now."
    )


def test_what_is_skipped_as_things_are_now(admin_client: Client, service: ConfiguredService) -> None:
    Agent.objects.update(state=Agent.State.LOGGED_OUT)
    assert preview(admin_client, service, LIST % "true")[2::3] == [
        "Skipped: RStatAgentsReady < 1, it is 0 now.",
        "Looked for from 0:00 to 0:45.",
        "Looked for from 0:45 on.",
    ]


def test_many_agents_are_counted_and_the_first_are_named(admin_client: Client, service: ConfiguredService) -> None:
    AgentGroup.objects.get().agents.set([AgentFactory.create(name=f"agent{number:02}") for number in range(12)])
    [_, _, who] = preview(admin_client, service, "Billing@.GA")
    assert who.startswith("12 agents, 0 logged in, 0 ready: agent00 logged out, agent01")
    assert who.endswith("agent09 logged out and 2 more")


def test_what_cannot_be_shown(admin_client: Client, service: ConfiguredService) -> None:
    assert preview(admin_client, service, "?:English>") == ["There is no preview: the text cannot be read yet."]
    assert preview(admin_client, service, "$group$@.GA") == [
        "There is no preview: it is known only when a request fills it in."
    ]
    check = reverse("admin:services_configuredservice_check", args=[service.pk])
    said = admin_client.post(check, {"option_target": "?:English>"}).json()["option_target"]["errors"]
    assert said == ["Option _target: nothing was given, allowed is a whole number of at most 9 digits at column 11."]


def test_only_those_who_may_change_services_see_agents(client: Client, service: ConfiguredService) -> None:
    anna: User = UserFactory.create(is_staff=True)
    anna.user_permissions.add(Permission.objects.get(codename="view_configuredservice"))
    assert client.post(where(service)).status_code == 302
    client.force_login(anna)
    assert client.post(where(service)).status_code == 403
    anna.user_permissions.add(Permission.objects.get(codename="change_configuredservice"))
    assert client.post(where(service), {"option_target": "kate@.A"}).status_code == 200
    assert client.get(where(service)).status_code == 405
    assert client.post(where(service, "_ttl")).status_code == 404
    assert client.post(where(service, "_nothing")).status_code == 404


def test_the_page_asks_for_the_preview(admin_client: Client, service: ConfiguredService) -> None:
    page = admin_client.get(reverse("admin:services_configuredservice_change", args=[service.pk])).content.decode()
    assert page.count(f'data-url="{where(service)}"') == 1
    assert page.count('class="option-preview"') == 1
