"""What-if says what a real request then comes to, and leaves no trace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import DatabaseError, connection

from callbacks import actions, due, what_if
from callbacks.api import errors
from callbacks.flow.events import StartDue
from callbacks.flow.states import Reason, State
from callbacks.models import Callback, JournalEntry, Pending
from callbacks.walk import Outcome
from callbacks.what_if import Question, Reply, Wait
from scheduling.models import Booking, Timer
from services.models import ConfiguredService, NamedList
from telephony import agents
from telephony.models import BlockedNumber, DialCount
from tests.factories import AgentFactory, AgentGroupFactory, ServiceFactory

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
ADA = {"_customer_number": "916504661232"}


def local(*parts: int) -> datetime:
    """What a clock on the wall shows."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


# The working day before clocks go forward, and the Sunday itself; the same in autumn; a plain Monday.
MARCH, OCTOBER, MONDAY = local(2026, 3, 27, 16, 55), local(2026, 10, 23, 16, 55), local(2026, 3, 2, 16, 55)
ALWAYS = "Mon-Sun 00:00-24:00"


def berlin(at: datetime, *, fold: int = 0) -> datetime:
    return at.replace(tzinfo=BERLIN, fold=fold).astimezone(UTC)


def centre(hours: str = "Mon-Fri 09:00-17:00", **options: str) -> ConfiguredService:
    """A service in Berlin with one agent, who is ready."""
    ConfiguredService.objects.create(
        name="berlin",
        type="office-hours",
        configuration="Custom",
        options={"_timezone": "Europe/Berlin", "_bh_regular1": hours},
    )
    kate = AgentFactory.create(name="kate")
    AgentGroupFactory.create().agents.add(kate)
    agents.go_ready(kate, datetime.now(UTC))
    service = ServiceFactory.create()
    service.options |= {"_business_hours_service": "berlin", **options}
    service.save()
    return ConfiguredService.objects.get(pk=service.pk)


def ask(service: ConfiguredService, at: datetime, desired: datetime | None = None, **more: object) -> Reply:
    question = Question(service, at, desired, more.pop("parameters", ADA), **more)  # type: ignore[arg-type]
    return what_if.ask(question, now=at)


def start(service: ConfiguredService, at: datetime, desired: datetime | None = None) -> Callback:
    return actions.start(service=service, parameters=ADA, desired_at=desired, actor=what_if.ACTOR, now=at)


def told(entries: list[JournalEntry]) -> list[tuple[datetime, str, str]]:
    return [(entry.at, entry.kind, entry.text) for entry in entries]


