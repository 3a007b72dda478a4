"""The board: what each queue and service shows, the alarms above it, and who sees which of it."""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import datetime, timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.translation import override
from pytest_django import DjangoAssertNumQueries

from callbacks import standing
from callbacks.alarms import Alarm, Kind, alarms
from callbacks.alarms import _read as alarm_facts
from callbacks.flow.session import SESSION, Session, Stage
from callbacks.flow.states import Reason, State
from callbacks.models import AuditFinding, Callback
from callbacks.standing import Bookings, Figures, Wait
from callbacks.status.models import StatusNotice
from callbacksite import health, kept, live
from callbacksite.probe import Probe
from scheduling import heartbeats
from scheduling.models import Heartbeat
from services import pausing, people
from services.models import ConfiguredService
from services.people_models import PersonScope
from telephony import agents, estimates, lease
from telephony.models import (
    Agent,
    Call,
    DialCount,
    Leg,
    QueueAccuracy,
    QueueEntry,
    RoutePoint,
    Switch,
    VirtualQueue,
)
from telephony.switch import LegState
from tests.factories import (
    AgentFactory,
    AgentGroupFactory,
    CallbackFactory,
    RoutePointFactory,
    ServiceFactory,
    VirtualQueueFactory,
)

pytestmark = pytest.mark.django_db

# What all of it costs, whoever looks.
STATEMENTS = 14

BILLING = {
    "_route_point": "8999@SIP_Switch",
    "_urs_virtual_queue": "Billing_VQ",
    "_target": "Billing@StatServer.GA",
}


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def billing() -> ConfiguredService:
    VirtualQueueFactory.create(ewt_limit=900)
    return ServiceFactory.create(name="billing", options=BILLING)


@pytest.fixture
def sales() -> ConfiguredService:
    """In the same queue."""
    return ServiceFactory.create(name="sales", options=BILLING)


@pytest.fixture
def kate(db: None) -> Agent:
    """An agent of the group Billing who is ready."""
    agent = AgentFactory.create(name="kate")
    AgentGroupFactory.create().agents.add(agent)
    agents.go_ready(agent, timezone.now())
    return agent


def wait_in(service: ConfiguredService, since: datetime, *, queue: str = "Billing_VQ") -> Callback:
    callback = begun(service, since, state=State.QUEUED)
    QueueEntry.objects.create(
        owner=callback.pk, queue=queue, visit=1, place_at=since, reserve_seconds=20, keys=["GA:x"]
    )
    return callback


def begun(service: ConfiguredService, at: datetime, **fields: object) -> Callback:
    """A callback whose execution started then."""
    session = Session(number="916504661232", desired_at=at, stage=Stage.RETRYING, queued_at=at, started_at=at)
    return CallbackFactory.create(
        service=service, created_at=at, session=SESSION.dump_python(session, mode="json"), **fields
    )


def over(service: ConfiguredService, at: datetime, reason: Reason, *, started: datetime | None = None) -> Callback:
    return begun(service, started or at, state=State.COMPLETED, reason=reason, completed_at=at)


def everything_runs() -> None:
    heartbeats.beat("beat", *(heartbeats.of_queue(queue) for queue in health.queues()))
    for switch in Switch.objects.all():
        epoch = lease.acquire(switch=switch.pk, holder="here") or 0
        lease.renew(switch=switch.pk, holder="here", epoch=epoch, connected=True)


def queue_of(now: datetime, only: set[int] | None = None) -> standing.QueueNow:
    [found] = standing.queues(standing.read(now), only)
    return found


def told(now: datetime, user: User) -> list[Alarm]:
    """The alarms that this person sees on the board."""
    return alarms(now, user, standing.queues(standing.just_now.get(now), people.limits(user)))


def texts(found: list[Alarm]) -> list[tuple[Kind, str]]:
    return [(alarm.kind, alarm.text) for alarm in found]


