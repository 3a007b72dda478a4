"""Status notifications from the decision that leads to them to the receiver: signed, in order, at least once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from standardwebhooks import Webhook, WebhookVerificationError

from callbacks import actions, configured, tasks
from callbacks.flow.options import FlowOptions
from callbacks.models import Callback
from callbacks.status import configuration, deliveries, due, resending, signing
from callbacks.status.models import StatusNotice, StatusReceiver
from callbacks.status.outbox import DELIVER, receiver_of
from callbacks.status.reports import DEFAULT_EVENTS, KEYS, Reports, Told
from scheduling import kick
from scheduling.models import Timer
from services.models import NamedList
from tests.callbacks.test_machine import OPTIONS
from tests.test_logs import logged
from tests.world import World

pytestmark = pytest.mark.django_db
# Workers and kicks see only what is committed.
committed = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SECRET, OLDER = "whsec_" + "bmV3" * 8, "whsec_" + "b2xk" * 8
TARGET = "https://crm.example.org/hook"
CRM = "https://crm.example.org:443"
ON: dict[str, Any] = {"_enable_status_notification": "notify", "_status_notification_target": TARGET}
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


class Killed(BaseException):
    """What a process that is killed does to the function that it is in."""


class Receiver:
    """A real web server that keeps what it is sent and answers what it is told to, at last 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], str]] = []
        self.answers: list[int] = []
        # Nobody is answered while this is not set.
        self.open = threading.Event()
        self.open.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                receiver.open.wait(30)
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.send_header("Location", receiver.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.name = receiver_of(self.url)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.open.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["type"].removeprefix("_cbe_on_") for _, body in self.got]


