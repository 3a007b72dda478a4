"""`/metrics`: counted by real callbacks, added up over processes, read from what is stored."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from callbacks import actions, due
from callbacks.metrics import SET_ASIDE, figures
from callbacks.models import AuditFinding, Callback, Pending
from callbacksite import health, metrics
from callbacksite.celery import app
from scheduling import heartbeats, timers, totals
from scheduling.models import Timer, Total
from scheduling.totals import REGISTRY
from telephony.models import Agent, QueueAccuracy, QueueMeasure, RoutePoint
from tests.world import HUMAN, World

TOKEN = "scrape-me"

# Kicks and other connections see only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def quick_people(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0


def value(name: str, /, **labels: str) -> float:
    """What this process has counted."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


@contextmanager
def counts(name: str, by: float = 1.0, /, **labels: str) -> Iterator[None]:
    before = value(name, **labels)
    yield
    assert value(name, **labels) - before == pytest.approx(by), f"{name} {labels}"


def exposed() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Every sample of /metrics, as a Prometheus reads it, by name and labels."""
    text = metrics._expose().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def gauge(name: str, /, **labels: str) -> float | None:
    return exposed().get((name, tuple(sorted(labels.items()))))


# What callbacks count


def test_a_callback_from_the_request_to_the_agent_is_counted_once() -> None:
    world = World()
    world.ready()
    service = world.service.name
    with (
        counts("callbacksite_callbacks_started_total", service=service),
        counts("callbacksite_callbacks_completed_total", service=service, reason="AGENT_CONNECTED"),
        counts("callbacksite_attempts_total", party="customer", result="PERSON"),
        counts("callbacksite_attempts_total", party="agent", result="CONNECTED"),
        counts("callbacksite_request_to_dial_seconds_count"),
        counts("callbacksite_answer_to_agent_seconds_count"),
        counts("callbacksite_scheduled_lateness_seconds_count", 0, what="start"),
    ):
        advanced = value("callbacksite_advance_seconds_count")
        converged = value("callbacksite_converge_seconds_count")
        waited = value("callbacksite_answer_to_agent_seconds_sum")
        callback = world.finish(world.start())
    assert callback.reason == "AGENT_CONNECTED"
    assert value("callbacksite_advance_seconds_count") > advanced
    assert value("callbacksite_converge_seconds_count") > converged
    answered = callback.attempts.get(party="customer").answered_at
    connected = callback.journal.get(kind="connected").at
    assert answered is not None
    wait = (connected - answered).total_seconds()
    assert value("callbacksite_answer_to_agent_seconds_sum") - waited == pytest.approx(wait)


def test_a_cancelled_callback_is_completed_once_however_often_it_is_cancelled() -> None:
    world = World()
    callback = world.start(desired_in="7200")
    with counts("callbacksite_callbacks_completed_total", service=world.service.name, reason="CANCELLED"):
        actions.cancel(callback_id=callback.pk, actor="test", now=world.now())
        with pytest.raises(actions.Refused):
            actions.cancel(callback_id=callback.pk, actor="test", now=world.now())


def test_how_late_a_scheduled_callback_is_started_and_a_timer_fired() -> None:
    world = World(_request_execution_time_buffer="120")
    callback = world.start(desired_in="7200")
    started = value("callbacksite_scheduled_lateness_seconds_sum", what="start")
    now = callback.desired_at - timedelta(seconds=120) + timedelta(seconds=3)
    with counts("callbacksite_scheduled_lateness_seconds_count", what="start"), world.patched():
        assert due.start_scheduled(now) == 1
        actions.advance(callback.pk, now=now)
    assert value("callbacksite_scheduled_lateness_seconds_sum", what="start") - started == pytest.approx(3)
    # Its dial waits for the desired time.
    fired = value("callbacksite_timer_lateness_seconds_sum", timer="stage")
    with world.patched():
        assert timers.fire_due(callback.desired_at + timedelta(seconds=2)) == 1
    assert value("callbacksite_timer_lateness_seconds_sum", timer="stage") - fired == pytest.approx(2)


def test_an_event_that_is_set_aside_is_counted() -> None:
    world = World()
    callback = world.start()
    Pending.objects.create(callback=callback, event={"kind": "Nonsense"}, created_at=world.now(), look_at=world.now())
    with counts("callbacksite_events_set_aside_total"), world.patched():
        for _ in range(3):
            actions.advance(callback.pk, now=world.now())


def test_requests_are_counted_by_the_pattern_of_their_address() -> None:
    labels = {"method": "GET", "view": "/callbacks/<slug:callback_id>/", "status": "302"}
    with (
        counts("callbacksite_http_requests_total", **labels),
        counts("callbacksite_http_request_seconds_count", view=labels["view"]),
        counts("callbacksite_http_requests_total", method="other", view="none", status="404"),
        counts("callbacksite_http_requests_total", 0, method="GET", view="none", status="200"),
    ):
        Client().get("/callbacks/369-916504661232/")
        Client().generic("BREW", "/coffee")
        Client().get("/livez")


# How things stand


def test_how_the_service_stands_is_read_from_what_is_stored() -> None:
    world = World(agents=("kate", "joe"))
    world.ready("kate")
    now = datetime.now(UTC)
    waiting, scheduled = world.start(), world.start(desired_in="7200")
    Pending.objects.create(callback=waiting, event={}, created_at=now - timedelta(seconds=7), look_at=now, failures=2)
    Callback.objects.filter(pk=scheduled.pk).update(start_base=now - timedelta(seconds=5))
    Timer.objects.create(owner=waiting.pk, name="stage", due_at=now - timedelta(seconds=4))
    RoutePoint.objects.update(unavailable_until=now + timedelta(seconds=30))
    for owner, gone in (("a", None), ("b", None), ("c", now)):
        AuditFinding.objects.create(kind="overdue", owner=owner, detail="", first_seen=now, last_seen=now, gone_at=gone)
    heartbeats.beat("beat")
    found = exposed()

    def of(name: str, /, **labels: str) -> float:
        return found[f"callbacksite_{name}", tuple(sorted(labels.items()))]

    assert of("callbacks", service=world.service.name, state="SCHEDULED") == 1
    assert of("callbacks", service=world.service.name, state="QUEUED") == 1
    assert (of("pending_events"), of("pending_failed")) == (1, 1)
    assert 7 <= of("pending_oldest_seconds") < 60
    assert of("timers_overdue") == 1
    assert 4 <= of("timers_overdue_seconds") < 60
    assert of("starts_overdue") == 1
    assert 5 <= of("starts_overdue_seconds") < 60
    assert of("calls_unsettled") == 1
    assert (of("agents", state="ready"), of("agents", state="logged_out"), of("agents", state="on_call")) == (1, 1, 0)
    assert of("trunk_down", route_point="8999@SIP_Switch") == 1
    assert of("switch_live", switch="SIP_Switch") == 1
    assert of("lease_changes_total", switch="SIP_Switch") == world.epoch
    assert of("lease_holder", switch="SIP_Switch", holder="test") == 1
    assert (of("audit_findings", kind="overdue"), of("audit_findings", kind="orphaned")) == (2, 0)
    assert of("processes_alive", name="beat") == 1
    assert of("heartbeat_age_seconds", name="beat") < 60

    Pending.objects.all().delete()
    RoutePoint.objects.update(unavailable_until=None)
    Agent.objects.update(state="logged_out")
    world.run(lambda: Callback.objects.filter(pk=waiting.pk, stage="waiting").exists())
    assert gauge("callbacksite_waiting", queue="Billing_VQ", wants="agent") == 1
    QueueMeasure.objects.create(queue="Billing_VQ", what="start", seconds=90.5, measured_at=world.now())
    assert gauge("callbacksite_queue_measured_seconds", queue="Billing_VQ", what="start") == 90.5
    assert gauge("callbacksite_legs", switch="SIP_Switch", party="customer", state="up") == 1


def test_how_right_estimates_are() -> None:
    QueueMeasure.objects.create(queue="Billing_VQ", what="no_show", seconds=0.3, measured_at=datetime.now(UTC))
    figures_of_a_day = {"bias": -12.5, "mean_absolute": 31.0, "p90_absolute": 75.0, "within_p90": 0.885}
    known: dict[str, Any] = {"queue": "Billing_VQ", "computed_at": datetime.now(UTC)}
    QueueAccuracy.objects.create(hours=24, judged=120, abandoned=7, put_off=4, **known, **figures_of_a_day)
    # Where nobody was served there is no error to tell.
    QueueAccuracy.objects.create(hours=168, judged=0, abandoned=1, put_off=0, **known)
    told = exposed()

    def of(name: str, /, **labels: str) -> float | None:
        return told.get((name, tuple(sorted({"queue": "Billing_VQ", **labels}.items()))))

    errors = [
        [of("callbacksite_estimate_error_seconds", hours=hours, figure=figure) for figure in list(figures_of_a_day)[:3]]
        for hours in ("24", "168")
    ]
    assert errors == [[-12.5, 31.0, 75.0], [None, None, None]]
    assert of("callbacksite_estimate_within_p90_ratio", hours="24") == 0.885
    assert of("callbacksite_estimate_within_p90_ratio", hours="168") is None
    settled = [of("callbacksite_estimates_settled", hours="24", outcome=o) for o in ("served", "left", "put_off")]
    assert settled == [120, 7, 4]
    assert of("callbacksite_queue_measured_ratio", what="no_show") == 0.3
    assert of("callbacksite_queue_measured_seconds", what="no_show") is None


def test_no_customer_is_found_in_the_metrics() -> None:
    world = World()
    world.ready()
    world.finish(world.start(HUMAN, usr_customer_name="Bob Markel"))
    world.start(HUMAN, desired_in="7200", usr_customer_name="Bob Markel")
    with totals_of_this_process():
        text = metrics._expose().decode()
    assert "callbacksite_callbacks_completed_total" in text
    assert HUMAN not in text
    assert "Markel" not in text


def test_completed_callbacks_are_never_counted() -> None:
    with CaptureQueriesContext(connection) as queries:
        list(figures(datetime.now(UTC)))
    # One or two of each floor, and those of pushes, of status notifications and of the brake.
    assert len(queries) == 7
    about = [query["sql"] for query in queries if 'FROM "callbacks_callback"' in query["sql"]]
    # By their state, or by what holds only those that are not completed: with so few rows the planner has no reason to
    # prefer one. The scheduled ones by the index that holds only them.
    by_state = {"callback_state", "callback_of_state", "callback_expiring", "callback_number_live"}
    for sql, indexes in zip(about, (by_state, {"callback_start"}), strict=True):
        assert "COMPLETED" not in sql
        with connection.cursor() as cursor:
            cursor.execute("SET enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("RESET enable_seqscan")
        assert indexes & set(plan.split())


def test_how_much_waits_in_the_broker_and_that_it_is_away() -> None:
    queue = f"depth-{os.getpid()}"
    with mock.patch.object(health, "queues", return_value=[queue]):
        assert gauge("callbacksite_queue_depth", queue=queue) == 0
        for _ in range(3):
            app.send_task("nobody.listens", queue=queue)
        assert gauge("callbacksite_queue_depth", queue=queue) == 3
        with mock.patch.object(app, "connection_for_write", return_value=app.connection("redis://127.0.0.1:1/0")):
            found = exposed()
    with app.connection_for_write() as broker:
        channel: Any = broker.default_channel
        channel.queue_delete(queue)
    assert not [name for name, _ in found if name == "callbacksite_queue_depth"]
    assert found["callbacksite_ready", (("check", "broker"),)] == 0


# Over all processes

COUNTING = """
import django
django.setup()
from scheduling import totals
from callbacks.metrics import STARTED, ADVANCE_SECONDS
totals.begin()
STARTED.labels("billing").inc({n})
ADVANCE_SECONDS.observe({seconds})
"""


@contextmanager
def totals_of_this_process() -> Iterator[totals.Publisher]:
    publisher = totals.Publisher()
    publisher._published = {}
    publisher.publish()
    yield publisher


def environment() -> dict[str, str]:
    """For a process that works on the test's own database."""
    name = connection.settings_dict["NAME"]
    address, mark, rest = os.environ["DATABASE_URL"].partition("?")
    return {
        **os.environ,
        "DATABASE_URL": f"{address.rpartition('/')[0]}/{name}{mark}{rest}",
        "PYTHONPATH": str(settings.BASE_DIR),
    }