def seen_on(page: str) -> str:
    """What the board itself shows; banners have names of their own."""
    names: list[str] = re.findall(r'hx-get="/board/".*?"seen": "(\w+)"', page, re.DOTALL)
    [found] = names
    return found


def words(html: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", html).split()))


# ---- the figures


def test_who_waits_and_who_talks_is_counted_by_service(
    billing: ConfiguredService, sales: ConfiguredService, kate: Agent, now: datetime
) -> None:
    first, minute = now - timedelta(minutes=3), timedelta(minutes=1)
    wait_in(billing, first)
    wait_in(billing, first + minute)
    paused = wait_in(billing, first - minute)
    QueueEntry.objects.filter(pk=paused.pk).update(paused=True)
    talking = wait_in(sales, first + minute)
    call = Call.objects.create(owner=talking.pk, wish={}, look_at=now)
    for party, state in (("customer", LegState.UP), ("agent", LegState.UP)):
        Leg.objects.create(
            pk=f"{party}1", call=call, party=party, attempt=1, switch=kate.switch, state=state, created_at=now
        )
    found = queue_of(now)
    assert [(each.name, each.figures.waiting, each.figures.oldest, each.figures.calls) for each in found.services] == [
        ("billing", 2, first, 0),
        ("sales", 1, first + minute, 1),
    ]
    assert (found.figures.waiting, found.figures.oldest, found.figures.calls) == (3, first, 1)
    assert dict(found.crew) == {"ready": 1, "reserved": 0, "on_call": 0, "wrap_up": 0, "not_ready": 0}


def test_today_is_the_day_of_the_office(billing: ConfiguredService, settings: object, now: datetime) -> None:
    office = timezone.localtime(now, timezone.get_default_timezone())
    midnight = office.replace(hour=0, minute=0, second=0, microsecond=0)
    second = timedelta(seconds=1)
    over(billing, midnight, Reason.AGENT_CONNECTED)
    over(billing, midnight - second, Reason.AGENT_CONNECTED)
    # Begun yesterday, over today.
    over(billing, midnight + second, Reason.FAIL_CALL_TO_CUSTOMER, started=midnight - second)
    over(billing, midnight + second, Reason.CANCELLED)
    begun(billing, midnight, state=State.QUEUED)
    begun(billing, midnight - second, state=State.QUEUED)
    # Rests: nothing was begun.
    CallbackFactory.create(service=billing, state=State.SCHEDULED, created_at=midnight)
    assert queue_of(now).figures == Figures(started=3, connected=1, failed=1)


def test_what_a_new_one_could_expect(billing: ConfiguredService, kate: Agent, now: datetime) -> None:
    QueueAccuracy.objects.create(
        queue="Billing_VQ",
        hours=QueueAccuracy.DAY,
        judged=20,
        abandoned=0,
        put_off=0,
        bias=-4.2,
        mean_absolute=31.6,
        computed_at=now,
    )
    found = queue_of(now)
    assert (found.wait, found.mean_error, found.bias) == (Wait(0, 0), 32, -4)
    agents.log_out(kate, now)
    assert queue_of(now).wait == Wait(None, None)


def test_bookings_of_the_next_two_hours(billing: ConfiguredService, now: datetime) -> None:
    """Without a capacity there is nothing that they could be compared with."""
    [service] = queue_of(now).services
    assert service.bookings == Bookings(booked=0, places=None, blocked=0)
    ServiceFactory.create(
        name="places",
        type="capacity",
        configuration="Custom",
        options={
            "_timezone": "UTC",
            **{
                f"_capacity_{day}": json.dumps({str(day): {f"{hour:02d}00": 3 for hour in range(24)}})
                for day in range(1, 8)
            },
        },
    )
    billing.options = {**BILLING, "_capacity_service": "places"}
    billing.save()
    [service] = queue_of(now).services
    assert service.bookings is not None
    assert service.bookings.places is not None
    assert service.bookings.places >= 24 * 3


def test_a_service_that_cannot_be_read_does_not_take_the_others_away(billing: ConfiguredService, now: datetime) -> None:
    ServiceFactory.create(name="odd", configuration="No such one", options={})
    billing_queue, without = standing.queues(standing.read(now), None)
    assert (billing_queue.name, without.name) == ("Billing_VQ", "")
    [odd] = without.services
    assert (odd.name, odd.wait, odd.crew) == ("odd", None, tuple((state.value, 0) for state in standing.CREW))


def test_an_entry_that_cannot_be_read_takes_only_new_estimates_away(
    billing: ConfiguredService, kate: Agent, now: datetime
) -> None:
    assert queue_of(now).wait == Wait(0, 0)
    wait_in(billing, now)
    QueueEntry.objects.update(keys=["nonsense"])
    found = queue_of(now)
    assert (found.figures.waiting, found.wait, dict(found.crew)["ready"]) == (1, Wait(0, 0), 1)


def test_an_old_estimate_is_not_told(
    billing: ConfiguredService, kate: Agent, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody looked for a while, and then there is time for some of many lines only."""
    assert queue_of(now).wait == Wait(0, 0)
    monkeypatch.setattr(estimates, "of_new", lambda lines, **more: {})
    assert queue_of(now).wait == Wait(0, 0)
    # As if so long had passed.
    monkeypatch.setattr(standing, "TOLD_FOR", 0)
    assert queue_of(now).wait is None


def test_however_many_services_there_are_the_statements_are_the_same(
    billing: ConfiguredService, kate: Agent, now: datetime, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    wait_in(billing, now)
    standing.read(now)
    with django_assert_num_queries(STATEMENTS):
        standing.read(now)
    for number in range(5):
        name = f"VQ{number}"
        VirtualQueueFactory.create(name=name)
        service = ServiceFactory.create(name=f"service{number}", options={**BILLING, "_urs_virtual_queue": name})
        wait_in(service, now, queue=name)
    standing.read(now)
    with django_assert_num_queries(STATEMENTS):
        standing.read(now)
    with django_assert_num_queries(7):
        alarm_facts(now)


def test_many_screens_cost_one(
    as_sue: Client, billing: ConfiguredService, kate: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_runs()
    monkeypatch.setattr(kept, "SECONDS", 60.0)
    for module, name, read in (
        ("callbacks.standing", "just_now", standing.read),
        ("callbacks.alarms", "_just_now", alarm_facts),
    ):
        monkeypatch.setattr(f"{module}.{name}", kept.Kept(read))
    page = as_sue.get("/board/").content.decode()
    seen = seen_on(page)
    with CaptureQueriesContext(connection) as asked:
        assert as_sue.get("/board/", {"seen": seen}, headers={"HX-Request": "true"}).status_code == 204
    # Who asks and what they may see; nothing of the board.
    said = [query["sql"] for query in asked.captured_queries]
    assert not [sql for sql in said if "callbacks_callback" in sql or "telephony_" in sql], said


def test_nothing_new_is_not_sent_again(as_sue: Client, billing: ConfiguredService, kate: Agent) -> None:
    everything_runs()
    page = as_sue.get("/board/").content.decode()
    seen = seen_on(page)
    assert as_sue.get("/board/", {"seen": seen}, headers={"HX-Request": "true"}).status_code == 204
    wait_in(billing, timezone.now())
    changed = as_sue.get("/board/", {"seen": seen}, headers={"HX-Request": "true"})
    assert changed.status_code == 200
    # What is asked next does not grow with each refresh.
    assert 'hx-get="/board/"' in changed.content.decode()


def test_in_every_language_it_refreshes_as_often(rf: RequestFactory) -> None:
    """A fraction of a second is not written with the comma of German numbers."""
    request = rf.get("/board/", headers={"HX-Request": "true"})
    with override("de"):
        page = live.respond(request, "", "calendar/list.html", {}, url="/board/", seconds=1.25).content.decode()
    assert 'hx-trigger="every 1.25s, refresh queue:none"' in page
    assert 'data-refresh="1.25"' in page


# ---- alarms


def test_nothing_is_wrong(sue: User, billing: ConfiguredService, kate: Agent, now: datetime) -> None:
    everything_runs()
    assert told(now, sue) == []


def test_what_died_comes_first(sue: User, billing: ConfiguredService, kate: Agent, now: datetime) -> None:
    everything_runs()
    last = now - timedelta(minutes=5)
    Heartbeat.objects.filter(name__in=["beat", "workers/flow"]).update(at=last)
    Switch.objects.update(lease_until=last)
    assert texts(told(now, sue)) == [
        (Kind.PROCESS, "Celery Beat gives no sign of life: nothing that becomes due is begun."),
        (Kind.PROCESS, "No worker of the queue flow gives a sign of life: what waits there is not done."),
        (Kind.SWITCH, "Switch SIP_Switch: no telephony process listens to it. Nobody is called there."),
    ]
    assert [alarm.since for alarm in told(now, sue)] == [last, last, last]


def test_a_broker_that_does_not_answer(
    sue: User, billing: ConfiguredService, kate: Agent, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_runs()
    away = [(Kind.PROCESS, "Redis does not answer: until it does, no worker gets anything to do.")]
    monkeypatch.setattr(health, "_glance", Probe(lambda: False, seconds=30))
    assert texts(told(now, sue)) == away
    # One that hangs may be busy, for three seconds; no page waits for it.
    hangs = threading.Event()
    monkeypatch.setattr(health, "_glance", Probe(hangs.wait, seconds=0.01))
    monkeypatch.setattr(health, "_answered_at", time.monotonic())
    assert told(now, sue) == []
    monkeypatch.setattr(health, "_answered_at", time.monotonic() - health.PATIENCE)
    assert texts(told(now, sue)) == away
    hangs.set()


def test_each_kind_leads_to_where_it_is_dealt_with(
    sue: User, billing: ConfiguredService, kate: Agent, now: datetime
) -> None:
    everything_runs()
    begins, _ = DialCount.Period.HOUR.span(now)
    DialCount.objects.create(service="billing", period="hour", begins_at=begins, dials=5, most=5, pulled_at=now)
    waiting = wait_in(billing, now)
    AuditFinding.objects.create(kind="overdue", owner=waiting.pk, detail="late", first_seen=now, last_seen=now)
    StatusNotice.objects.create(
        callback=waiting.pk,
        service_name="billing",
        event="x",
        receiver="https://crm.example.org:443",
        target="https://crm.example.org/",
        state=StatusNotice.State.PARKED,
        made_at=now,
        give_up_at=now,
        due_at=now,
        settled_at=now,
    )
    point: RoutePoint = RoutePointFactory.create(failures=2, unavailable_until=now + timedelta(minutes=1))
    pausing.pause("billing", actor="sue", now=now)
    assert [(alarm.kind, alarm.text, alarm.url) for alarm in told(now, sue)] == [
        (Kind.TRUNK, f"Trunk {point} could not carry 2 calls in a row. It is tried again soon.", ""),
        (
            Kind.BRAKE,
            "Service billing: 5 were dialled in this hour, which is all that may be.",
            "/callbacks/dialled/",
        ),
        (Kind.FINDING, "1 callback needs attention.", f"/callbacks/{waiting.pk}/"),
        (Kind.PARKED, "1 status notification could not be delivered and is parked.", "/notifications/"),
        (Kind.PAUSED, "Service billing is paused.", "/pauses/"),
    ]
    sue.is_staff = sue.is_superuser = True
    assert told(now, sue)[0].url == f"/admin/telephony/routepoint/{point.pk}/change/"


def test_a_wait_beyond_the_limit_of_its_queue(
    sue: User, billing: ConfiguredService, kate: Agent, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything_runs()
    wait_in(billing, now)
    waits = Wait(960, 1500)
    monkeypatch.setattr(standing, "_wait", lambda estimate: waits)
    long = "Queue Billing_VQ: a new callback would wait 16\N{NO-BREAK SPACE}min, more than 15\N{NO-BREAK SPACE}min."
    assert texts(told(now, sue)) == [(Kind.EWT, long)]
    waits = Wait(900, 1500)
    assert told(now, sue) == []
    waits = Wait(None, None)
    nobody = "Queue Billing_VQ: callbacks wait, and nobody is logged in who could take them."
    assert texts(told(now, sue)) == [(Kind.EWT, nobody)]
    VirtualQueue.objects.update(ewt_limit=None)
    assert told(now, sue) == []


def test_who_waits_for_others_is_not_deserted(
    sue: User, billing: ConfiguredService, kate: Agent, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two services in one queue: of the one for whom nobody is logged in, nobody waits."""
    everything_runs()
    ServiceFactory.create(name="night", options={**BILLING, "_target": "Night@StatServer.GA"})
    wait_in(billing, now)
    assert told(now, sue) == []
    monkeypatch.setattr(standing, "_wait", lambda e: Wait(960, 1500) if e.is_known else Wait(None, None))
    long = "Queue Billing_VQ: a new callback would wait 16\N{NO-BREAK SPACE}min, more than 15\N{NO-BREAK SPACE}min."
    assert texts(told(now, sue)) == [(Kind.EWT, long)]


# ---- who sees what


def test_who_is_limited_sees_their_services_only(
    sue: User, as_sue: Client, billing: ConfiguredService, sales: ConfiguredService, now: datetime
) -> None:
    everything_runs()
    wait_in(billing, now)
    hidden = wait_in(sales, now)
    AuditFinding.objects.create(kind="overdue", owner=hidden.pk, detail="late", first_seen=now, last_seen=now)
    pausing.pause("sales", actor="sue", now=now)
    page = words(as_sue.get("/board/").content.decode())
    assert "sales" in page
    assert "1 callback needs attention." in page
    PersonScope.objects.create(user=sue, kind=PersonScope.Kind.SERVICE, name="billing")
    page = words(as_sue.get("/board/").content.decode())
    assert "billing" in page
    assert "sales" not in page
    assert "needs attention" not in page
    assert queue_of(now, {billing.pk}).figures.waiting == 1


# ---- the page


def test_nothing_is_configured_yet(as_sue: Client, admin_client: Client) -> None:
    page = words(as_sue.get("/board/").content.decode())
    assert "No service to show" in page
    assert "An administrator configures them" in page
    assert "/admin/services/configuredservice/" in admin_client.get("/board/").content.decode()


def test_nobody_is_logged_in(as_sue: Client, billing: ConfiguredService) -> None:
    page = as_sue.get("/board/").content.decode()
    assert "No agent of these services is logged in." in words(page)
    assert 'href="/agents/?state=all"' in page


def test_each_number_leads_to_what_is_behind_it(as_sue: Client, billing: ConfiguredService, now: datetime) -> None:
    wait_in(billing, now)
    page = unescape(as_sue.get("/board/").content.decode())
    for url in (
        "/callbacks/?service=billing&state=QUEUED&state=ROUTING",
        "/callbacks/?service=billing&reason=AGENT_CONNECTED",
        "/callbacks/?service=billing&state=COMPLETED&sort=reason",
        "/agents/?service=billing",
        "/calendar/?service=billing",
    ):
        assert f'href="{url}"' in page


def test_a_wall_screen_has_no_navigation(as_sue: Client, billing: ConfiguredService) -> None:
    page = as_sue.get("/board/?wall=1").content.decode()
    assert '<body data-now="' in page
    assert ' class="wall"' in page
    assert 'aria-label="Site"' not in page
    # It refreshes itself as what it is.
    assert 'hx-get="/board/?wall=1"' in page
