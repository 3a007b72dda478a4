"""Django admin of telephony, callbacks and timers."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.apps import apps
from django.contrib import admin
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.states import State
from callbacks.models import Attempt, Callback, JournalEntry, Pending
from scheduling.admin import LookOnlyAdmin
from scheduling.models import Timer
from services.models import Change, ConfiguredService
from telephony.models import Agent, AgentGroup, AgentSkill, Call, Leg, QueueEntry, RoutePoint, Switch, VirtualQueue
from tests.factories import (
    NOON,
    AgentFactory,
    AgentGroupFactory,
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    RoutePointFactory,
    ServiceFactory,
    SwitchFactory,
    VirtualQueueFactory,
)

pytestmark = pytest.mark.django_db

NUMBER = "916504661232"
ASTERISK = {
    "name": "PBX",
    "kind": "asterisk",
    "ari_url": "http://127.0.0.1:8088",
    "ari_user": "callbacksite",
    "ari_password": "open sesame",
    "ari_app": "callbacksite",
    "detection_context": "callbacksite-cpd",
    "sound_prefix": "callbacksite",
}


def url(row: object, act: str = "change") -> str:
    meta = type(row)._meta  # type: ignore[attr-defined]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{act}", args=[row.pk])  # type: ignore[attr-defined]


def text_of(client: Client, path: str) -> str:
    response = client.get(path, follow=True)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def errors(client: Client, path: str, sent: dict[str, str]) -> dict[str, list[str]]:
    response = client.post(path, sent)
    return {} if response.status_code == 302 else dict(response.context["adminform"].form.errors)


def world() -> dict[str, object]:
    """A row of every kind."""
    switch = SwitchFactory.create()
    point = RoutePointFactory.create(switch=switch)
    kate = AgentFactory.create(name="kate", switch=switch)
    group = AgentGroupFactory.create()
    group.agents.add(kate)
    queue = VirtualQueueFactory.create()
    callback = CallbackFactory.create(customer_number=NUMBER, properties={"_customer_number": NUMBER})
    AttemptFactory.create(callback=callback)
    JournalEntryFactory.create(callback=callback)
    call = Call.objects.create(owner=callback.pk, wish={"customer": {"number": NUMBER}}, look_at=NOON)
    leg = Leg.objects.create(
        id="cb-1", call=call, party="customer", attempt=1, switch=switch, endpoint=NUMBER, created_at=NOON
    )
    rows: list[object] = [switch, point, kate, group, queue, callback, call, leg]
    rows.append(Pending.objects.create(callback=callback, event={"kind": "Expired"}, created_at=NOON, look_at=NOON))
    rows.append(Timer.objects.create(owner=callback.pk, name="stage", due_at=NOON))
    rows.append(
        QueueEntry.objects.create(
            owner=callback.pk,
            queue=queue.name,
            target_key="GA:Billing",
            visit=1,
            place_at=NOON,
            reserve_seconds=30,
        )
    )
    return {type(row).__name__: row for row in rows}


def test_every_row_can_be_looked_at_and_no_number_is_shown(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for name, row in world().items():
        changelist = reverse(f"admin:{type(row)._meta.app_label}_{name.lower()}_changelist")  # type: ignore[attr-defined]
        for path in (changelist, url(row)):
            with django_assert_max_num_queries(15):
                assert NUMBER not in text_of(admin_client, path), path


def test_what_the_service_writes_is_only_looked_at(admin_client: Client) -> None:
    look_only = {model for model, model_admin in admin.site._registry.items() if isinstance(model_admin, LookOnlyAdmin)}
    assert {Callback, Pending, Call, Leg, QueueEntry, Timer} < look_only
    for row in world().values():
        if type(row) in look_only:
            assert admin_client.post(url(row), {"state": "COMPLETED"}).status_code == 403
            assert admin_client.post(url(row, "delete"), {"post": "yes"}).status_code == 403


def test_a_callback_is_found_by_its_id_and_its_whole_number(admin_client: Client) -> None:
    ada, bob = CallbackFactory.create(customer_number=NUMBER), CallbackFactory.create(customer_number="5115")
    changelist = reverse("admin:callbacks_callback_changelist")
    for term, found in ((NUMBER, ada), (bob.pk, bob)):
        page = text_of(admin_client, f"{changelist}?q={term}")
        assert found.pk in page
    assert ada.pk not in text_of(admin_client, f"{changelist}?q=9165")


def test_a_callback_in_admin_leads_to_its_page(admin_client: Client) -> None:
    callback = CallbackFactory.create(user_data={"x": "<script>alert(1)</script>"})
    page = admin_client.get(url(callback)).content.decode()
    assert f'href="/callbacks/{callback.pk}/"' in page
    assert "<script>alert" not in page


def test_a_new_asterisk_switch(admin_client: Client) -> None:
    add = reverse("admin:telephony_switch_add")
    assert errors(admin_client, add, {**ASTERISK, "ari_password": "", "ari_user": ""}).keys() == {
        "ari_password",
        "ari_user",
    }
    assert errors(admin_client, add, ASTERISK) == {}
    assert Switch.objects.get().ari_password == "open sesame"
    assert errors(admin_client, add, {"name": "SIP_Switch", "kind": "simulator"}) == {}


def test_the_password_is_kept_and_never_shown(admin_client: Client) -> None:
    switch = Switch.objects.create(**ASTERISK)
    page = admin_client.get(url(switch)).content.decode()
    assert "open sesame" not in page
    assert 'type="password"' in page
    assert "A password is stored" in page
    assert errors(admin_client, url(switch), {**ASTERISK, "ari_password": "", "ari_user": "other"}) == {}
    switch.refresh_from_db()
    assert (switch.ari_user, switch.ari_password) == ("other", "open sesame")
    assert errors(admin_client, url(switch), {**ASTERISK, "ari_password": "new one"}) == {}
    switch.refresh_from_db()
    assert switch.ari_password == "new one"


@pytest.mark.parametrize(
    "endpoint", ["PJSIP/4711@trunk", "PJSIP/{}@trunk", "PJSIP/{number", "{number}{0}", "{number.x}", "{number!q}"]
)
def test_a_route_point_must_dial_the_customers_number(admin_client: Client, endpoint: str) -> None:
    sent = {"name": "8999", "switch": str(SwitchFactory.create().pk), "endpoint": endpoint}
    assert errors(admin_client, reverse("admin:telephony_routepoint_add"), sent) == {
        "endpoint": [f"'{endpoint}' was given, it must contain {{number}}"]
    }
    assert not RoutePoint.objects.exists()


def test_a_route_point_can_be_added(admin_client: Client) -> None:
    sent = {"name": "8999", "switch": str(SwitchFactory.create().pk), "endpoint": "PJSIP/{number}@trunk"}
    assert errors(admin_client, reverse("admin:telephony_routepoint_add"), sent) == {}
    assert "8999@SIP_Switch" in text_of(admin_client, reverse("admin:telephony_routepoint_changelist"))


def test_an_agents_state_is_not_written_in_admin(admin_client: Client) -> None:
    kate = AgentFactory.create(name="kate")
    sent = {"name": "kate", "switch": str(kate.switch_id), "sip_address": "sim:kate", "state": "ready"}
    assert errors(admin_client, url(kate), sent) == {}
    kate.refresh_from_db()
    assert (kate.state, kate.sip_address) == ("logged_out", "sim:kate")


def test_a_service_with_live_callbacks_stays_and_says_why(admin_client: Client) -> None:
    service = ServiceFactory.create()
    CallbackFactory.create_batch(12, service=service)
    page = text_of(admin_client, url(service, "delete"))
    assert "In the way: voice-userterm-immediate: callbacks that are not completed: 12" in page
    admin_client.post(url(service, "delete"), {"post": "yes"})
    changelist = reverse("admin:services_configuredservice_changelist")
    admin_client.post(changelist, {"action": "delete_selected", "_selected_action": [service.pk], "post": "yes"})
    assert ConfiguredService.objects.get() == service
    Callback.objects.all().delete()
    over = CallbackFactory.create(service=service, state=State.COMPLETED)
    admin_client.post(url(service, "delete"), {"post": "yes", "why": "Season is over"})
    assert not ConfiguredService.objects.exists()
    over.refresh_from_db()
    assert (over.service, over.service_name) == (None, "voice-userterm-immediate")
    change = Change.objects.get()
    assert (change.part, change.name, change.verb, change.actor, change.reason) == (
        "services",
        "voice-userterm-immediate",
        "deleted",
        "admin",
        "Season is over",
    )


@pytest.mark.parametrize(
    ("make", "use"),
    [
        (VirtualQueueFactory, "Billing_VQ is used: service voice-userterm-immediate, option _urs_virtual_queue"),
        (RoutePointFactory, "8999@SIP_Switch is used: service voice-userterm-immediate, option _route_point"),
        (AgentGroupFactory, "Billing is used: service voice-userterm-immediate, option _target"),
    ],
)
def test_what_a_service_names_stays_under_its_name(
    admin_client: Client, make: type[VirtualQueueFactory], use: str
) -> None:
    row = make.create()
    service = ServiceFactory.create()
    assert use in text_of(admin_client, url(row, "delete"))
    admin_client.post(url(row, "delete"), {"post": "yes"})
    assert type(row).objects.exists()
    assert 'name="name"' not in admin_client.get(url(row)).content.decode()
    service.delete()
    assert 'name="name"' in admin_client.get(url(row)).content.decode()
    admin_client.post(url(row, "delete"), {"post": "yes"})
    assert not type(row).objects.exists()


def test_a_queue_in_which_callbacks_wait_stays(admin_client: Client) -> None:
    queue = VirtualQueueFactory.create()
    QueueEntry.objects.create(
        owner="369-1", queue=queue.name, target_key="GA:Billing", visit=1, place_at=NOON, reserve_seconds=30
    )
    assert "callbacks waiting: 1" in text_of(admin_client, url(queue, "delete"))
    admin_client.post(url(queue, "delete"), {"post": "yes"})
    assert VirtualQueue.objects.exists()


def test_an_agent_at_work_or_named_in_a_target_stays(admin_client: Client) -> None:
    kate = AgentFactory.create(name="kate", state=Agent.State.RESERVED, reserved_for="369-1", reservation="r1")
    service = ServiceFactory.create(options={"_target": "kate@StatServer.A"})
    page = text_of(admin_client, url(kate, "delete"))
    assert "kate is used: a call that is under way" in page
    assert "option _target" in page
    admin_client.post(url(kate, "delete"), {"post": "yes"})
    assert Agent.objects.exists()
    Agent.objects.update(state=Agent.State.READY, reserved_for=None, reservation="")
    service.delete()
    admin_client.post(url(kate, "delete"), {"post": "yes"})
    assert not Agent.objects.exists()


def test_a_switch_with_phones_and_lines_stays(admin_client: Client) -> None:
    point = RoutePointFactory.create()
    AgentFactory.create(name="kate")
    page = text_of(admin_client, url(point.switch, "delete"))
    assert "route point 8999@SIP_Switch" in page
    assert "phone of agent kate" in page
    admin_client.post(url(point.switch, "delete"), {"post": "yes"})
    assert Switch.objects.exists()


def test_groups_are_filled_from_a_list(admin_client: Client) -> None:
    kate = AgentFactory.create(name="kate")
    sent = {"name": "Billing", "agents": [str(kate.pk)]}
    assert admin_client.post(reverse("admin:telephony_agentgroup_add"), sent).status_code == 302
    assert list(AgentGroup.objects.get().agents.all()) == [kate]


def test_every_table_of_ours_is_in_admin_or_left_out_on_purpose() -> None:
    shown_with_others = {Attempt, JournalEntry, AgentSkill}
    names = {model.__name__ for model in admin.site._registry} | {model.__name__ for model in shown_with_others}
    for app in ("callbacks", "telephony", "scheduling", "services"):
        for model in apps.get_app_config(app).get_models():
            # The simulator's rows are its own future, a key's limits are on its page, places in slots are counted by
            # availability, the rest is /readyz and /metrics.
            elsewhere = {"SimulatedLeg", "SimulatedHappening", "ApiKeyService", "Heartbeat", "Total"}
            elsewhere |= {"Booking", "SlotCalendar", "SlotCounter"}
            # Slots are blocked in the calendar.
            elsewhere |= {"SlotBlock"}
            # How right estimates are has a page of its own.
            elsewhere |= {"Prediction", "QueueAccuracy"}
            # So have status notifications, and the brake.
            elsewhere |= {"StatusNotice", "StatusReceiver", "DialCount", "NumberDials", "BrakeRelease", "ForcedChange"}
            # Hashes of which nobody could read anything.
            elsewhere |= {"LookupKey", "StartTotal", "StartSecond", "ValueCount", "StartAnswer"}
            # What clients keep and fetch, and what lives for a call or a booking.
            elsewhere |= {"CometMessage", "CometSubscription", "StorageArea", "StoredValue"}
            elsewhere |= {"AccessBooking", "ArrivedCall"}
            # What reports are made of.
            elsewhere |= {"CallbackFact", "ReportTotal", "AgentTotal", "RefusalMark"}
            # Of a job there is a page.
            elsewhere |= {"JobRow"}
            # Views are kept on the page of the list.
            elsewhere |= {"SavedView"}
            # What people are limited to is on their user's page, and their own settings are theirs.
            elsewhere |= {"PersonScope", "Preference", "ResetRequest"}
            assert model.__name__ in names | elsewhere


def test_a_place_in_a_queue_says_for_whom_it_waits(admin_client: Client) -> None:
    QueueEntry.objects.create(
        owner="369-bob",
        queue="Billing_VQ",
        visit=1,
        place_at=NOON,
        reserve_seconds=30,
        keys=["GA:Billing", "?:English>5"],
        # 12:00 UTC on 2 March 2026.
        passed_over={"kate": 1772452800.0},
    )
    page = admin_client.get("/admin/telephony/queueentry/369-bob/change/").content.decode()
    assert "?:English&gt;5, GA:Billing" in page
    assert "kate until 12:00:00" in page
    assert "?:English&gt;5, GA:Billing" in admin_client.get("/admin/telephony/queueentry/").content.decode()
