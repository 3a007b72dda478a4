"""The telephony process with a listener and a record of its own, on the real database."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import DataError, OperationalError, connection, connections, transaction
from django.db.models.functions import Now

import telephony
from callbacksite import celery_app
from scheduling import kick, tick
from telephony import lease, process, switches
from telephony.models import Switch
from telephony.switch import Answered, LegRequest, Progress, Ringing, Snapshot, SwitchEvent, Verdict

pytestmark = pytest.mark.django_db(transaction=True)

ANN = "ann:1:aa"
BOB = "bob:2:bb"


class FakeListener:
    """Yields what is put into it; None as rarely as the contract allows."""

    def __init__(self) -> None:
        self.coming: queue.Queue[SwitchEvent | str] = queue.Queue()
        self.connected = True
        self.closed = threading.Event()

    def events(self) -> Iterator[SwitchEvent | None]:
        while not self.closed.is_set():
            try:
                event = self.coming.get(timeout=0.25)
            except queue.Empty:
                yield None
                continue
            if isinstance(event, str):
                return
            yield event

    def close(self) -> None:
        self.closed.set()
        self.connected = False


@dataclass
class Record:
    """What was written; `fail` may raise instead."""

    written: list[SwitchEvent] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    fail: Callable[[list[SwitchEvent]], None] = lambda events: None

    def __call__(self, *, switch: int, events: list[SwitchEvent], now: datetime) -> list[str]:
        self.fail(events)
        # As what is written into the database: of a transaction whose commit fails nothing stays.
        transaction.on_commit(lambda: self._keep(events))
        return self.unknown

    def _keep(self, events: list[SwitchEvent]) -> None:
        self.batches.append(len(events))
        self.written += events


class Verbs:
    def __init__(self) -> None:
        self.deleted: list[str] = []

    def delete_leg(self, leg: str) -> None:
        self.deleted.append(leg)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    record = Record()
    module = types.ModuleType("telephony.reports")
    module.record = record  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "telephony.reports", module)
    monkeypatch.setattr(telephony, "reports", module, raising=False)
    return record


@pytest.fixture
def listeners(monkeypatch: pytest.MonkeyPatch) -> list[FakeListener]:
    """Every listener that was opened."""
    opened: list[FakeListener] = []

    def listen(row: Switch) -> FakeListener:
        opened.append(FakeListener())
        return opened[-1]

    monkeypatch.setattr(switches, "listen", listen)
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(process, "STAND_BY_SECONDS", 0.1)
    return opened


@pytest.fixture
def row() -> Switch:
    return Switch.objects.create(name="SIP_Switch")


Start = Callable[[str], process.Post]


@pytest.fixture
def post(row: Switch) -> Iterator[Start]:
    started: list[process.Post] = []
    hands = process.Hands(1)

    def start(holder: str) -> process.Post:
        post = process.Post(row, holder=holder, hands=hands)
        started.append(post)
        post.start()
        return post

    yield start
    for one in started:
        one.end()
    for one in started:
        one.join(5)
        assert not one.is_alive()


def eventually(condition: Callable[[], Any], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def ringing(*numbers: int) -> list[SwitchEvent]:
    return [Ringing(f"cb-{number}") for number in numbers]


def say(listener: FakeListener, *events: SwitchEvent) -> None:
    for event in events:
        listener.coming.put(event)


def database_away(events: list[SwitchEvent]) -> None:
    raise OperationalError("the server closed the connection unexpectedly")


def taken_over_by(holder: str, row: Switch) -> None:
    # In one transaction, or the holder's next renewal might come in between.
    with transaction.atomic():
        Switch.objects.filter(pk=row.pk).update(lease_until=Now() - timedelta(seconds=1))
        assert lease.acquire(switch=row.pk, holder=holder) is not None


def test_events_are_written_in_order(post: Start, listeners: list[FakeListener], record: Record) -> None:
    post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], *ringing(*range(120)))

    eventually(lambda: len(record.written) == 120)
    assert record.written == ringing(*range(120))
    assert max(record.batches) == 50


def test_an_event_is_written_at_once(post: Start, listeners: list[FakeListener], record: Record) -> None:
    post(ANN)
    eventually(lambda: listeners)
    waits = []
    for number in range(10):
        time.sleep(0.03)
        started = time.monotonic()
        say(listeners[0], *ringing(number))
        eventually(lambda number=number: len(record.written) > number)  # type: ignore[misc]
        waits.append(time.monotonic() - started)

    assert sorted(waits)[5] < 0.1


def test_unknown_legs_are_deleted_on_the_switch(
    post: Start, listeners: list[FakeListener], record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    verbs = Verbs()
    monkeypatch.setattr(switches, "connect", lambda row: verbs)
    record.unknown = ["cb-stray"]
    post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], Ringing("cb-stray"))

    eventually(lambda: verbs.deleted == ["cb-stray"])


def test_the_lease_is_renewed_and_the_switch_reachable(post: Start, listeners: list[FakeListener], row: Switch) -> None:
    one = post(ANN)
    eventually(lambda: lease.is_live(row.pk))
    assert one.holding
    taken = Switch.objects.get(pk=row.pk)
    assert taken.lease_holder == ANN
    eventually(lambda: Switch.objects.filter(pk=row.pk, lease_until__gt=taken.lease_until).exists())

    listeners[0].connected = False
    time.sleep(0.3)
    lost = Switch.objects.get(pk=row.pk)
    time.sleep(0.3)
    later = Switch.objects.get(pk=row.pk)
    assert later.reachable_at == lost.reachable_at
    assert later.lease_until != lost.lease_until


def test_an_ending_process_writes_what_it_has_and_gives_the_lease_back(
    post: Start, listeners: list[FakeListener], record: Record, row: Switch
) -> None:
    one = post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], *ringing(1, 2, 3))
    eventually(lambda: len(record.written) == 3)
    started = time.monotonic()
    one.end()
    one.join(10)

    assert time.monotonic() - started < 10
    assert listeners[0].closed.is_set()
    assert not one.holding
    assert (Switch.objects.get(pk=row.pk).lease_holder, lease.is_live(row.pk)) == ("", False)


def test_the_stand_by_takes_over(post: Start, listeners: list[FakeListener], record: Record, row: Switch) -> None:
    ann = post(ANN)
    eventually(lambda: ann.holding)
    bob = post(BOB)
    time.sleep(0.4)
    assert len(listeners) == 1, "a stand-by has no socket"
    ann.end()

    eventually(lambda: bob.holding)
    say(listeners[1], *ringing(7))
    eventually(lambda: record.written == ringing(7))


def test_a_holder_that_was_superseded_drops_its_events_and_its_socket(
    post: Start, listeners: list[FakeListener], record: Record, row: Switch
) -> None:
    record.fail = database_away
    ann = post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], *ringing(1, 2))
    time.sleep(0.2)
    taken_over_by(BOB, row)
    record.fail = lambda events: None

    eventually(listeners[0].closed.is_set)
    eventually(lambda: not ann.holding)
    assert record.written == []
    assert Switch.objects.get(pk=row.pk).lease_holder == BOB


def test_a_superseded_holder_that_does_not_know_it_yet_writes_nothing(
    post: Start, listeners: list[FakeListener], record: Record, row: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a freeze: the events come before the renewal that would have told."""
    monkeypatch.setattr(lease, "RENEW_SECONDS", 60.0)
    post(ANN)
    eventually(lambda: lease.is_live(row.pk))
    taken_over_by(BOB, row)
    say(listeners[0], *ringing(1))

    eventually(listeners[0].closed.is_set)
    assert record.written == []


