"""What admins change is written down with its reason, can be looked at, and can be brought back."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from services.models import Change, ConfiguredService, NamedList, Section
from telephony.models import Agent, AgentGroup, Place, RoutePoint, Skill, Switch, VirtualQueue
from tests.factories import AgentFactory, RoutePointFactory, SwitchFactory

pytestmark = pytest.mark.django_db

LOG = "/admin/services/change/"


def page_of(row: object, act: str = "change") -> str:
    meta = type(row)._meta  # type: ignore[attr-defined]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{act}", args=[row.pk])  # type: ignore[attr-defined]


def text_of(client: Client, path: str) -> str:
    page = client.get(path, follow=True).content.decode()
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def make_service(**options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name="voice", configuration="User Terminated Immediate", options={"_ttl": "60", **options}
    )


def change_ttl(client: Client, service: ConfiguredService, ttl: str, why: str) -> Change:
    form = client.get(page_of(service)).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields} | {"option_ttl": ttl, "why": why}
    assert client.post(page_of(service), sent).status_code == 302
    service.refresh_from_db()
    return Change.objects.latest("pk")


def shown_lines(page: Any) -> list[tuple[str, str | None, str | None]]:
    return [(line.path, line.before, line.after) for line in page.context["lines"]]


ROWS = {"rows-TOTAL_FORMS": "3", "rows-INITIAL_FORMS": "0"}


def test_every_admin_of_configuration_writes_the_log(admin_client: Client) -> None:
    switch = SwitchFactory.create()
    kate = AgentFactory.create(name="kate", switch=switch)
    skills = {"skills-TOTAL_FORMS": "0", "skills-INITIAL_FORMS": "0"}
    for model, name, sent in (
        (Switch, "PBX2", {"name": "PBX2", "kind": "simulator"}),
        (RoutePoint, "8999@SIP_Switch", {"name": "8999", "switch": switch.pk, "endpoint": "sim:{number}"}),
        (VirtualQueue, "Billing_VQ", {"name": "Billing_VQ"}),
        (Skill, "English", {"name": "English"}),
        (Place, "Desk1", {"name": "Desk1", "switch": switch.pk, "phone": "sim:desk1"}),
        (Agent, "bob", {"name": "bob", "switch": switch.pk, "sip_address": "sim:bob", **skills}),
        (AgentGroup, "Billing", {"name": "Billing", "agents": [kate.pk]}),
        (ConfiguredService, "new", {"type": "callback", "name": "new", "configuration": "Custom"}),
        (Section, "callback", {"name": "callback"}),
        (NamedList, "GMS_Events", {"name": "GMS_Events"}),
    ):
        meta = model._meta
        add = reverse(f"admin:{meta.app_label}_{meta.model_name}_add")
        answer = admin_client.post(add, {**sent, "why": f"Because of {name}"})
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        change = Change.objects.latest("pk")
        assert (change.name, change.verb, change.actor) == (name, "added", "admin")
        assert change.reason == f"Because of {name}"
        row = model._default_manager.latest("pk")
        admin_client.post(page_of(row, "delete"), {"post": "yes", "why": "No more"})
        change = Change.objects.latest("pk")
        assert (change.name, change.verb, change.reason, change.after) == (name, "deleted", "No more", None)


def test_the_members_of_a_group_and_the_skills_of_an_agent_are_part_of_the_change(admin_client: Client) -> None:
    kate = AgentFactory.create(name="kate")
    group = AgentGroup.objects.create(name="Billing")
    admin_client.post(page_of(group), {"name": "Billing", "agents": [kate.pk]})
    change = Change.objects.get()
    assert (change.before, change.after) == ({"agents": []}, {"agents": ["kate"]})
    english = Skill.objects.create(name="English")
    sent = {"name": "kate", "switch": kate.switch_id, "sip_address": "sim:kate"}
    rows = {"skills-TOTAL_FORMS": "1", "skills-INITIAL_FORMS": "0", "skills-0-skill": english.pk, "skills-0-level": "7"}
    admin_client.post(page_of(kate), {**sent, **rows})
    change = Change.objects.latest("pk")
    assert change.name == "kate"
    assert change.after is not None
    assert change.after["skills"] == {"English": 7}


def test_saving_without_a_change_writes_nothing(admin_client: Client) -> None:
    service = make_service()
    form = admin_client.get(page_of(service)).context["adminform"].form
    admin_client.post(page_of(service), {name: form[name].value() for name in form.fields})
    queue = VirtualQueue.objects.create(name="Billing_VQ")
    admin_client.post(page_of(queue), {"name": "Billing_VQ"})
    assert not Change.objects.exists()


def test_a_new_name_is_a_story_of_its_own(admin_client: Client) -> None:
    queue = VirtualQueue.objects.create(name="Billing")
    admin_client.post(page_of(queue), {"name": "Billing_VQ"})
    assert [(c.name, c.verb, c.reason) for c in Change.objects.order_by("pk")] == [
        ("Billing", "deleted", "Renamed from Billing to Billing_VQ."),
        ("Billing_VQ", "added", "Renamed from Billing to Billing_VQ."),
    ]


def test_a_password_is_named_and_not_kept(admin_client: Client) -> None:
    switch = Switch.objects.create(name="PBX", kind="simulator")
    sent = {"name": "PBX", "kind": "simulator", "ari_password": "open sesame"}
    assert admin_client.post(page_of(switch), sent).status_code == 302
    change = Change.objects.get()
    assert len(change.secrets) == 1
    assert "open sesame" not in str(change.__dict__)
    assert "open sesame" not in text_of(admin_client, page_of(change))


def test_history_leads_to_the_log_of_that_one(admin_client: Client, client: Client) -> None:
    service = make_service()
    change_ttl(admin_client, service, "120", "Longer")
    page = text_of(admin_client, page_of(service, "history"))
    assert "service voice" in page
    assert "Longer" in page
    # Who may not see the log sees Django's own history.
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_configuredservice"))
    client.force_login(viewer)
    assert client.get(page_of(service, "history")).status_code == 200
    assert client.get(LOG).status_code == 403


def test_a_change_shows_before_and_after(admin_client: Client) -> None:
    service = make_service()
    change = change_ttl(admin_client, service, "120", "Longer")
    page = admin_client.get(page_of(change))
    assert shown_lines(page) == [("options / _ttl", "60", "120")]
    assert ("type", "callback", "callback") in shown_lines(admin_client.get(f"{page_of(change)}?all=1"))


def test_a_version_is_brought_back_by_a_change_of_its_own(admin_client: Client) -> None:
    service = make_service()
    first = change_ttl(admin_client, service, "120", "Longer")
    change_ttl(admin_client, service, "180", "Longer still")
    restore = reverse("admin:services_change_restore", args=[first.pk])
    page = admin_client.get(restore)
    assert [(line.path, line.before, line.after) for line in page.context["lines"]] == [
        ("options / _ttl", "180", "120")
    ]
    service.refresh_from_db()
    assert service.options["_ttl"] == "180"
    assert admin_client.post(restore, {"why": "Too long"})["Location"] == page_of(service)
    service.refresh_from_db()
    assert service.options["_ttl"] == "120"
    latest = Change.objects.latest("pk")
    assert (latest.verb, latest.actor, latest.reason) == ("changed", "admin", "Too long")
    admin_client.post(f"{restore}?to=before", {})
    service.refresh_from_db()
    assert service.options["_ttl"] == "60"


def test_what_was_deleted_comes_back(admin_client: Client) -> None:
    service = make_service()
    admin_client.post(page_of(service, "delete"), {"post": "yes"})
    deleted = Change.objects.get()
    admin_client.post(reverse("admin:services_change_restore", args=[deleted.pk]) + "?to=before", {})
    assert ConfiguredService.objects.get(name="voice").options == {"_ttl": "60"}


def test_a_version_that_is_not_allowed_now_is_refused_with_the_reason(admin_client: Client) -> None:
    point = RoutePointFactory.create()
    service = make_service(_route_point="8999@SIP_Switch")
    change = change_ttl(admin_client, service, "120", "")
    service.options = {}
    service.save()
    point.delete()
    page = text_of(admin_client, reverse("admin:services_change_restore", args=[change.pk]))
    assert "8999@SIP_Switch" in page
    answer = admin_client.post(reverse("admin:services_change_restore", args=[change.pk]), {})
    assert "Nothing was changed." in answer.content.decode()
    assert any("_route_point" in error for error in answer.context["refused"])
    service.refresh_from_db()
    assert service.options == {}


def test_only_who_may_do_it_by_hand_brings_back(client: Client, admin_client: Client) -> None:
    change = change_ttl(admin_client, make_service(), "120", "")
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_change"))
    client.force_login(viewer)
    restore = reverse("admin:services_change_restore", args=[change.pk])
    assert client.get(page_of(change)).status_code == 200
    assert "Restore this version" not in client.get(page_of(change)).content.decode()
    assert client.get(restore).status_code == 403
    assert client.post(restore).status_code == 403
    assert ConfiguredService.objects.get().options == {"_ttl": "120"}


def test_the_log_is_searched_and_filtered_and_nothing_in_it_changes(
    admin_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    change = change_ttl(admin_client, make_service(), "120", "Longer")
    queue = VirtualQueue.objects.create(name="Billing_VQ")
    admin_client.post(page_of(queue, "delete"), {"post": "yes"})

    def names(query: str) -> list[str]:
        return [found.name for found in admin_client.get(f"{LOG}?{query}").context["cl"].result_list]

    assert names("") == ["Billing_VQ", "voice"]
    assert names("part=services") == ["voice"]
    assert names("q=bill") == ["Billing_VQ"]
    assert names("actor=admin&part=virtual_queues") == ["Billing_VQ"]
    assert admin_client.post(page_of(change), {"name": "x"}).status_code in {200, 403}
    assert admin_client.get(f"{LOG}add/").status_code == 403
    assert admin_client.get(page_of(change, "delete")).status_code == 403
    with django_assert_num_queries(6):  # session, user, who there is, one count, the changes, whether they have a desk
        admin_client.get(LOG)


def test_a_section_is_edited_by_known_keys_and_rows(admin_client: Client) -> None:
    section = Section.objects.create(
        name="callback", options={"_throttle_ttl_1": "600", "mine": "x", "_services_credentials": "tiger"}
    )
    page = admin_client.get(page_of(section)).content.decode()
    assert 'name="known-_throttle_ttl_1" value="600"' in page
    assert "tiger" not in page
    sent = {
        **ROWS,
        "known-_throttle_ttl_1": "700",
        "known-_services_credentials": "",
        "rows-0-key": "mine",
        "rows-0-text": "y",
        "rows-1-key": "gone",
        "rows-1-text": "z",
        "rows-1-DELETE": "on",
        "why": "More",
    }
    assert admin_client.post(page_of(section), sent).status_code == 302
    section.refresh_from_db()
    assert section.options == {"_throttle_ttl_1": "700", "mine": "y", "_services_credentials": "tiger"}
    change = Change.objects.get()
    assert (change.after, change.reason) == ({"_throttle_ttl_1": "700", "mine": "y"}, "More")
    wrong = admin_client.post(page_of(section), {**sent, "known-_throttle_ttl_1": "soon"})
    assert "Option _throttle_ttl_1: 'soon' was given" in unescape(wrong.content.decode())
    twice = admin_client.post(page_of(section), {**sent, "rows-2-key": "mine", "rows-2-text": "z"})
    assert "mine is given twice." in twice.content.decode()


def test_a_section_says_whom_it_reaches(admin_client: Client) -> None:
    section = Section.objects.create(name="callback", options={"_throttle_ttl_1": "600"})
    make_service(_throttle_ttl_1="7")
    ConfiguredService.objects.create(name="other", configuration="Custom")
    rows = {row.key: (row.reached, row.named) for row in admin_client.get(page_of(section)).context["reach"]}
    assert rows["_throttle_ttl_1"] == (1, "voice")
    assert rows["_throttle_ttl_2"] == (2, "")


def test_a_list_is_edited_by_rows_that_are_checked_where_they_are_known(admin_client: Client) -> None:
    named = NamedList.objects.create(
        name="GMS_Paused_Services", sections={"services": {"voice": "true"}, "x": {"y": "z"}}
    )
    sent = {
        **ROWS,
        "rows-0-section": "services",
        "rows-0-key": "voice",
        "rows-0-text": "maybe",
        "rows-1-section": "x",
        "rows-1-key": "y",
        "rows-1-text": "anything",
    }
    refused = admin_client.post(page_of(named), sent)
    assert "Option voice: 'maybe' was given, allowed is true or false." in unescape(refused.content.decode())
    assert admin_client.post(page_of(named), {**sent, "rows-0-text": "false"}).status_code == 302
    named.refresh_from_db()
    assert named.sections == {"services": {"voice": "false"}, "x": {"y": "anything"}}
    sent["rows-0-section"] = ""
    assert "A key of a list stands in a section." in admin_client.post(page_of(named), sent).content.decode()


@pytest.mark.parametrize(
    ("row", "elsewhere"),
    [
        (Section(name="callback", options={"_throttle_ttl_1": "300"}), {"options": {"_throttle_ttl_1": "60"}}),
        (NamedList(name="GMS_Resources", sections={"DNIS": {"a1": "5115"}}), {"sections": {"DNIS": {"a1": "5116"}}}),
    ],
    ids=["section", "list"],
)
def test_what_somebody_else_saved_meanwhile_is_not_undone(
    admin_client: Client, row: Section | NamedList, elsewhere: dict[str, Any]
) -> None:
    row.pk = None
    row.save()
    page = reverse(f"admin:services_{row._meta.model_name}_change", args=[row.pk])
    form = admin_client.get(page).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields} | {"rows-TOTAL_FORMS": "0", "rows-INITIAL_FORMS": "0"}
    type(row).objects.filter(pk=row.pk).update(**elsewhere)
    answer = admin_client.post(page, sent)
    assert f"Somebody else changed this {row._meta.verbose_name} since you opened the page." in answer.content.decode()
    assert type(row).objects.filter(pk=row.pk, **elsewhere).exists()
    assert not Change.objects.exists()
    again = admin_client.get(page).context["adminform"].form
    assert admin_client.post(page, sent | {"seen": again["seen"].value()}).status_code == 302
