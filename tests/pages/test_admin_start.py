"""The admin's start page says what must still be configured; its head leads back to the site."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from callbacks import checklist
from services.models import ApiKey, ConfiguredService, Section
from telephony.models import Agent, Switch
from tests.factories import (
    AgentFactory,
    AgentGroupFactory,
    CallbackFactory,
    JobFactory,
    RoutePointFactory,
    ServiceFactory,
    UserFactory,
    VirtualQueueFactory,
    supervisor,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

START = "/admin/"


def found() -> dict[str, checklist.Check]:
    return {check.text: check for check in checklist.checks(timezone.now())}


def done() -> set[str]:
    return {text for text, check in found().items() if check.done}


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def service() -> ConfiguredService:
    RoutePointFactory.create()
    VirtualQueueFactory.create()
    return ServiceFactory.create(name="voice")


def test_nothing_is_done_where_nothing_is_configured() -> None:
    # Nobody is asked by a push, so none has to be sent.
    assert done() == {"Notification providers"}
    assert all(check.why for check in found().values())


def test_a_simulator_is_no_switch() -> None:
    Switch.objects.create(name="PBX", kind="simulator")
    assert found()["A telephone switch"].found == "There is only a simulator."
    Switch.objects.create(name="Asterisk", kind="asterisk", ari_url="http://pbx:8088", ari_user="a", ari_password="b")
    assert "A telephone switch" in done()


def test_a_service_whose_target_is_nobody_is_named(service: ConfiguredService) -> None:
    assert found()["Callback services that can work"].found == "Not ready: voice."
    assert found()["Targets that match somebody"].found == "Nobody for: voice."
    AgentGroupFactory.create().agents.add(AgentFactory.create(name="kate"))
    assert {"Callback services that can work", "Targets that match somebody"} <= done()


def test_many_are_counted_instead_of_named(service: ConfiguredService) -> None:
    for number in range(1, 6):
        ServiceFactory.create(name=f"voice{number}")
    assert found()["Office hours"].found == "Without office hours: voice, voice1, voice2 and 3 more."


def test_what_a_service_may_do_without_limit_is_said(service: ConfiguredService) -> None:
    open_ended = {"Office hours", "Countries that may be called", "A brake on spending"}
    assert not open_ended & done()
    ConfiguredService.objects.create(
        name="office", type="office-hours", options={"_bh_regular1": "Mon-Fri 08:00-17:00"}
    )
    service.options |= {"_business_hours_service": "office"}
    service.save(update_fields=["options"])
    assert open_ended & done() == {"Office hours"}
    Section.objects.create(name="callback", options={"_allowed_countries": "DE,AT", "_max_dials_per_hour": "500"})
    assert open_ended <= done()


def test_agents_need_a_user_and_people_a_role() -> None:
    kate = AgentFactory.create(name="kate")
    assert found()["Agents who can sign in"].found == "Without a user: kate."
    assert "Agents with a phone" in done()
    kate.user = UserFactory.create(username="kate")
    kate.save(update_fields=["user"])
    assert "Agents who can sign in" in done()
    assert found()["Somebody who supervises"].found == "Nobody has the role."
    sue = supervisor()
    assert "Somebody who supervises" in done()
    User.objects.filter(pk=sue.pk).update(is_active=False)
    assert "Somebody who supervises" not in done()
    assert Group.objects.filter(name=checklist.SUPERVISORS).exists()
    Agent.objects.update(sip_address="")
    assert found()["Agents with a phone"].found == "Without one: kate."


def test_a_key_that_starts_callbacks_or_none_is_needed(settings: Settings) -> None:
    ApiKey.objects.create_key(name="looks only", scopes=["query"])
    assert "A key for clients" not in done()
    settings.API_ALLOW_ANONYMOUS = True
    assert "A key for clients" in done()
    settings.API_ALLOW_ANONYMOUS = False
    ApiKey.objects.create_key(name="web site", scopes=["start"])
    assert "A key for clients" in done()


def test_a_provider_that_cannot_be_used_is_said() -> None:
    Section.objects.create(name="push", options={"pushEnabled": "customhttp"})
    check = found()["Notification providers"]
    assert not check.done
    assert "customhttp.url in [push] is empty" in check.found


def test_e_mails_need_a_server(settings: Settings) -> None:
    settings.EMAIL_URL = {}
    assert "A server for e-mails" not in done()
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    assert "A server for e-mails" in done()


def test_the_page_lists_all_of_it_with_links(admin_client: Client, service: ConfiguredService) -> None:
    page = admin_client.get(START).content.decode()
    part = page[page.index('class="module first-steps checklist"') :]
    part = part[: part.index("</section>")]
    assert len(re.findall(r"<li", part)) == 12
    assert "1 of 12 are done." in text_of(part)
    assert len(re.findall(r'<li class="done"', part)) == 1
    assert "Not ready: voice." in text_of(part)
    links = re.findall(r'<a href="([^"]*)"', part)
    # What stands in the environment has no page.
    assert len(links) == 11
    for link in links:
        assert admin_client.get(unescape(link)).status_code == 200


def test_who_may_not_see_it_all_is_not_told(client: Client) -> None:
    client.force_login(UserFactory.create(username="stan", is_staff=True))
    assert "What must I still configure?" not in client.get(START).content.decode()


def test_a_thousand_services_are_not_all_read() -> None:
    ConfiguredService.objects.bulk_create(
        ConfiguredService(name=f"voice{n:04}", type="callback", configuration="User Terminated Immediate", options={})
        for n in range(150)
    )
    assert found()["Office hours"].found == "Without office hours: voice0000, voice0001, voice0002 and 97 more."


@pytest.mark.parametrize("url", [START, "/admin/services/configuredservice/", "/admin/telephony/agent/add/"])
def test_the_head_leads_back_to_the_site(admin_client: Client, url: str) -> None:
    page = admin_client.get(url).content.decode()
    head = page[page.index('<header id="header">') : page.index("</header>")]
    for link in ("/callbacks/", "/estimates/", "/notifications/"):
        assert f'href="{link}"' in head
    assert '<a href="/admin/" aria-current="true">' in head
    assert 'action="/logout/"' in head
    assert "css/admin.css" in page


def test_what_has_a_page_leads_there_from_the_admin_and_back(admin_client: Client, as_sue: Client) -> None:
    service, kate = ServiceFactory.create(name="voice"), AgentFactory.create(name="kate")
    callback, job = CallbackFactory.create(service=service), JobFactory.create()
    office = ConfiguredService.objects.create(
        name="office", type="office-hours", configuration="Custom", options={"_timezone": "Europe/Berlin"}
    )
    for row, page in (
        (service, "/callbacks/?service=voice"),
        (kate, f"/agents/{kate.pk}/"),
        (callback, f"/callbacks/{callback.pk}/"),
        (job, f"/jobs/{job.pk}/"),
        (VirtualQueueFactory.create(), "/estimates/"),
    ):
        in_admin = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        assert f'href="{page}" class="viewsitelink"' in admin_client.get(in_admin).content.decode()
        if str(row.pk) in page:
            assert f'href="{in_admin}"' in admin_client.get(page).content.decode()
            # Who may not open it is not led there.
            assert f'href="{in_admin}"' not in as_sue.get(page).content.decode()
    hours = reverse("admin:services_configuredservice_change", args=[office.pk])
    assert "viewsitelink" not in admin_client.get(hours).content.decode()


def test_a_small_window_has_no_head(admin_client: Client) -> None:
    assert "site-nav" not in admin_client.get("/admin/telephony/switch/add/?_popup=1").content.decode()
