"""What reports count, compared with the rows themselves; and that each callback is counted once, whatever happens."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import mean, quantiles
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import Client
from pytest_django import Settings

from callbacks import actions, sweeps
from callbacks.actions import NotAvailable
from callbacks.api.errors import ApiError
from callbacks.flow.decision import DialResult
from callbacks.flow.states import Reason, State
from callbacks.limits import LimitReached
from callbacks.models import Attempt, Callback, JournalEntry
from callbacks.reporting import distribution, export, figures, periods, reading, refusals, sweep
from callbacks.reporting import story as story_of
from callbacks.reporting.counting import Step, What
from callbacks.reporting.models import AgentTotal, CallbackFact, RefusalMark, ReportTotal
from callbacks.reporting.periods import BadPeriod, Days
from callbacks.reporting.story import Call, Completed, Line, Rows
from scheduling import totals
from scheduling.models import Total
from services.models import START, ApiKey
from telephony.models import Prediction
from tests import reports
from tests.factories import CallbackFactory
from tests.world import World

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def berlin(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"


def sweep_all() -> int:
    done = 0
    while found := sweep.report_batch(7):
        done += found
    return done


def within(days: Days) -> list[Callback]:
    """By walking through all of them."""
    return [
        callback
        for callback in Callback.objects.filter(state=State.COMPLETED)
        if callback.completed_at and days.first <= callback.completed_at.astimezone(BERLIN).date() <= days.last
    ]


def test_the_figures_are_those_of_the_callbacks(db: None, berlin: None) -> None:
    """Every figure of a period that crosses a month and the change of the clocks, computed once more from the rows."""
    reports.make(1, 120)
    assert sweep_all() == 120
    for days in (
        Days(date(2026, 3, 23), date(2026, 4, 6)),
        Days(date(2026, 3, 29), date(2026, 3, 29)),
        Days(date(2026, 3, 1), date(2026, 4, 30)),
        Days(date(2026, 3, 30), date(2026, 4, 1)),
    ):
        compare(days, reading.totals(days, None), within(days))


def compare(days: Days, counts: reading.Counts, callbacks: list[Callback]) -> None:
    assert callbacks
    ids = [callback.pk for callback in callbacks]
    customer = list(Attempt.objects.filter(callback__in=ids, party="customer").order_by("callback", "number"))
    talks = {entry.callback_id: entry.at for entry in JournalEntry.objects.filter(callback__in=ids, kind="connected")}
    rung: dict[str, datetime] = {}
    for attempt in customer:
        assert attempt.dialled_at
        rung.setdefault(attempt.callback_id, attempt.dialled_at)
    reached = {attempt.callback_id for attempt in customer if attempt.result == "PERSON"}
    assert counts.of(What.FUNNEL) == {
        Step.ACCEPTED: len(ids),
        Step.STARTED: len(ids),
        Step.RUNG: len(rung),
        Step.REACHED: len(reached),
        Step.CONNECTED: len(talks),
    }
    assert counts.of(What.OUTCOME) == Counter(callback.reason for callback in callbacks)
    assert counts.of(What.RESULT) == Counter(attempt.result for attempt in customer)
    tried = Counter(attempt.callback_id for attempt in customer)
    assert counts.of(What.TRIES) == Counter(str(tried[pk]) for pk in ids)
    said = JournalEntry.objects.filter(callback__in=ids, kind="disposed")
    assert counts.of(What.SAID) == Counter(entry.data["disposition"] for entry in said)
    hours = Counter(each.created_at.astimezone(BERLIN).strftime("%w %H") for each in callbacks)
    named = {f"{(int(key[0]) - 1) % 7 * 24 + int(key[2:]):03d}": n for key, n in hours.items()}
    assert counts.of(What.REQUESTED) == named

    promised = [callback for callback in callbacks if callback.desired_at != callback.created_at]
    late = [(rung[each.pk] - each.desired_at).total_seconds() for each in promised if each.pk in rung]
    same(counts.distribution(What.RING_LATE), late)
    same(
        counts.distribution(What.AGENT_LATE),
        [(talks[each.pk] - each.desired_at).total_seconds() for each in promised if each.pk in talks],
    )
    told = list(Prediction.objects.filter(owner__in=ids, waited__isnull=False))
    same(counts.distribution(What.EWT), [each.ewt - each.waited for each in told if each.waited is not None])
    assert counts.n(What.P90, "within") == sum((each.waited or 0) <= each.p90 + 1 for each in told)


def same(found: distribution.Distribution, values: list[float]) -> None:
    """The mean to the bit of arithmetic, percentiles within their interval."""
    assert found.n == len(values)
    if not values:
        assert found.mean is None
        return
    assert found.mean == pytest.approx(mean(values))
    assert found.absolute.mean == pytest.approx(mean(map(abs, values)))
    assert found.within(float("-inf"), -60) + found.within(-60, 60) == sum(value < 60 for value in values)
    for share in (0.5, 0.9):
        exact = sorted(values)[max(-(-round(share * 1000) * len(values) // 1000) - 1, 0)]
        low, high = distribution.bounds(distribution.interval(exact))
        told = found.percentile(share)
        assert told is not None
        assert low <= told <= high


def test_what_agents_did(db: None, berlin: None) -> None:
    reports.make(2, 60)
    sweep_all()
    days = Days(date(2026, 3, 1), date(2026, 4, 30))
    found = reading.by_agent(days, None)
    attempts = Attempt.objects.filter(party="agent")
    assert {name: each.connected for name, each in found.items()} == Counter(each.agent for each in attempts)
    seconds: dict[str, float] = defaultdict(float)
    for each in attempts:
        assert each.ended_at
        assert each.answered_at
        seconds[each.agent] += (each.ended_at - each.answered_at).total_seconds()
    assert {name: each.talk_seconds for name, each in found.items()} == pytest.approx(dict(seconds))


def test_ringing_is_told_of_the_calls_that_became_a_talk(db: None, berlin: None) -> None:
    """Who answered, and whose customer was not there, rang for no talk: the average is one of talks."""
    callback = CallbackFactory.create(state=State.COMPLETED)
    began = callback.completed_at
    assert began
    for number, (result, seconds) in enumerate([(DialResult.CONNECTED, 4), (DialResult.UNKNOWN, 20)], start=1):
        answered = began + timedelta(seconds=seconds)
        told = {"callback": callback, "party": "agent", "agent": "kate", "number": number, "result": result}
        Attempt.objects.create(began_at=began, answered_at=answered, ended_at=answered, **told)
    sweep_all()
    done = reading.by_agent(whole(callback), None)
    assert (done["kate"].offered, done["kate"].connected, done["kate"].lost) == (2, 1, 1)
    [row] = figures.agents(done, None).rows
    assert row[7] == 4


def test_each_wait_is_told_of_the_call_that_it_was_for(db: None) -> None:
    """Answered, gone before an agent was there; called again and connected; and again later, behind the others."""
    begin = datetime(2026, 3, 24, 9, tzinfo=UTC)

    def at(minutes: float) -> datetime:
        return begin + timedelta(minutes=minutes)

    def call(number: int, dialled: float, answered: float, ended: float) -> Call:
        return Call("customer", number, "", at(dialled), at(dialled), at(answered), at(ended), DialResult.PERSON)

    def story(started: float, *talks: float) -> story_of.Story:
        callback = Completed(
            *("369-1", "billing", "", "", Reason.AGENT_CONNECTED, "kate"),
            {"started_at": at(started).isoformat(), "attempts_before": 2},
            *(at(0), at(0), at(90)),
        )
        calls = [call(1, 1, 2, 5), call(2, 30, 31, 40), call(3, 65, 66, 90)]
        return story_of.tell(Rows(callback, calls, [Line(at(talk), "connected", "kate", "") for talk in talks]))

    again = story(60, 33, 67)
    assert (again.offline, again.hold) == (5 * 60, 2 * 60)
    assert again.fact.reached_at == at(31)
    assert export.record(again.fact)["_CB_D_WAITING_FOR_AGENT_OFFLINE"] is None
    assert export.record(again.fact)["_CB_D_CUSTOMER_CONNECTED_WAITING_FOR_AGENT"] == 2 * 60
    never = story(0)
    assert (never.offline, never.hold) == (60, 24 * 60)


def test_services_and_days_add_up_to_the_whole(db: None, berlin: None) -> None:
    reports.make(3, 60)
    sweep_all()
    days = Days(date(2026, 3, 23), date(2026, 4, 6))
    whole = reading.totals(days, None)
    services = reading.by_service(days, None)
    by_day = reading.by_day(days, None)
    assert len(services) == 3
    for step in Step:
        n = whole.n(What.FUNNEL, step)
        assert sum(each.n(What.FUNNEL, step) for each in services.values()) == n
        assert sum(each.n(What.FUNNEL, step) for each in by_day.values()) == n
    only = reading.totals(days, ["service-1"])
    assert only.n(What.FUNNEL, Step.ACCEPTED) == services["service-1"].n(What.FUNNEL, Step.ACCEPTED)
    assert only.n(What.FUNNEL, Step.ACCEPTED) == Callback.objects.filter(service_name="service-1").count()


def test_a_callback_on_the_telephone_becomes_a_fact_when_the_call_is_over(transactional_db: None) -> None:
    world = World()
    world.ready()
    callback = world.start()
    assert sweep.report_batch(10) == 0
    world.finish(callback)
    sweep_all()
    fact = CallbackFact.objects.get()
    assert (fact.callback, fact.service, fact.reason) == (callback.pk, world.service.name, Reason.AGENT_CONNECTED)
    assert (fact.direction, fact.agent, fact.results) == ("USERTERMINATED", "kate", ["PERSON"])
    assert fact.rung_at
    assert fact.reached_at
    assert fact.connected_at
    assert fact.accepted_at <= fact.rung_at <= fact.reached_at <= fact.connected_at <= fact.ended_at
    assert fact.talk_seconds == pytest.approx((fact.ended_at - fact.connected_at).total_seconds(), abs=0.5)
    total = AgentTotal.objects.get(span="d")
    assert (total.agent, total.offered, total.connected, total.talk_seconds) == ("kate", 1, 1, fact.talk_seconds)


def test_who_still_talks_is_not_over(db: None) -> None:
    CallbackFactory.create(state=State.COMPLETED, stage="talking")
    CallbackFactory.create(state=State.QUEUED)
    assert sweep.report_batch(10) == 0
    assert not CallbackFact.objects.exists()


def test_a_callback_is_removed_only_with_its_fact(db: None) -> None:
    """After an outage of the sweep nothing is missing, however long it was."""
    callback = CallbackFactory.create(state=State.COMPLETED)
    assert sweeps.delete_expired(callback.expires_at) == 1
    assert not Callback.objects.exists()
    assert CallbackFact.objects.get().callback == callback.pk
    assert sweep_all() == 0
    assert reading.totals(whole(callback), None).n(What.FUNNEL, Step.ACCEPTED) == 1


def test_one_whose_talk_never_came_to_its_end_is_removed_with_its_fact_too(db: None) -> None:
    """Its agent was deleted, say, and nobody told it that the call is gone: its record is completed all the same."""
    callback = CallbackFactory.create(state=State.COMPLETED, stage="talking", reason=Reason.AGENT_CONNECTED)
    assert sweeps.delete_expired(callback.expires_at) == 1
    fact = CallbackFact.objects.get()
    assert (fact.callback, fact.reason) == (callback.pk, Reason.AGENT_CONNECTED)


def whole(callback: Callback) -> Days:
    assert callback.completed_at
    return Days(callback.completed_at.date(), callback.completed_at.date())


def test_a_session_that_cannot_be_read_is_reported_all_the_same(db: None) -> None:
    CallbackFactory.create(state=State.COMPLETED, session={"slot": 7, "started_at": "never", "attempts_before": "x"})
    assert sweep.report_batch(10) == 1
    assert CallbackFact.objects.get().started_at is None


def test_a_batch_that_is_killed_leaves_nothing(db: None) -> None:
    """Whatever the kill comes in between: the next sweep begins anew, and everything is counted once."""
    reports.make(4, 20, services=1)
    for broken in ("callbacks.reporting.totals.Totals.store", "callbacks.models.Callback.objects.filter"):
        killed = mock.patch(broken, side_effect=DatabaseError("the connection is gone"))
        with killed, pytest.raises(DatabaseError), transaction.atomic():
            sweep.report_batch(10)
        assert not CallbackFact.objects.exists()
        assert not ReportTotal.objects.exists()
    assert sweep_all() == 20
    assert CallbackFact.objects.count() == 20
    days = Days(date(2026, 3, 1), date(2026, 4, 30))
    assert reading.totals(days, None).n(What.FUNNEL, Step.ACCEPTED) == 20


def at_once(works: list[Callable[[], object]]) -> list[BaseException]:
    """Run them in threads of their own, each with its connection; what went wrong."""
    failed: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 (told to the test)
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return failed


def test_sweeps_and_removals_at_once_count_each_callback_once(transactional_db: None) -> None:
    made = reports.make(5, 80, services=2)
    rng = random.Random(5)

    def sweeper() -> None:
        idle = 0
        while idle < 20:
            idle = 0 if sweep.report_batch(rng.randrange(1, 6)) else idle + 1

    def remover() -> None:
        for callback in made[::3]:
            with transaction.atomic():
                locked = Callback.objects.filter(pk=callback.pk).select_for_update()
                sweeps.forget(locked.values_list("pk", flat=True))

    assert at_once([sweeper, sweeper, remover]) == []
    sweep_all()
    assert CallbackFact.objects.count() == 80
    days = Days(date(2026, 3, 1), date(2026, 4, 30))
    counts = reading.totals(days, None)
    assert counts.n(What.FUNNEL, Step.ACCEPTED) == 80
    assert counts.of(What.OUTCOME) == Counter(callback.reason for callback in made)
    # In the order in which they became visible.
    assert not Callback.objects.filter(reported=False).exists()


def test_without_the_locks_two_sweeps_take_the_same_callbacks(transactional_db: None) -> None:
    """The negative control; the constraint on facts then keeps what the locks keep otherwise."""
    reports.make(6, 10, services=1)
    both_read = threading.Barrier(2, timeout=30)
    read = sweep._read

    def wait(ids: list[str]) -> object:
        rows = read(ids)
        both_read.wait()
        return rows

    unlocked = Callback.objects.filter(stage="ended", reported=False)
    with (
        mock.patch.object(sweep, "_is_alone", return_value=True),
        mock.patch.object(sweep, "_unreported", side_effect=unlocked.all),
        mock.patch.object(sweep, "_read", wait),
    ):
        failed = at_once([lambda: sweep.report_batch(10)] * 2)
    assert [type(error) for error in failed] == [IntegrityError]
    days = Days(date(2026, 3, 1), date(2026, 4, 30))
    assert reading.totals(days, None).n(What.FUNNEL, Step.ACCEPTED) == 10


def test_who_reads_on_from_the_last_fact_misses_none(transactional_db: None) -> None:
    """A fact with a lower number never becomes visible after one with a higher number was read."""
    made = reports.make(7, 30, services=1)
    seen: list[int] = []
    done = threading.Event()

    def reader() -> None:
        last = 0
        while True:
            finished = done.is_set()
            for seq in CallbackFact.objects.filter(seq__gt=last).order_by("seq").values_list("seq", flat=True):
                seen.append(seq)
                last = seq
            if finished:
                return

    def writer() -> None:
        idle = 0
        while idle < 20:
            idle = 0 if sweep.report_batch(2) else idle + 1

    def both() -> None:
        assert at_once([writer, writer]) == []
        done.set()

    assert at_once([reader, both]) == []
    assert len(seen) == len(made) == 30


def test_refused_requests_are_taken_in_once(db: None) -> None:
    now = datetime(2026, 3, 2, 12, tzinfo=UTC)
    labels = '{"kind": "time", "service": "billing"}'
    total = Total.objects.create(name=refusals.NAME, labels=labels, value=3)
    assert refusals.take_in(now) == 3
    assert refusals.take_in(now) == 0
    total.value = 5
    total.save(update_fields=["value"])
    assert refusals.take_in(now + timedelta(days=1)) == 2
    assert RefusalMark.objects.get().counted == 5
    of_day = {each.starts: each.n for each in ReportTotal.objects.filter(span="d")}
    assert of_day == {date(2026, 3, 2): 3, date(2026, 3, 3): 2}
    assert ReportTotal.objects.get(span="m").n == 5


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotAvailable("closed", []), "time"),
        (LimitReached("too many"), "limit"),
        (actions.NumberBlocked("+49301"), "number"),
        (actions.MissingKeys(["_customer_number"]), "request"),
        (ApiError("no time"), "request"),
        (actions.Busy(), "other"),
        (LookupError("gone"), "other"),
    ],
)
def test_a_refusal_is_counted_by_its_kind_and_goes_on(error: Exception, kind: str) -> None:
    before = refusals.REFUSED.labels("billing", kind)._value.get()
    with pytest.raises(type(error)), refusals.counted("billing"):
        raise error
    assert refusals.REFUSED.labels("billing", kind)._value.get() == before + 1


def test_a_refused_request_costs_no_statement_and_is_told(db: None) -> None:
    """From the API to the totals."""
    world = World(_mandatory_customer_lookup_keys="_customer_number")
    _, key = ApiKey.objects.create_key(name="test", scopes=[START])
    publisher = totals.Publisher()
    answer = Client().post(
        f"/genesys/1/service/callback/{world.service.name}", {"plan": "gold"}, headers={"x-api-key": key}
    )
    assert answer.status_code == 400
    assert not Callback.objects.exists()
    publisher.publish()
    assert refusals.take_in(datetime(2026, 3, 2, 12, tzinfo=UTC)) == 1
    total = ReportTotal.objects.get(span="d")
    assert (total.service, total.what, total.key, total.n) == (world.service.name, "refused", "request", 1)


def test_what_is_too_old_goes_but_for_months(db: None) -> None:
    callback = CallbackFactory.create(state=State.COMPLETED)
    sweep_all()
    assert callback.completed_at
    sweep.forget(callback.completed_at + sweep.KEPT)
    assert CallbackFact.objects.count() == 1
    removed = sweep.forget(callback.completed_at + sweep.KEPT + timedelta(days=1))
    assert removed == 1 + ReportTotal.objects.filter(span="m").count()
    assert not CallbackFact.objects.exists()
    assert not ReportTotal.objects.filter(span="d").exists()
    assert ReportTotal.objects.get(span="m", what=What.OUTCOME).n == 1


class TestPeriods:
    TODAY = date(2026, 3, 31)

    @pytest.mark.parametrize(
        ("query", "days", "before"),
        [
            ({}, ("2026-03-25", "2026-03-31"), ("2026-03-18", "2026-03-24")),
            ({"period": "today"}, ("2026-03-31", "2026-03-31"), ("2026-03-24", "2026-03-24")),
            ({"period": "yesterday"}, ("2026-03-30", "2026-03-30"), ("2026-03-23", "2026-03-23")),
            ({"period": "28d"}, ("2026-03-04", "2026-03-31"), ("2026-02-04", "2026-03-03")),
            # February is shorter.
            ({"period": "month"}, ("2026-03-01", "2026-03-31"), ("2026-02-01", "2026-02-28")),
            ({"period": "last-month"}, ("2026-02-01", "2026-02-28"), ("2026-01-01", "2026-01-31")),
            ({"from": "2026-03-01", "to": "2026-03-10"}, ("2026-03-01", "2026-03-10"), ("2026-02-15", "2026-02-24")),
            ({"from": "2026-03-30", "to": "2026-04-10"}, ("2026-03-30", "2026-03-31"), ("2026-03-23", "2026-03-24")),
            # A year before that nothing is kept by day.
            ({"period": "52w"}, ("2025-04-02", "2026-03-31"), None),
        ],
    )
    def test_each_is_compared_with_the_same_days_of_the_week(
        self, query: dict[str, str], days: tuple[str, str], before: tuple[str, str] | None
    ) -> None:
        period = periods.read(query, self.TODAY)
        assert (period.days.first.isoformat(), period.days.last.isoformat()) == days
        told = (period.before.first.isoformat(), period.before.last.isoformat()) if period.before else None
        assert told == before

    @pytest.mark.parametrize(
        ("query", "why"),
        [
            ({"period": "aeon"}, "“aeon” is no period. There are today,"),
            ({"period": "custom"}, "Give the first and the last day, each as YYYY-MM-DD."),
            ({"from": "2026-03-02", "to": "2026-03-01"}, "The last day is before the first one."),
            ({"from": "2026-04-02", "to": "2026-04-03"}, "The first day is in the future"),
            ({"from": "2025-03-01", "to": "2026-03-31"}, "These are 396 days; a report can have 366."),
            ({"from": "2025-01-01", "to": "2025-01-02"}, "the first day can be 2025-02-25."),
        ],
    )
    def test_what_is_no_period_says_why(self, query: dict[str, str], why: str) -> None:
        with pytest.raises(BadPeriod) as refused:
            periods.read(query, self.TODAY)
        assert why in str(refused.value)

    def test_a_year_is_read_from_its_months_and_the_days_beside_them(self) -> None:
        months, days = Days(date(2025, 12, 30), date(2026, 3, 2)).split()
        assert [f"{month:%Y-%m}" for month in months] == ["2026-01", "2026-02"]
        assert [day.isoformat() for day in days] == ["2025-12-30", "2025-12-31", "2026-03-01", "2026-03-02"]


def test_every_second_lies_in_its_interval() -> None:
    for seconds in (0, 0.5, 1, 59.999, 60, -0.5, -60, 86399, 86400, 10**6, -(10**6)):
        low, high = distribution.bounds(distribution.interval(seconds))
        assert low <= seconds <= high or abs(seconds) > 2 * 86400


def test_a_percentile_is_exact_to_its_interval() -> None:
    values = [float(n) for n in range(1000)]
    counted = Counter(map(distribution.interval, values))
    found = distribution.of({key: (n, 0.0) for key, n in counted.items()})
    assert found.percentile(0.5) == pytest.approx(quantiles(values, n=2)[0], abs=1)
    assert found.percentile(0.9) == pytest.approx(900, abs=1)