def test_what_two_processes_count_is_added_up_and_outlives_them() -> None:
    """Neither publishes by the clock: both end long before; what they counted is published at their end."""
    processes = [
        subprocess.Popen([sys.executable, "-c", COUNTING.format(n=n, seconds=seconds)], env=environment())
        for n, seconds in ((2, 0.02), (3, 0.3))
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    response = Client().get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    text = response.content.decode()
    assert 'callbacksite_callbacks_started_total{service="billing"} 5.0' in text
    buckets = [line.split()[1] for line in text.splitlines() if line.startswith("callbacksite_advance_seconds_bucket")]
    assert buckets == ["0.0", "0.0", "1.0", "1.0", "1.0", "1.0", "2.0", "2.0", "2.0", "2.0", "2.0", "2.0"]
    assert "callbacksite_advance_seconds_count 2.0" in text
    # Known before it ever happened, so that an alert can see it rise.
    assert "callbacksite_events_set_aside_total 0.0" in text


def test_what_the_database_does_not_take_is_added_the_next_time() -> None:
    with totals_of_this_process() as publisher:
        before = Total.objects.get(name="callbacksite_events_set_aside_total").value
        SET_ASIDE.inc(2)
        with mock.patch.object(totals, "_add", side_effect=OperationalError), pytest.raises(OperationalError):
            publisher.publish()
        publisher.publish()
        publisher.publish()
    assert Total.objects.get(name="callbacksite_events_set_aside_total").value == before + 2


def test_a_process_publishes_nothing_of_what_its_parent_counted() -> None:
    SET_ASIDE.inc(40)
    publisher = totals.Publisher()
    SET_ASIDE.inc(2)
    publisher.publish()
    assert Total.objects.get(name="callbacksite_events_set_aside_total").value == 2


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "--quiet", "--app=callbacksite", *arguments]
    process = subprocess.Popen(command, env=environment(), cwd=settings.BASE_DIR)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def eventually(so: Callable[[], Any], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.1)