def test_without_the_confirmation_it_would_write(
    post: Start, listeners: list[FakeListener], record: Record, row: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 60.0)
    monkeypatch.setattr(lease, "confirm", lambda **arguments: None)
    post(ANN)
    eventually(lambda: lease.is_live(row.pk))
    taken_over_by(BOB, row)
    say(listeners[0], *ringing(1))

    eventually(lambda: record.written == ringing(1))


def test_a_holder_that_cannot_renew_keeps_its_events_and_writes_them_when_nobody_took_over(
    post: Start, listeners: list[FakeListener], record: Record, row: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    post(ANN)
    eventually(lambda: lease.is_live(row.pk))
    renew = lease.renew

    def fails(**arguments: Any) -> None:
        raise OperationalError("no connection to the server")

    monkeypatch.setattr(lease, "renew", fails)
    record.fail = database_away
    say(listeners[0], *ringing(*range(60)))
    time.sleep(0.3)
    Switch.objects.filter(pk=row.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert not lease.is_live(row.pk)
    assert record.written == []
    say(listeners[0], *ringing(60))
    time.sleep(0.1)
    assert listeners[0].coming.empty(), "the socket is read meanwhile"
    monkeypatch.setattr(lease, "renew", renew)
    record.fail = lambda events: None

    eventually(lambda: len(record.written) == 61)
    assert record.written == ringing(*range(61))
    eventually(lambda: lease.is_live(row.pk))
    assert not listeners[0].closed.is_set()


def test_broken_connections_are_survived(
    post: Start, listeners: list[FakeListener], record: Record, row: Switch
) -> None:
    """As in a restart of the server: every connection but ours is cut, again and again."""
    post(ANN)
    eventually(lambda: listeners)
    for number in range(20):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        say(listeners[0], Ringing(f"cb-{number}"))
        time.sleep(0.03)

    eventually(lambda: record.written == ringing(*range(20)))
    assert len(listeners) == 1
    assert Switch.objects.get(pk=row.pk).lease_holder == ANN


def test_a_listener_that_keeps_its_events_is_not_asked_for_more(
    post: Start, listeners: list[FakeListener], record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeListener, "keeps_events", True, raising=False)
    record.fail = database_away
    post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], *ringing(1))
    time.sleep(0.4)
    say(listeners[0], *ringing(2))
    time.sleep(0.4)
    assert listeners[0].coming.qsize() == 1
    record.fail = lambda events: None

    eventually(lambda: record.written == ringing(1, 2))