def everything() -> dict[str, tuple[int, str]]:
    """Every table with its number of rows and a digest of them."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            name = connection.ops.quote_name(model._meta.db_table)
            rows = "coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
            cursor.execute(f"SELECT count(*), {rows} FROM {name} t")  # noqa: S608 (names of ours)
            found[model._meta.db_table] = cursor.fetchone()
    return found


def follow(callback: Callback, until: datetime) -> list[JournalEntry]:
    """Let the real scan and the real timers start it and bring it to its first dial."""
    assert due.start_scheduled(until - timedelta(seconds=1)) == 0
    assert due.start_scheduled(until) == 1
    event = Pending.objects.get(callback=callback).event
    assert event["kind"] == StartDue.__name__
    actions.advance(callback.pk, now=until)
    while timer := Timer.objects.filter(owner=callback.pk, name="stage").first():
        at = timer.due_at
        due.fire_timers(at)
        actions.advance(callback.pk, now=at)
        if Callback.objects.get(pk=callback.pk).stage == "dialling":
            break
    return list(JournalEntry.objects.filter(callback=callback).order_by("pk"))


@pytest.mark.parametrize(
    ("at", "desired"),
    [
        (berlin(MONDAY), berlin(local(2026, 3, 3, 9, 30))),
        # Over the night in which clocks go forward, and to its own Sunday, on both sides of the gap.
        (berlin(MARCH), berlin(local(2026, 3, 30, 9, 30))),
        (berlin(MARCH), berlin(local(2026, 3, 29, 1, 55))),
        (berlin(MARCH), berlin(local(2026, 3, 29, 3, 5))),
        # Back again: the hour that comes twice, both times.
        (berlin(OCTOBER), berlin(local(2026, 10, 26, 9, 30))),
        (berlin(OCTOBER), berlin(local(2026, 10, 25, 2, 30))),
        (berlin(OCTOBER), berlin(local(2026, 10, 25, 2, 30), fold=1)),
    ],
)
def test_a_real_request_then_comes_to_just_that(at: datetime, desired: datetime) -> None:
    service = centre(ALWAYS)
    reply = ask(service, at, desired)
    assert reply.refused is None
    assert reply.path is not None
    assert reply.slot is not None
    callback = start(service, at, desired)
    assert Booking.objects.get(pk=callback.pk).slot_start == reply.slot.start
    assert reply.path.started_at is not None
    real = follow(callback, reply.path.started_at)
    assert told(real) == told(reply.path.entries)[: len(real)]
    assert real[-1].kind == "dialling"
    assert real[-1].at == reply.path.dialled_at


def test_the_two_half_past_two_of_autumn_are_two_slots() -> None:
    service = centre(ALWAYS)
    half_past = local(2026, 10, 25, 2, 30)
    first, second = (ask(service, berlin(OCTOBER), berlin(half_past, fold=fold)).slot for fold in (0, 1))
    assert first is not None
    assert second is not None
    assert second.start - first.start == timedelta(hours=1)


@pytest.mark.parametrize(
    ("at", "desired"),
    [
        # A Sunday on which clocks change, at which the office is closed; too late in the day; passed; too far ahead.
        (berlin(MARCH), berlin(local(2026, 3, 29, 10, 0))),
        (berlin(OCTOBER), berlin(local(2026, 10, 25, 10, 0))),
        (berlin(MONDAY), berlin(local(2026, 3, 2, 17, 5))),
        (berlin(MONDAY), berlin(local(2026, 3, 2, 16, 0))),
        (berlin(MONDAY), berlin(local(2027, 3, 2, 10, 0))),
    ],
)
def test_what_is_refused_is_refused_with_the_same_words(at: datetime, desired: datetime) -> None:
    service = centre()
    reply = ask(service, at, desired)
    with pytest.raises(actions.NotAvailable) as refused:
        start(service, at, desired)
    answer = errors.told(refused.value)
    assert reply.refused is not None
    assert answer is not None
    assert (
        (reply.refused.status, reply.refused.message) == (answer.status, answer.message) == (400, refused.value.message)
    )
    assert list(reply.refused.offers) == refused.value.offers != []
    assert reply.path is None


def test_a_full_slot_is_told_with_the_times_beside_it() -> None:
    service = centre(_max_request_by_time_bucket="1")
    at, desired = berlin(MONDAY), berlin(local(2026, 3, 3, 9, 30))
    start(service, at, desired)
    reply = ask(service, at, desired)
    assert reply.slot is not None
    assert (reply.slot.free, reply.slot.total) == (0, 1)
    with pytest.raises(actions.NotAvailable) as refused:
        start(service, at, desired)
    assert reply.refused is not None
    assert reply.refused.message == refused.value.message
    assert list(reply.refused.offers) == refused.value.offers


def test_a_closed_office_at_five_to_five_lets_it_wait_for_the_morning() -> None:
    service = centre("Mon-Fri 09:00-16:50")
    reply = ask(service, berlin(MONDAY))
    assert reply.path is not None
    assert reply.callback is not None
    held = [entry for entry in reply.path.entries if entry.kind == "put-off"]
    assert "the office is closed" in held[0].text
    # No attempt was used; the next morning at nine the phone rings.
    assert reply.path.dialled_at == berlin(local(2026, 3, 3, 9, 0))
    assert reply.callback.reason == Reason.AGENT_CONNECTED
    closed = next(check for check in reply.checks if check.name == "Office hours")
    assert closed.ok is False


def test_numbers_and_limits_refuse_as_they_would() -> None:
    service = centre(_max_queued_callbacks_per_service="0")
    reply = ask(service, berlin(MONDAY))
    assert reply.refused is not None
    assert reply.refused.status == 503
    assert reply.refused.message == f"Limit of queued callbacks for {service.name} is reached."
    BlockedNumber.objects.create(number="916504661232", reason="fraud", created_by="sam", created_at=berlin(MONDAY))
    blocked = ask(service, berlin(MONDAY))
    assert blocked.refused is not None
    assert blocked.refused.message == "Customer Number [916504661232] is disallowed, because it is blocked."
    verdicts = {check.name: check.ok for check in blocked.checks}
    assert (verdicts["Block list"], verdicts["Limits"], verdicts["Pause"]) == (False, False, True)


def test_missing_keys_are_told() -> None:
    service = centre(_mandatory_customer_lookup_keys="account")
    reply = ask(service, berlin(MONDAY))
    assert reply.refused is not None
    assert "account" in reply.refused.message
    assert ask(service, berlin(MONDAY), parameters={**ADA, "account": "4711"}).refused is None


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({}, ["dialling", "ringing", "detecting", "waiting", "connecting", "joining", "talking", "ended"]),
        ({"_wait_for_agent": "true"}, ["awaiting", "dialling", "ringing", "detecting", "waiting"]),
        (
            {"_userterminated_first_connect_party": "AGENT", "_agent_preview": "true"},
            ["reserving", "previewing", "calling_agent", "dialling", "ringing", "detecting", "joining", "talking"],
        ),
        ({"_call_direction": "USERORIGINATED"}, ["expecting", "waiting", "connecting", "joining", "talking"]),
        (
            {"_call_direction": "USERORIGINATED", "_wait_for_agent": "true"},
            ["awaiting", "confirming", "expecting", "waiting", "connecting", "joining", "talking", "ended"],
        ),
    ],
)
def test_each_scenario_goes_its_way_to_an_agent(options: dict[str, str], stages: list[str]) -> None:
    pool = {"_allocation": "LOCAL", "number0": "18005550100"}
    NamedList.objects.create(name="GMS_Resources", sections={"DNIS": pool})
    service = centre(_resource_group="DNIS", **options)
    reply = ask(service, berlin(MONDAY), wait=Wait(seconds=60))
    assert reply.path is not None
    assert reply.callback is not None
    passed = list(dict.fromkeys(entry.stage for entry in reply.path.entries))
    assert [stage for stage in passed if stage in stages] == stages
    assert reply.callback.reason == Reason.AGENT_CONNECTED


def test_each_attempt_goes_as_it_is_assumed() -> None:
    service = centre()
    reply = ask(
        service, berlin(MONDAY - timedelta(hours=5)), outcomes=(Outcome.BUSY, Outcome.MACHINE, Outcome.NO_ANSWER)
    )
    assert reply.path is not None
    assert reply.callback is not None
    results = [attempt.result for attempt in reply.path.attempts.values()]
    assert results == ["BUSY", "ANSWERING_MACHINE", "NO_ANSWER"]
    assert (reply.callback.state, reply.callback.reason) == (State.COMPLETED, Reason.FAIL_CALL_TO_CUSTOMER)


def test_without_agents_it_waits_until_its_time_in_the_queue_is_over() -> None:
    service = centre(_wait_for_agent="true")
    at = berlin(MONDAY - timedelta(hours=5))
    nobody = ask(service, at, wait=Wait(agents=0))
    assert nobody.wait is None
    assert nobody.callback is not None
    assert nobody.callback.reason == Reason.FAIL_TARGET_NOT_FOUND
    # Two calls ahead of it for one agent, who is on another.
    some = ask(service, at, wait=Wait(agents=1, waiting=2))
    assert some.wait is not None
    assert some.wait > 300
    assert some.callback is not None
    assert some.callback.reason == Reason.AGENT_CONNECTED


def test_a_long_wait_draws_the_start_in_by_half_an_hour_at_most() -> None:
    service = centre()
    at, desired = berlin(MONDAY - timedelta(hours=5)), berlin(MONDAY)
    reply = ask(service, at, desired, wait=Wait(seconds=7200))
    assert reply.path is not None
    assert reply.options is not None
    buffer = timedelta(seconds=reply.options.request_execution_time_buffer)
    assert reply.path.started_at == desired - buffer - timedelta(minutes=30)
    threshold = timedelta(seconds=reply.options.desired_connect_time_threshold)
    assert reply.path.dialled_at == desired - threshold


def test_a_paused_service_keeps_it_waiting() -> None:
    service = centre()
    NamedList.objects.create(name="GMS_Paused_Services", sections={"services": {service.name: "true"}})
    reply = ask(service, berlin(MONDAY))
    assert reply.path is not None
    assert reply.path.open
    assert reply.path.session.stage == "paused"
    assert reply.path.dialled_at is None


def test_nothing_of_it_stays(django_capture_on_commit_callbacks: object) -> None:
    service = centre(_max_dials_per_hour="1", _max_request_by_time_bucket="1")
    at, desired = berlin(MONDAY), berlin(local(2026, 3, 3, 9, 30))
    start(service, at, desired)
    # The brake is at its limit: a real dial that is refused would mark it.
    begins_at = DialCount.Period.HOUR.span(at)[0]
    DialCount.objects.create(service=service.name, period="hour", begins_at=begins_at, most=1, dials=1)
    before = everything()
    with django_capture_on_commit_callbacks() as published:  # type: ignore[operator]
        for parameters in (ADA, {}, {"_customer_number": "5115"}):
            for when in (None, desired, berlin(local(2026, 3, 8, 9, 30))):
                ask(service, at, when, parameters=parameters)
    assert everything() == before
    assert published == []
    assert len(before) > 60


def test_the_database_itself_refuses_to_write_or_lock() -> None:
    service = centre()
    callback = start(service, berlin(MONDAY))
    with pytest.raises(DatabaseError, match="read-only transaction"), what_if.only_reading():
        Callback.objects.filter(pk=callback.pk).update(agent="nobody")
    with pytest.raises(DatabaseError, match="read-only transaction"), what_if.only_reading():
        Callback.objects.select_for_update(no_key=True).get(pk=callback.pk)
    # And only there.
    assert Callback.objects.filter(pk=callback.pk).update(agent="kate") == 1
