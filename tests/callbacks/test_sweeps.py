"""The sweep: what is over goes with all that any floor knows of it, what lives is told, and nobody has to wait."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from callbacks import inbox, sweeps
from callbacks.flow.events import Cancelled
from callbacks.flow.states import Reason, State
from callbacks.models import Attempt, Callback, JournalEntry, Pending
from callbacks.push.models import CometMessage, Notice
from scheduling import bookings, tasks, tick
from scheduling.models import Booking, Timer
from scheduling.plan import Plan
from telephony.models import Agent, Call, Leg, Prediction, QueueEntry
from telephony.switch import LegState
from tests.factories import NOON, AgentFactory, AttemptFactory, CallbackFactory, JournalEntryFactory, SwitchFactory

LATE = NOON + timedelta(days=2)
ALWAYS = Plan(hours=None, capacity=None, limit_by_default=100, minutes=5, zone=ZoneInfo("UTC"))


def leg(callback: Callback, state: LegState) -> Leg:
    call = Call.objects.create(owner=callback.pk, wish={}, settled=True, look_at=NOON)
    return Leg.objects.create(
        id=f"cb-{callback.pk}-customer-1",
        call=call,
        party="customer",
        attempt=1,
        switch=SwitchFactory.create(),
        endpoint="sim:1",
        state=state,
        created_at=NOON,
    )


def furnish(callback: Callback) -> None:
    """A row of it in every table that has one of a callback."""
    JournalEntryFactory.create_batch(3, callback=callback)
    AttemptFactory.create(callback=callback)
    inbox.put([(callback.pk, Cancelled(actor="test", reason=Reason.CANCELLED))], NOON)
    Notice.objects.create(
        callback=callback, visit=1, kind="httpcb", device="d", body={}, attempts=1, due_at=NOON, look_at=NOON
    )
    Timer.objects.create(owner=callback.pk, name="stage", due_at=NOON)
    assert callback.service is not None
    bookings.book(callback.pk, service_id=callback.service.pk, plan=ALWAYS, desired_at=NOON)
    QueueEntry.objects.create(
        owner=callback.pk, queue="Billing_VQ", target_key="GA:Billing", visit=1, place_at=NOON, reserve_seconds=5
    )
    leg(callback, LegState.ENDED)
    Prediction.objects.create(
        owner=callback.pk,
        queue="Billing_VQ",
        made_at=NOON,
        hour=12,
        ahead=0,
        agents=1,
        plain_ewt=0,
        plain_p90=0,
        earliest=20,
        ewt=20,
        p90=20,
        outcome="served",
        settled_at=NOON,
        waited=25,
    )


def mentions() -> dict[str, int]:
    """How many rows each table has that holds something of callbacks."""
    tables = (Callback, Pending, JournalEntry, Attempt, Notice, Timer, Booking, QueueEntry, Call, Leg)
    found = {table.__name__: table._default_manager.count() for table in tables}
    # Its figures stay, without a word of whose they were.
    return found | {"Prediction": Prediction.objects.exclude(owner="").count()}


@pytest.mark.django_db
def test_an_expired_record_goes_with_all_that_any_floor_knows_of_it() -> None:
    over = CallbackFactory.create(state=State.COMPLETED)
    furnish(over)
    kept = CallbackFactory.create(state=State.COMPLETED, expires_at=LATE + timedelta(seconds=1))
    furnish(kept)

    assert sweeps.delete_expired(LATE) == 1

    assert mentions() == {
        "Callback": 1,
        "Pending": 1,
        "JournalEntry": 3,
        "Attempt": 1,
        "Notice": 1,
        "Timer": 1,
        "Booking": 1,
        "QueueEntry": 1,
        "Call": 1,
        "Leg": 1,
        "Prediction": 1,
    }
    assert Callback.objects.get() == kept
    assert Prediction.objects.count() == 2


def test_the_sweep_knows_every_table_that_points_to_a_callback() -> None:
    pointing = {
        field.model._meta.db_table
        for model in apps.get_models()
        for field in model._meta.fields
        if field.is_relation and field.related_model is Callback
    }
    assert pointing == {*sweeps.CHILDREN, Notice._meta.db_table, CometMessage._meta.db_table}


def talking(callback: Callback) -> None:
    leg(callback, LegState.UP)


def reserved(callback: Callback) -> None:
    Agent.objects.filter(pk=AgentFactory.create().pk).update(
        state=Agent.State.RESERVED, reserved_for=callback.pk, reserved_until=LATE
    )


def nothing(callback: Callback) -> None:
    pass


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "furnished"),
    [
        pytest.param({"state": State.COMPLETED, "expires_at": LATE + timedelta(seconds=1)}, nothing, id="not yet"),
        pytest.param({"state": State.SCHEDULED}, nothing, id="scheduled"),
        pytest.param({"state": State.PAUSED}, nothing, id="paused"),
        pytest.param({"state": State.PROCESSING}, nothing, id="processing"),
        pytest.param({"state": State.COMPLETED}, talking, id="talking"),
        pytest.param({"state": State.COMPLETED}, reserved, id="an agent is reserved"),
    ],
)
def test_what_is_not_over_stays(fields: dict[str, Any], furnished: Callable[[Callback], None]) -> None:
    callback = CallbackFactory.create(**fields)
    JournalEntryFactory.create(callback=callback)
    furnished(callback)
    before = mentions()
    assert sweeps.delete_expired(LATE) == 0
    assert mentions() == before


@pytest.mark.django_db
def test_those_who_still_talk_do_not_keep_the_others_waiting() -> None:
    for _ in range(3):
        talking(CallbackFactory.create(state=State.COMPLETED, expires_at=NOON))
    CallbackFactory.create_batch(2, state=State.COMPLETED)
    assert sweeps._delete_batch(LATE, 3) == 2
    assert Callback.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_somebody_holds_is_left_for_the_next_time() -> None:
    held, _ = CallbackFactory.create_batch(2, state=State.COMPLETED)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            # As whoever puts an event into the callback's inbox.
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM callbacks_callback WHERE id = %s FOR KEY SHARE", [held.pk])
            locked.set()
            done.wait(10)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        assert locked.wait(10)
        assert sweeps.delete_expired(LATE) == 1
        assert Callback.objects.get() == held
    finally:
        done.set()
        holder.join()
    assert sweeps.delete_expired(LATE) == 1
    assert not Callback.objects.exists()


class Pace:
    """A database that removes a record in so many seconds, and the clock that goes on meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, seconds: float, stored: int) -> None:
        self.seconds, self.stored = seconds, stored
        self.now = 0.0
        self.batches: list[int] = []
        monkeypatch.setattr(sweeps, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(sweeps, "_delete_batch", self.delete)

    def delete(self, now: object, most: int) -> int:
        gone = min(most, self.stored)
        self.stored -= gone
        self.now += gone * self.seconds
        self.batches.append(gone)
        return gone


@pytest.mark.parametrize("seconds", [0.000_01, 0.000_1, 0.000_3, 0.001, 0.001_9])
def test_a_turn_of_the_sweep_lasts_200_ms_at_most(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    pace = Pace(monkeypatch, seconds=seconds, stored=1_000_000)
    assert sweeps.delete_expired(LATE) == sum(pace.batches)
    assert pace.now <= 0.2
    # And is worth its while: at least half of what could be done is done.
    assert sum(pace.batches) >= min(0.1 / seconds, sweeps.FIRST_BATCH)
    assert max(pace.batches) <= sweeps.LARGEST_BATCH


def test_a_turn_of_the_sweep_ends_where_there_is_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace(monkeypatch, seconds=0.000_1, stored=150)
    assert sweeps.delete_expired(LATE) == 150
    assert pace.batches == [100, 50]


@pytest.fixture
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    kicked: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(tasks, "publish", lambda *kick: kicked.append(kick))
    return kicked


def test_the_sweep_goes_on_as_a_task_of_its_own_while_there_is_more(
    monkeypatch: pytest.MonkeyPatch, kicks: list[tuple[str, tuple[str, ...]]], time_machine: Any
) -> None:
    time_machine.move_to(NOON, tick=False)
    runs: list[str] = []
    left = [700, 200, 0]

    def once(now: object) -> int:
        runs.append("once")
        return 5

    def repeated(now: object) -> int:
        runs.append("repeated")
        return left.pop(0)

    monkeypatch.setattr(tick, "_sources", tick.Sources(slow=[once], repeated=[repeated]))
    tasks.sweep()
    while kicks:
        [(name, args)] = kicks
        kicks.clear()
        assert name == tasks.sweep.name
        assert args == ((NOON + tasks.SWEEP_TIME).isoformat(),)
        tasks.sweep(*args)
    assert runs == ["once", "repeated", "repeated", "repeated"]


def test_the_sweep_stops_before_beat_asks_for_the_next_one(
    monkeypatch: pytest.MonkeyPatch, kicks: list[tuple[str, tuple[str, ...]]], time_machine: Any
) -> None:
    monkeypatch.setattr(tick, "_sources", tick.Sources(repeated=[lambda now: 1]))
    time_machine.move_to(NOON, tick=False)
    tasks.sweep((NOON + timedelta(seconds=1)).isoformat())
    assert len(kicks) == 1
    kicks.clear()
    tasks.sweep(NOON.isoformat())
    assert kicks == []


@pytest.mark.django_db
def test_a_live_one_is_told_once_that_its_time_is_over_unless_a_call_is_up() -> None:
    late = CallbackFactory.create(state=State.SCHEDULED)
    talking(CallbackFactory.create(state=State.PROCESSING))
    CallbackFactory.create(state=State.COMPLETED)
    CallbackFactory.create(state=State.QUEUED, expires_at=LATE + timedelta(seconds=1))
    assert sweeps.expire(LATE) == 1
    assert [(pending.callback_id, pending.event["kind"]) for pending in Pending.objects.all()] == [(late.pk, "Expired")]
    assert sweeps.expire(LATE) == 0


@pytest.mark.django_db
def test_no_more_are_told_than_the_workers_have_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    CallbackFactory.create_batch(5, state=State.SCHEDULED)
    monkeypatch.setattr(sweeps, "kicks_to_spare", lambda: 3)
    assert [sweeps.expire(LATE), sweeps.expire(LATE), sweeps.expire(LATE)] == [3, 2, 0]


# Ten thousand records of each kind, none of which is due.
STORED = """
INSERT INTO callbacks_callback (id, service_id, service_name, state, reason, stage, session, options, overrides,
    customer_number, user_data, properties, created_at, desired_at, completed_at, expires_at, agent, queue)
SELECT id || '-' || n, service_id, service_name, state, reason, stage, session, options, overrides, customer_number,
    user_data, properties, created_at, desired_at, completed_at, expires_at + make_interval(days => 30), agent, queue
FROM callbacks_callback, generate_series(1, 10000) AS n
"""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sweep", "index"), [(sweeps.expire, "callback_expiring"), (sweeps.delete_expired, "callback_removable")]
)
def test_what_is_stored_costs_the_sweep_nothing(sweep: Callable[[Any], int], index: str) -> None:
    CallbackFactory.create(state=State.COMPLETED, expires_at=LATE)
    CallbackFactory.create(state=State.SCHEDULED, expires_at=LATE)
    with connection.cursor() as cursor:
        cursor.execute(STORED)
        cursor.execute("ANALYZE callbacks_callback")
    # Not yet: the rows are found and left alone.
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert sweep(NOON) == 0
    [sql] = [query["sql"] for query in queries if "expires_at" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"Index Scan using {index} on callbacks_callback" in plan, plan