def test_beat_and_workers_give_signs_of_life_until_they_are_killed() -> None:
    """A worker with a pool and Beat, as they run in production. One leaves in peace, the other is killed."""

    def alive() -> dict[str, int]:
        return {name: pulse.alive for name, pulse in heartbeats.pulses().items()}

    own = f"metrics-{os.getpid()}"
    with (
        mock.patch.object(heartbeats, "LOST_AFTER", timedelta(seconds=8)),
        running("worker", f"--queues={own},more-{own}", "--concurrency=1", f"--hostname={own}@%h") as worker,
        running("beat", "--max-interval=1", "--pidfile=") as beat,
    ):
        eventually(lambda: alive() == {"beat": 1, f"workers/{own}": 1, f"workers/more-{own}": 1})
        beat.send_signal(signal.SIGTERM)
        eventually(lambda: alive() == {f"workers/{own}": 1, f"workers/more-{own}": 1})
        worker.kill()
        eventually(lambda: alive() == {f"workers/{own}": 0, f"workers/more-{own}": 0})


# Who may read them


@pytest.mark.parametrize(
    ("token", "headers", "address", "status"),
    [
        ("", {}, "127.0.0.1", 200),
        ("", {}, "::1", 200),
        ("", {}, "10.1.2.3", 403),
        # A proxy on this machine: the client may be anybody.
        ("", {"X-Forwarded-For": "10.1.2.3"}, "127.0.0.1", 403),
        ("", {"X-Forwarded-Proto": "https"}, "127.0.0.1", 403),
        # A socket in the file system has no address.
        ("", {}, "", 403),
        (TOKEN, {"Authorization": f"Bearer {TOKEN}"}, "10.1.2.3", 200),
        (TOKEN, {"Authorization": "Bearer other"}, "127.0.0.1", 403),
        (TOKEN, {}, "127.0.0.1", 403),
    ],
)
def test_metrics_answer_to_the_token_or_else_to_this_machine_alone(
    token: str, headers: dict[str, str], address: str, status: int
) -> None:
    with override_settings(METRICS_TOKEN=token, ALLOWED_HOSTS=["callbacks.example.org"]):
        response = Client().get("/metrics", headers=headers, REMOTE_ADDR=address)
    assert response.status_code == status
    assert (b"callbacksite_pending_events" in response.content) == (status == 200)


def test_without_the_database_there_is_nothing_to_tell() -> None:
    with mock.patch.object(totals, "read", side_effect=OperationalError("password is hidden")):
        response = Client().get("/metrics")
    assert (response.status_code, response.content) == (503, b"The database does not answer.\n")
