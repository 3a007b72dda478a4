"""A service whose target, line, route point or office is not there says so: list, form, file and start page alike."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from services.catalogue import effects
from services.configuration import applying
from services.models import ConfiguredService
from services.readiness import Readiness
from telephony.models import RoutePoint, VirtualQueue
from tests.factories import AgentFactory, AgentGroupFactory, RoutePointFactory, ServiceFactory, VirtualQueueFactory

pytestmark = pytest.mark.django_db

LIST = "/admin/services/configuredservice/"
NO_GROUP = "cannot work: _target: there is no agent group Billing"


@pytest.fixture
def service() -> ConfiguredService:
    RoutePointFactory.create()
    VirtualQueueFactory.create()
    return ServiceFactory.create(name="voice")


def problems(service: ConfiguredService) -> list[str]:
    return Readiness().problems(ConfiguredService.objects.get(pk=service.pk))


def test_a_group_that_is_not_there_or_empty_keeps_a_service_from_working(service: ConfiguredService) -> None:
    assert problems(service) == [NO_GROUP]
    group = AgentGroupFactory.create()
    assert problems(service) == ["cannot work: _target: nobody is in the agent group Billing"]
    group.agents.add(AgentFactory.create(name="kate"))
    assert problems(service) == []


def test_an_agent_that_is_not_there_keeps_a_service_from_working(service: ConfiguredService) -> None:
    service.options["_target"] = "kate@StatServer.A"
    service.save(update_fields=["options"])
    assert problems(service) == ["cannot work: _target: there is no agent kate"]
    AgentFactory.create(name="kate")
    assert problems(service) == []


def test_what_went_away_is_named_and_what_a_request_fills_in_is_not_looked_up(service: ConfiguredService) -> None:
    service.options |= {"_target": "$department$@StatServer.GA", "_business_hours_service": "office"}
    service.save(update_fields=["options"])
    RoutePoint.objects.all().delete()
    VirtualQueue.objects.all().delete()
    assert sorted(problems(service)) == [
        "cannot work: _business_hours_service: there is no service office of type office-hours",
        f"cannot work: _route_point: there is no route point {service.options['_route_point']}",
        f"cannot work: _urs_virtual_queue: there is no virtual queue {service.options['_urs_virtual_queue']}",
    ]


def test_list_and_form_say_it(admin_client: Client, service: ConfiguredService) -> None:
    assert NO_GROUP in admin_client.get(LIST).content.decode()
    assert f"{LIST}{service.pk}/change/" in admin_client.get(LIST, {"state": "broken"}).content.decode()
    assert f"{LIST}{service.pk}/change/" not in admin_client.get(LIST, {"state": "ready"}).content.decode()
    page = f"{LIST}{service.pk}/change/"
    form = admin_client.get(page).context["adminform"].form
    assert form.warnings["option_target"] == [NO_GROUP]
    sent = {name: form[name].value() for name in form.fields}
    found = admin_client.post(f"{LIST}{service.pk}/check/", sent).json()
    assert found["option_target"] == {"errors": [], "warnings": [NO_GROUP]}
    saved = admin_client.post(page, sent, follow=True)
    assert f"voice: {NO_GROUP}" in [str(message) for message in saved.context["messages"]]


def test_a_file_may_come_before_its_agents(service: ConfiguredService) -> None:
    given = {"services": {"voice": {"configuration": service.configuration, "options": service.options}}}
    outcome = applying.apply(given, actor="admin", now=timezone.now())
    assert f"services.voice: {NO_GROUP}" in outcome.warnings


def test_a_file_is_told_which_of_its_options_have_no_effect_yet(
    service: ConfiguredService, monkeypatch: pytest.MonkeyPatch
) -> None:
    coming = effects.NoEffect(why="a later release", coming=True, listed="_service_groups")
    never = effects.of_option("callback", "_type")
    monkeypatch.setattr(effects, "of_option", lambda _type, name: coming if name == "_service_groups" else never)
    later = {"_service_groups": "sales", "_type": "ors"}
    given = {"services": {"voice": {"configuration": service.configuration, "options": service.options | later}}}
    outcome = applying.apply(given, actor="admin", now=timezone.now())
    told = [warning for warning in outcome.warnings if "effect" in warning]
    assert told == ["services.voice.options: _service_groups has no effect yet."]


def test_the_list_reads_what_is_configured_once(admin_client: Client, service: ConfiguredService) -> None:
    def looked_up() -> int:
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(LIST)
        return sum(bool(re.search(r'FROM "telephony_', query["sql"])) for query in queries)

    one = looked_up()
    for number in range(5):
        ServiceFactory.create(name=f"voice{number}")
    # Route points, virtual queues, groups; and whether who looks has a desk.
    assert looked_up() == one == 4