@pytest.fixture(autouse=True)
def _turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, what is due goes in one turn."""
    monkeypatch.setattr(deliveries, "TURN_SECONDS", 60.0)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_ALLOWED_NETWORKS = [ip_network("127.0.0.0/8")]
    settings.STATUS_NOTIFICATION_SECRETS = [SECRET]
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def kicks() -> Iterator[list[tuple[str, tuple[str, ...]]]]:
    """The broker, as a list."""
    kept: list[tuple[str, tuple[str, ...]]] = []
    with mock.patch.multiple(
        kick, _carry_out=lambda task, args: kept.append((task, args)), broker_is_down=lambda: True
    ):
        yield kept


def notice(event: str = "queued", callback: str = "369-1", target: str = TARGET, **fields: Any) -> StatusNotice:
    """One that waits to be sent."""
    values: dict[str, Any] = {
        "service_name": "voice", "body": json.dumps({"type": f"_cbe_on_{event}"}), "made_at": NOON,
        "give_up_at": NOON + 24 * HOUR, "due_at": NOON, "receiver": receiver_of(target),
    }  # fmt: skip
    return StatusNotice.objects.create(callback=callback, event=f"_cbe_on_{event}", target=target, **(values | fields))


def deliver(receiver: Receiver, after: timedelta = timedelta()) -> None:
    deliveries.deliver(receiver.name, now=NOON + after)


def story(**fields: Any) -> list[tuple[str, str, int]]:
    rows = StatusNotice.objects.filter(**fields).order_by("pk")
    return [(row.event.removeprefix("_cbe_on_"), row.state, row.attempt) for row in rows]


# From the decision to the receiver


@committed
def test_a_callback_is_told_from_its_start_to_its_end(receiver: Receiver, settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0
    world = World(_enable_status_notification="subscribe_notify", _status_notification_target=receiver.url)
    world.ready()
    callback = world.finish(world.start())
    world.run(lambda: not StatusNotice.objects.filter(state="pending").exists())
    assert receiver.events == [
        "service_create",
        "virtual_ixn_create",
        "dial_init",
        "dial_done",
        "customer_queued",
        "target_found",
        "route_to_agent",
        "service_exit",
    ]
    _, first = receiver.got[0]
    assert json.loads(first)["data"] == {
        "_service_id": callback.pk,
        "_service_name": "voice-userterm-immediate",
        "_customer_number": "916504661232",
        "_urs_virtual_queue": "Billing_VQ",
    }
    assert {row.state for row in StatusNotice.objects.all()} == {"delivered"}
    # What was delivered is kept without what it said.
    assert {row.body for row in StatusNotice.objects.all()} == {""}


@committed
def test_the_insert_is_the_one_statement_that_it_costs_and_none_where_nobody_is_told() -> None:
    world = World()
    costs = []
    for told in ({}, ON):
        world.service.options = {**world.service.options, **told}
        world.service.save()
        world.start()
        with CaptureQueriesContext(connection) as queries:
            world.start()
        costs.append([query["sql"] for query in queries])
    nobody, somebody = costs
    assert sum("callbacks_statusnotice" in sql for sql in somebody) == 1
    assert len(somebody) == len(nobody) + 1


@committed
def test_a_decision_that_is_not_committed_tells_nobody(kicks: list[tuple[str, tuple[str, ...]]]) -> None:
    world = World(**ON)
    with transaction.atomic():
        world.start()
        transaction.set_rollback(True)
    assert (StatusNotice.objects.count(), kicks) == (0, [])


@committed
def test_a_worker_is_asked_once_the_decision_is_committed() -> None:
    world = World(**ON)
    world.start()
    assert (DELIVER, (CRM,)) in world.kicks
    assert story() == [("service_create", "pending", 0), ("virtual_ixn_create", "pending", 0)]


@committed
def test_a_reminder_is_a_timer_that_tells(kicks: Any) -> None:
    world = World(**ON, _enable_notification_reminder="true")
    callback = world.start(desired_in="7200")
    timer = Timer.objects.get(owner=callback.pk, name="reminder")
    assert callback.desired_at - timer.due_at == timedelta(seconds=300)
    world.run(lambda: StatusNotice.objects.exists())
    assert [event for event, _, _ in story()] == ["callback_reminder"]
    assert not Timer.objects.filter(owner=callback.pk, name="reminder").exists()
    assert Callback.objects.get().stage == "scheduled"


def test_a_service_that_cannot_be_resolved_is_told_all_the_same(kicks: Any) -> None:
    sections = {"_cbe_on_callback_submit_failed": {"notify_params": "_service_id,_callback_reason"}}
    NamedList.objects.create(name="GMS_Events", sections=sections)
    world = World(**ON, _callback_events_list="GMS_Events", _ttl="a week")
    callback = world.start()
    assert callback.reason == "FAIL_ERROR"
    told = StatusNotice.objects.get()
    assert json.loads(told.body)["data"] == {"_service_id": callback.pk, "_callback_reason": "FAIL_ERROR"}


def test_who_is_told_is_frozen_when_the_execution_starts(kicks: Any) -> None:
    world = World(**ON, _wait_for_agent="true")
    callback = world.start()
    world.service.options = {**world.service.options, "_status_notification_target": "https://other.example.org/"}
    world.service.save()
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    assert {row.target for row in StatusNotice.objects.all()} == {TARGET}
    assert StatusNotice.objects.last().event == "_cbe_on_service_exit"  # type: ignore[union-attr]


# What is wanted


def wanted(sections: dict[str, dict[str, str]] | None = None, **options: Any) -> Reports | None:
    if sections is not None:
        NamedList.objects.create(name="Events", sections=sections)
        options["_callback_events_list"] = "Events"
    service = World(**options).service
    callback = Callback(service=service, service_name=service.name, overrides={}, properties={}, user_data={})
    found, error = configured.resolve(callback)
    assert isinstance(found, FlowOptions), error
    return found.reports


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"_enable_status_notification": "false", "_status_notification_target": TARGET},
        {"_enable_status_notification": "notify"},
        {**ON, "_status_notification_type": "orscb", "_status_notification_target": "F00D"},
    ],
)
def test_nobody_is_told(options: dict[str, Any]) -> None:
    assert wanted(**options) is None


@pytest.mark.parametrize("enabled", ["notify", "subscribe_notify"])
def test_without_a_list_the_default_events_are_told(enabled: str) -> None:
    reports = wanted(**{**ON, "_enable_status_notification": enabled})
    assert reports == Reports(TARGET, tuple((event.value, KEYS[event]) for event in DEFAULT_EVENTS))


LIST = {
    "properties": {
        "_enable_status_notification": "subscribe_notify",
        "_status_notification_provider": "",
        "_status_notification_type": "httpcb",
        "_status_notification_target": "https://list.example.org/",
        "_status_notification_attempts": "3",
    },
    "_cbe_on_callback_queued": {"notify_params": "_service_id, _v_queue,_service_id"},
    "_cbe_on_service_exit": {},
    "_cbe_unheard_of": {"notify_params": "_service_id"},
}
LISTED = (
    ("_cbe_on_callback_queued", ("_service_id", "_v_queue")),
    ("_cbe_on_service_exit", ("_service_id", "_service_name", "_c_dialed_number", "_c_termination_type")),
)


def test_a_list_says_everything() -> None:
    assert wanted(LIST) == Reports("https://list.example.org/", LISTED, attempts=3)


def test_an_option_of_the_service_overrides_the_list() -> None:
    reports = wanted(LIST, _status_notification_target=TARGET, _vq_for_outbound_calls="Out_VQ")
    assert reports == Reports(TARGET, LISTED, attempts=3, outbound_queue="Out_VQ")


def test_a_service_that_says_no_is_not_asked_for_its_list() -> None:
    assert wanted(LIST, _enable_status_notification="false") is None


def test_a_list_that_names_no_event_or_is_not_there_means_the_default_ones() -> None:
    default = tuple((event.value, KEYS[event]) for event in DEFAULT_EVENTS)
    assert wanted({"properties": LIST["properties"]}) == Reports("https://list.example.org/", default, attempts=3)
    NamedList.objects.all().delete()


def test_a_reminder_is_told_beside_whatever_is() -> None:
    reports = wanted(LIST, _enable_notification_reminder="true", _notification_reminder_buffer="600")
    assert reports is not None
    assert reports.events == (*LISTED, (Told.REMINDER.value, KEYS[Told.REMINDER]))
    assert reports.remind_seconds == 600


def test_a_list_that_cannot_be_read_is_logged_and_passed_over() -> None:
    broken = {**LIST, "properties": {**LIST["properties"], "_status_notification_attempts": "many"}}
    with mock.patch.object(configuration.logger, "warning") as warned:
        assert wanted(broken) == Reports("https://list.example.org/", LISTED)
    assert "Option _status_notification_attempts: 'many' was given" in str(warned.call_args)


# Signatures


def test_what_arrives_is_signed_by_the_norm(receiver: Receiver) -> None:
    sent = notice(target=receiver.url, body='{"type": "_cbe_on_queued", "data": {"usr_name": "Zoë"}}')
    deliveries.deliver(receiver.name, now=datetime.now(UTC))
    [(headers, body)] = receiver.got
    assert headers["webhook-id"] == f"369-1-{sent.pk}"
    assert headers["content-type"] == "application/json"
    assert Webhook(SECRET).verify(body, headers)["data"] == {"usr_name": "Zoë"}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace("Zoë", "Eve"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OLDER).verify(body, headers)


def test_while_secrets_are_rotated_either_one_verifies(receiver: Receiver, settings: Any) -> None:
    settings.STATUS_NOTIFICATION_SECRETS = [SECRET, OLDER]
    notice(target=receiver.url)
    deliveries.deliver(receiver.name, now=datetime.now(UTC))
    [(headers, body)] = receiver.got
    for secret in (SECRET, OLDER):
        assert Webhook(secret).verify(body, headers) == {"type": "_cbe_on_queued"}


def test_an_installation_without_a_secret_has_one_of_its_own(
    receiver: Receiver, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.STATUS_NOTIFICATION_SECRETS = []
    notice(target=receiver.url)
    deliveries.deliver(receiver.name, now=datetime.now(UTC))
    call_command("notification_secret")
    told = capsys.readouterr().out.strip()
    [(headers, body)] = receiver.got
    assert Webhook(told).verify(body, headers) == {"type": "_cbe_on_queued"}
    settings.SECRET_KEY = "another"
    assert signing.secrets() != [told]
    call_command("notification_secret", "--new")
    assert len(capsys.readouterr().out.strip()) == len("whsec_") + 44


# In order, at least once


def test_the_next_one_of_a_callback_waits_for_the_one_before(receiver: Receiver) -> None:
    for event in ("first", "second", "third"):
        notice(event, target=receiver.url)
    notice("other", callback="369-2", target=receiver.url)
    receiver.answers = [500]
    deliver(receiver)
    # The other callback does not wait for it.
    assert receiver.events == ["first", "other"]
    deliver(receiver, 4 * SECOND)
    assert receiver.events == ["first", "other"]
    deliver(receiver, 30 * SECOND)
    assert receiver.events == ["first", "other", "first", "second", "third"]
    ids = [headers["webhook-id"] for headers, _ in receiver.got]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 4


def test_one_that_is_made_behind_one_that_is_put_off_is_due_with_it(receiver: Receiver, kicks: Any) -> None:
    world = World(**ON, _wait_for_agent="true")
    callback = world.start()
    later = world.now() + HOUR
    StatusNotice.objects.update(due_at=later)
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    assert {row.due_at for row in StatusNotice.objects.all()} == {later}


def test_a_worker_that_is_killed_after_sending_leaves_it_to_be_sent_again(receiver: Receiver) -> None:
    first = notice("first", target=receiver.url)
    notice("second", target=receiver.url)
    with mock.patch.object(deliveries, "_settle", side_effect=Killed), pytest.raises(Killed):
        deliver(receiver)
    assert receiver.events == ["first"]
    # Until the claim expires nobody else sends it, nor what stands behind it.
    deliver(receiver, 9 * SECOND)
    assert receiver.events == ["first"]
    deliver(receiver, 10 * SECOND)
    assert receiver.events == ["first", "first", "second"]
    first.refresh_from_db()
    assert (first.state, first.attempt) == ("delivered", 2)


def test_the_outcome_of_a_lost_claim_changes_nothing(receiver: Receiver) -> None:
    sent = notice(target=receiver.url)
    StatusReceiver.objects.create(name=receiver.name, look_at=NOON)
    slow = deliveries._claim(receiver.name, NOON)
    assert slow is not None
    taken_over = deliveries._claim(receiver.name, NOON + 10 * SECOND)
    assert taken_over is not None
    deliveries._settle(slow, deliveries.Outcome("refused", "it answered 410", final=True), NOON + 11 * SECOND)
    sent.refresh_from_db()
    assert (sent.state, sent.claimed_until) == ("pending", NOON + 20 * SECOND)


def at_work(receiver: Receiver, number: int) -> list[threading.Thread]:
    """So many workers that send to a receiver what is due at noon."""

    def work() -> None:
        try:
            deliver(receiver)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(number)]
    for worker in workers:
        worker.start()
    return workers


@committed
def test_two_workers_never_send_two_of_a_callback_at_once(receiver: Receiver) -> None:
    for number in range(6):
        notice(f"event{number}", callback=f"369-{number % 2}", target=receiver.url)
    sending: list[str] = []
    real = deliveries._send

    def send(claimed: StatusNotice, now: datetime) -> deliveries.Outcome:
        assert claimed.callback not in sending
        sending.append(claimed.callback)
        outcome = real(claimed, now)
        sending.remove(claimed.callback)
        return outcome

    with mock.patch.object(deliveries, "_send", send):
        for worker in at_work(receiver, 4):
            worker.join(30)
    assert sorted(receiver.events) == [f"event{number}" for number in range(6)]
    for callback in (0, 1):
        own = [event for event in receiver.events if int(event[-1]) % 2 == callback]
        assert own == sorted(own)


@committed
def test_no_more_than_two_are_sent_to_a_receiver_at_a_time(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "DELIVERY_SECONDS", 60.0)
    for number in range(5):
        notice(callback=f"369-{number}", target=receiver.url)
    receiver.open.clear()
    workers = at_work(receiver, 4)
    gives_up = time.monotonic() + 30
    try:
        while sum(worker.is_alive() for worker in workers) > 2 or len(receiver.got) < 2:
            assert time.monotonic() < gives_up, "more than two workers are busy with one receiver"
            time.sleep(0.01)
        assert len(receiver.got) == 2
    finally:
        receiver.open.set()
        for worker in workers:
            worker.join(30)
    assert len(receiver.got) == 5


# Failures


def test_pauses_and_rests_double_up_to_a_bound() -> None:
    assert [deliveries.pause(n).total_seconds() for n in (1, 2, 3, 10, 11, 12, 99)] == [
        5, 10, 20, 2560, 3600, 3600, 3600
    ]  # fmt: skip
    assert [deliveries.rest(n).total_seconds() for n in (1, 2, 3, 4, 5, 99)] == [5, 10, 20, 40, 60, 60]


def test_after_a_day_of_failures_it_is_parked_and_the_next_one_goes(receiver: Receiver) -> None:
    sent = notice("first", target=receiver.url)
    notice("second", target=receiver.url, give_up_at=NOON + 48 * HOUR)
    receiver.answers = [500] * 100
    moment, attempts = NOON, []
    while sent.state == "pending":
        attempts.append(moment)
        deliveries.deliver(receiver.name, now=moment)
        sent.refresh_from_db()
        if sent.state == "pending":
            moment = sent.due_at
    assert attempts[-1] == NOON + 24 * HOUR
    # 5 + 10 + 20 + … s and then each hour.
    assert len(attempts) == sent.attempt == 34
    assert (sent.state, sent.reason) == ("parked", "it answered 500")
    assert receiver.events[-2:] == ["first", "second"]


def test_an_admin_may_bound_the_attempts(receiver: Receiver) -> None:
    notice(target=receiver.url, most_attempts=2)
    receiver.answers = [500, 500]
    deliver(receiver)
    assert story() == [("queued", "pending", 1)]
    deliver(receiver, 30 * SECOND)
    assert story() == [("queued", "parked", 2)]


def test_the_bound_holds_where_a_worker_died_during_the_last_attempt(receiver: Receiver) -> None:
    notice(target=receiver.url, most_attempts=1)
    with mock.patch.object(deliveries, "_settle", side_effect=Killed), pytest.raises(Killed):
        deliver(receiver)
    receiver.answers = [500]
    # Whether that one arrived is unknown, so there is one more; then it is over.
    deliver(receiver, 10 * SECOND)
    assert story() == [("queued", "parked", 2)]


def test_who_says_gone_is_not_asked_again(receiver: Receiver) -> None:
    notice("first", target=receiver.url)
    notice("second", target=receiver.url)
    receiver.answers = [410]
    deliver(receiver)
    assert story() == [("first", "parked", 1), ("second", "delivered", 1)]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 408, 500, 502])
def test_any_other_answer_may_be_another_one_later(receiver: Receiver, status: int) -> None:
    sent = notice(target=receiver.url)
    receiver.answers = [status]
    deliver(receiver)
    sent.refresh_from_db()
    assert (sent.state, sent.attempt) == ("pending", 1)
    assert sent.reason.startswith(f"it answered {status}")
    # Where a redirect leads to is not asked.
    assert len(receiver.got) == 1
    assert not StatusReceiver.objects.get().failures


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_every_success_is_one(receiver: Receiver, status: int) -> None:
    notice(target=receiver.url)
    receiver.answers = [status]
    deliver(receiver)
    assert story() == [("queued", "delivered", 1)]


@pytest.mark.parametrize("target", ["http://127.0.0.1:1/", "http://[::1]/", "http://169.254.169.254/latest/"])
def test_nothing_is_sent_into_our_own_network(settings: Any, target: str) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    sent = notice(target=target)
    deliveries.deliver(sent.receiver, now=NOON)
    sent.refresh_from_db()
    assert sent.state == "parked"
    assert "not in the internet" in sent.reason


def test_a_failure_is_logged_without_what_was_said(receiver: Receiver) -> None:
    notice(target=receiver.url + "?token=hush", body='{"_customer_number": "916504661232"}')
    receiver.answers = [500]
    with logged() as lines:
        deliver(receiver)
    assert "it answered 500" in lines.text
    assert "916504661232" not in lines.text
    assert "hush" not in lines.text


# Receivers that do not answer


def test_a_receiver_that_hangs_holds_one_worker_at_a_time_and_delays_nobody_else(
    receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "DELIVERY_SECONDS", 0.5)
    hanging = Receiver()
    hanging.open.clear()
    try:
        for number in range(20):
            notice("lost", callback=f"369-a{number}", target=hanging.url)
            notice("quick", callback=f"369-b{number}", target=receiver.url)
        deliveries.deliver(hanging.name, now=NOON)
        assert hanging.events == ["lost"]
        resting = StatusReceiver.objects.get(name=hanging.name)
        assert resting.failures == 1
        assert resting.rests_until is not None
        # It rests: neither the tick nor a kick has anything sent to it.
        assert due.kick_late(NOON + 3 * SECOND) == 1
        deliveries.deliver(hanging.name, now=NOON + 3 * SECOND)
        assert hanging.events == ["lost"]
        deliver(receiver, 3 * SECOND)
        assert receiver.events == ["quick"] * 20
        # Then it is asked once more, with one request, and rests for longer.
        again = resting.rests_until
        deliveries.deliver(hanging.name, now=again)
        assert hanging.events == ["lost"] * 2
        resting.refresh_from_db()
        assert resting.failures == 2
        assert resting.rests_until >= again + 10 * SECOND
        # It answers again: everything goes.
        hanging.open.set()
        for minute in range(1, 20):
            deliveries.deliver(hanging.name, now=NOON + timedelta(minutes=minute))
        resting.refresh_from_db()
        assert not resting.failures
        assert not resting.rests_until
        assert not StatusNotice.objects.filter(state="pending").exists()
    finally:
        hanging.close()


def test_a_receiver_where_nobody_listens_rests(receiver: Receiver) -> None:
    receiver.close()
    sent = notice(target=receiver.url)
    deliver(receiver)
    sent.refresh_from_db()
    assert (sent.state, sent.attempt, sent.reason) == ("pending", 1, "it cannot be reached")
    assert StatusReceiver.objects.get().failures == 1


def test_who_asks_for_a_rest_gets_it(receiver: Receiver) -> None:
    for number in range(3):
        notice(callback=f"369-{number}", target=receiver.url)
    receiver.answers = [503]
    deliver(receiver)
    assert len(receiver.got) == 1
    deliver(receiver, 30 * SECOND)
    assert len(receiver.got) == 4


@committed
def test_a_turn_ends_and_asks_for_another_one(receiver: Receiver, monkeypatch: pytest.MonkeyPatch, kicks: Any) -> None:
    monkeypatch.setattr(deliveries, "TURN_SECONDS", 1e-6)
    for number in range(2):
        notice(callback=f"369-{number}", target=receiver.url)
    deliver(receiver)
    assert (len(receiver.got), kicks) == (1, [(DELIVER, (receiver.name,))])


# The tick and the sweep


@committed
def test_the_tick_kicks_whoever_was_forgotten_less_and_less_often(kicks: list[tuple[str, tuple[str, ...]]]) -> None:
    notice()
    notice(callback="369-2", target="https://other.example.org/")
    kicked = [seconds for seconds in range(40) if due.kick_late(NOON + seconds * SECOND)]
    assert kicked == [2, 4, 6, 10, 18, 34]
    assert kicks[:2] == [(DELIVER, (CRM,)), (DELIVER, ("https://other.example.org:443",))]


def test_the_tick_has_nothing_to_do_where_nothing_waits(kicks: Any) -> None:
    notice(due_at=NOON + HOUR)
    assert due.kick_late(NOON + 60 * SECOND) == 0
    assert due.kick_late(NOON + HOUR + 2 * SECOND) == 1


def test_what_waits_behind_a_dead_receiver_for_a_day_is_parked_without_being_sent() -> None:
    notice("first")
    notice("second")
    notice("third", give_up_at=NOON + 30 * HOUR, due_at=NOON + 29 * HOUR)
    assert due.give_up(NOON + 24 * HOUR) == 0
    now = NOON + 24 * HOUR + 60 * SECOND
    assert due.give_up(now) == 2
    assert story() == [("first", "parked", 0), ("second", "parked", 0), ("third", "pending", 0)]
    assert StatusNotice.objects.get(state="pending").due_at == now
    assert {row.reason for row in StatusNotice.objects.filter(state="parked")} == {
        "its receiver did not answer to others"
    }


def test_old_ones_are_removed_and_what_waits_stays() -> None:
    notice("waits")
    notice("fresh", state="delivered", settled_at=NOON)
    notice("old", state="delivered", settled_at=NOON - 24 * HOUR)
    notice("parked", state="parked", settled_at=NOON - 29 * 24 * HOUR)
    notice("forgotten", state="parked", settled_at=NOON - 30 * 24 * HOUR)
    StatusReceiver.objects.create(name="https://gone.example.org:443", look_at=NOON - 24 * HOUR)
    StatusReceiver.objects.create(name=CRM, look_at=NOON - 24 * HOUR)
    assert due.remove_old(NOON) == 2
    assert [event for event, _, _ in story()] == ["waits", "fresh", "parked"]
    assert [receiver.name for receiver in StatusReceiver.objects.all()] == [CRM]
    assert due.remove_old(NOON) == 0


def test_notices_outlive_their_callback(kicks: Any) -> None:
    world = World(**ON, _wait_for_agent="true")
    callback = world.start()
    Callback.objects.all().delete()
    assert len(story(callback=callback.pk)) == 2


# Sending again


@committed
def test_a_parked_one_is_sent_again_for_another_day(receiver: Receiver, kicks: Any) -> None:
    sent = notice(target=receiver.url, state="parked", settled_at=NOON, attempt=34, reason="it answered 500")
    StatusReceiver.objects.create(name=receiver.name, failures=7, rests_until=NOON + 40 * HOUR, look_at=NOON)
    now = NOON + 30 * HOUR
    resending.resend(StatusNotice.objects.all(), sent.pk, actor="sue", now=now)
    sent.refresh_from_db()
    assert (sent.state, sent.attempt, sent.resent_by) == ("pending", 0, "sue")
    assert sent.give_up_at == now + 24 * HOUR
    assert kicks == [(DELIVER, (receiver.name,))]
    tasks.deliver_status.run(receiver.name)
    assert story() == [("queued", "delivered", 1)]
    with pytest.raises(resending.NotParked):
        resending.resend(StatusNotice.objects.all(), sent.pk, actor="sue", now=now)


@committed
def test_all_of_a_receiver_go_where_their_service_reports_now(kicks: Any) -> None:
    world = World(**ON)
    wrong = "https://wrong.example.org/hook"
    settled: dict[str, Any] = {"state": "parked", "settled_at": NOON}
    for number in range(3):
        notice(callback=f"369-{number}", target=wrong, service_name=world.service.name, **settled)
    notice(target=wrong, service_name="deleted-since", **settled)
    notice(target="https://third.example.org/", **settled)
    assert resending.resend_all(StatusNotice.objects.all(), receiver_of(wrong), actor="sue", now=NOON) == 4
    rows = StatusNotice.objects.filter(state="pending").order_by("pk")
    assert [(row.target, row.receiver) for row in rows] == [(TARGET, CRM)] * 3 + [(wrong, receiver_of(wrong))]
    assert {args for _, args in kicks} == {(CRM,), (receiver_of(wrong),)}
    assert resending.resend_all(StatusNotice.objects.all(), receiver_of(wrong), actor="sue", now=NOON) == 0


def test_an_address_that_depends_on_the_request_is_kept() -> None:
    service = World(**{**ON, "_status_notification_target": "https://$CB_TENANT$.example.org/"}).service
    assert configuration.target_of(service) == ""


def test_receivers_are_known_by_scheme_host_and_port() -> None:
    assert receiver_of("https://crm.example.org/a?b=c") == CRM
    assert receiver_of("http://user:secret@[2001:db8::1]:8080/x") == "http://2001:db8::1:8080"
    assert receiver_of("HTTP://Crm.Example.ORG") == "http://crm.example.org:80"


def test_options_of_older_releases_tell_nobody() -> None:
    assert OPTIONS.reports is None