def test_one_event_that_cannot_be_written_does_not_hold_up_the_others(
    post: Start, listeners: list[FakeListener], record: Record
) -> None:
    def poisoned(events: list[SwitchEvent]) -> None:
        if Ringing("cb-2") in events:
            raise DataError("value too long")

    record.fail = poisoned
    post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], *ringing(1, 2, 3))

    eventually(lambda: record.written == ringing(1, 3))
    assert not listeners[0].closed.is_set()


def test_more_events_than_fit_in_memory_make_it_listen_afresh(
    post: Start, listeners: list[FakeListener], record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "HELD_LIMIT", 10)
    record.fail = database_away
    post(ANN)
    eventually(lambda: listeners)
    say(listeners[0], *ringing(*range(11)))

    eventually(lambda: len(listeners) == 2)
    assert listeners[0].closed.is_set()


def test_a_socket_that_somebody_else_took_makes_it_stand_by(
    post: Start, listeners: list[FakeListener], row: Switch
) -> None:
    one = post(ANN)
    eventually(lambda: one.holding)
    listeners[0].coming.put("replaced")

    eventually(lambda: len(listeners) == 2)
    assert listeners[0].closed.is_set()
    eventually(lambda: Switch.objects.get(pk=row.pk).lease_epoch == 2)


def test_the_simulator_is_listened_to(post: Start, record: Record, row: Switch, settings: Any) -> None:
    settings.SIMULATOR_SPEED = 50.0
    post(ANN)
    verbs = switches.connect(row)
    verbs.create_leg(LegRequest("cb-ann", "5115", detect=True))
    verbs.dial_leg("cb-ann", timeout=20)

    eventually(lambda: Progress("cb-ann", Verdict.HUMAN) in record.written)
    assert isinstance(record.written[0], Snapshot)
    assert Answered("cb-ann") in record.written
    eventually(lambda: lease.is_live(row.pk))


# The whole process


@pytest.fixture
def serving(listeners: list[FakeListener], record: Record) -> Iterator[Callable[..., threading.Thread]]:
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(only: str | None = None) -> threading.Thread:
        def run() -> None:
            process.serve(only=only, stop=stop)
            connections.close_all()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return threads[-1]

    yield start
    started = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join(10)
    assert time.monotonic() - started < 10
    assert not lease.live_switches().exists()


def test_switches_are_picked_up_changed_and_given_up_as_admin_says(
    serving: Callable[..., threading.Thread], listeners: list[FakeListener]
) -> None:
    serving()
    row = Switch.objects.create(name="SIP_Switch")
    eventually(lambda: lease.is_live(row.pk))
    Switch.objects.create(name="Other")
    eventually(lambda: lease.live_switches().count() == 2)
    assert len(listeners) == 2

    Switch.objects.filter(pk=row.pk).update(ari_password="changed")
    eventually(lambda: len(listeners) == 3)
    eventually(lambda: sum(listener.closed.is_set() for listener in listeners) == 1)
    row.delete()
    eventually(lambda: sum(listener.closed.is_set() for listener in listeners) == 2)


