"""The list on the admin's start page that leads to the first callback."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from services.models import ApiKey
from telephony.templatetags.getting_started import in_order_of_use, steps
from tests.factories import (
    AgentFactory,
    AgentGroupFactory,
    RoutePointFactory,
    ServiceFactory,
    VirtualQueueFactory,
)

pytestmark = pytest.mark.django_db


def done() -> list[bool]:
    return [step.done for step in steps()]


def test_each_step_is_done_when_it_works_and_the_list_goes_with_the_last(admin_client: Client) -> None:
    assert done() == [False] * 7
    assert "Getting started" in admin_client.get("/admin/").content.decode()
    RoutePointFactory.create()
    assert done() == [True, True, False, False, False, False, False]
    VirtualQueueFactory.create()
    group = AgentGroupFactory.create()
    assert done() == [True, True, True, False, False, False, False]
    group.agents.add(AgentFactory.create(name="kate"))
    unfinished = ServiceFactory.create(options={})
    assert done() == [True, True, True, True, True, False, False]
    assert steps()[5].url == f"/admin/services/configuredservice/{unfinished.pk}/change/"
    ServiceFactory.create(name="voice")
    ApiKey.objects.create_key(name="looks only", scopes=["query"])
    assert done() == [True, True, True, True, True, True, False]
    ApiKey.objects.create_key(name="web site", scopes=["start"])
    assert done() == [True] * 7
    assert "Getting started" not in admin_client.get("/admin/").content.decode()


def test_who_may_not_take_the_steps_is_not_asked_to(client: Client) -> None:
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_configuredservice"))
    client.force_login(viewer)
    page = client.get("/admin/").content.decode()
    assert "Configured services" in page
    assert "Getting started" not in page


def test_what_is_needed_most_stands_first() -> None:
    apps: list[dict[str, Any]] = [
        {"app_label": "auth", "models": []},
        {"app_label": "other", "models": []},
        {"app_label": "services", "models": [{"object_name": "ApiKey"}, {"object_name": "ConfiguredService"}]},
    ]
    ordered = in_order_of_use(apps)
    assert [app["app_label"] for app in ordered] == ["services", "auth", "other"]
    assert [model["object_name"] for model in ordered[0]["models"]] == ["ConfiguredService", "ApiKey"]