def test_one_switch_may_be_chosen(serving: Callable[..., threading.Thread]) -> None:
    Switch.objects.create(name="Other")
    serving("SIP_Switch")
    row = Switch.objects.create(name="SIP_Switch")

    eventually(lambda: lease.is_live(row.pk))
    assert list(lease.live_switches()) == [row]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_ends_soon_after_a_signal(row: Switch, number: signal.Signals) -> None:
    name = connection.settings_dict["NAME"]
    address = os.environ["DATABASE_URL"].partition("?")
    environment = {
        **os.environ,
        "DATABASE_URL": f"{address[0].rpartition('/')[0]}/{name}{''.join(address[1:])}",
        "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
    }
    manage = Path(settings.BASE_DIR) / "manage.py"
    command = subprocess.Popen([sys.executable, str(manage), "telephony", "--switch", row.name], env=environment)
    try:
        eventually(lambda: lease.is_live(row.pk), 60)
        started = time.monotonic()
        command.send_signal(number)
        # Long before systemd, or Compose, would kill it.
        assert command.wait(30) == 0
        assert time.monotonic() - started < 10
        assert not lease.is_live(row.pk)
    finally:
        command.kill()


# While the broker is away


def test_the_same_work_waiting_twice_is_done_once() -> None:
    hands = process.Hands(1)
    begun, go_on, done = threading.Event(), threading.Event(), []

    def slow() -> None:
        begun.set()
        go_on.wait(5)
        done.append("slow")

    hands.do("slow", slow)
    begun.wait(5)
    for _ in range(3):
        hands.do("quick", lambda: done.append("quick"))
    # One that runs already does not count: it may have looked before.
    hands.do("slow", lambda: done.append("slow again"))
    go_on.set()

    eventually(lambda: len(done) == 3)
    assert done == ["slow", "quick", "slow again"]


def test_work_that_fails_does_not_take_the_hand_with_it() -> None:
    hands = process.Hands(1)
    done = threading.Event()

    def fails() -> None:
        raise ValueError("no")

    hands.do("fails", fails)
    hands.do("works", done.set)
    assert done.wait(5)


def test_a_kick_is_carried_out_here_while_the_broker_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(process, "run_task", lambda task, args: ran.append((task, args)))
    monkeypatch.setattr(kick, "_broker_down_until", time.monotonic() + 60)
    kick.carry_out_with(process.Hands(1).carry_out)
    try:
        kick.publish("callbacks.tasks.advance", ("369-ann",))
        eventually(lambda: ran == [("callbacks.tasks.advance", ("369-ann",))])
    finally:
        kick.carry_out_with(None)


def test_a_dead_broker_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kick, "_broker_down_until", 0.0)
    assert kick.probe()
    assert not kick.broker_is_down()

    dead = celery_app.connection_for_write("redis://127.0.0.1:1/0")
    monkeypatch.setattr(celery_app, "connection_for_write", lambda: dead)
    started = time.monotonic()
    assert not kick.probe()
    assert time.monotonic() - started < 5
    assert kick.broker_is_down()


@pytest.mark.parametrize(
    ("holding", "live_leg", "broker", "swept"),
    [
        (True, True, False, True),
        (True, True, True, False),
        (True, False, False, False),
        (False, True, False, False),
    ],
)
def test_live_calls_are_swept_by_the_holder_while_the_broker_is_away(
    monkeypatch: pytest.MonkeyPatch, row: Switch, holding: bool, live_leg: bool, broker: bool, swept: bool
) -> None:
    sweeps: list[datetime] = []
    monkeypatch.setattr(tick, "sweep_live", sweeps.append)
    monkeypatch.setattr(kick, "probe", lambda: broker)
    monkeypatch.setattr(process, "live_legs", lambda: live_leg)
    post = process.Post(row, holder=ANN, hands=process.Hands(0))
    post.holding = holding
    stop = threading.Event()
    thread = threading.Thread(target=process.stand_in, args=({row.pk: post}, stop))
    thread.start()
    time.sleep(1.3)
    stop.set()
    thread.join(5)

    assert bool(sweeps) is swept
