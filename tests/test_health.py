"""`/livez` and `/readyz`: what a load balancer and an operator are told when a part of the service is away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from celery.worker.consumer.heart import Heart as CeleryHeart
from django.db import OperationalError, connection
from django.db.models.functions import Now
from django.test import Client, override_settings
from django.utils import timezone

from callbacksite import health
from callbacksite.celery import app, begin_worker, end_worker
from callbacksite.probe import NoAnswer, Probe
from scheduling import heartbeats, kick, totals
from scheduling.models import Heartbeat
from telephony import lease
from telephony.models import Switch

# The checks look from a thread of their own, which sees only what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

WORKERS = tuple(f"workers/{queue}" for queue in health.queues())
ALL = ("database", "broker", "beat", *WORKERS, "telephony/SIP_Switch")


@pytest.fixture
def service() -> Iterator[Switch]:
    """Everything is there: Beat, a worker of each queue, a switch that is listened to."""
    heartbeats.beat("beat", *WORKERS)
    switch = Switch.objects.create(name="SIP_Switch")
    epoch = lease.acquire(switch=switch.pk, holder="here") or 0
    health._failures = health._Failures()
    # On a busy machine a look may take its time, and a lease run out: that is not what is tested here.
    patient = Probe(health._look_into_database, seconds=30)
    with (
        mock.patch.object(health, "_broker", Probe(lambda: True, seconds=30)),
        mock.patch.object(health, "_database", patient),
        mock.patch.object(lease, "LEASE", timedelta(seconds=60)),
        mock.patch.object(heartbeats, "LOST_AFTER", timedelta(seconds=60)),
    ):
        lease.renew(switch=switch.pk, holder="here", epoch=epoch, connected=True)
        yield switch


def get(path: str, **headers: str) -> tuple[int, dict[str, Any]]:
    response = Client().get(path, headers=headers)
    assert response["Cache-Control"] == "no-store"
    return response.status_code, response.json()


def ready(path: str = "/readyz") -> tuple[int, dict[str, str]]:
    """The status, and the problem of each check."""
    status, body = get(path)
    assert body["ok"] == (status == 200) == (not any("problem" in check for check in body["checks"].values()))
    return status, {name: check.get("problem", "") for name, check in body["checks"].items()}


def test_it_is_alive_whatever_else_is_not() -> None:
    with mock.patch.object(connection, "cursor", side_effect=AssertionError("nothing is looked at")):
        response = Client().get("/livez")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_everything_is_there(service: Switch) -> None:
    assert ready() == (200, dict.fromkeys(ALL, ""))


@pytest.mark.parametrize("name", ["beat", *WORKERS])
def test_a_process_that_died_is_named_with_its_last_sign_of_life(service: Switch, name: str) -> None:
    Heartbeat.objects.filter(name=name).update(at=Now() - timedelta(seconds=61))
    last = Heartbeat.objects.get(name=name).at
    status, body = get("/readyz")
    problem = "Celery Beat gives no sign of life"
    if name != "beat":
        problem = "no worker that serves this queue gives a sign of life"
    assert status == 503
    assert body["checks"].pop(name) == {"ok": False, "problem": problem, "since": last.isoformat()}
    assert body["checks"] == {each: {"ok": True} for each in ALL if each != name}


def test_one_worker_of_a_queue_is_enough(service: Switch) -> None:
    hour_ago = timezone.now() - timedelta(hours=1)
    Heartbeat.objects.create(name="workers/flow", process="elsewhere:7", at=hour_ago)
    assert ready("/readyz/workers") == (200, dict.fromkeys(WORKERS, ""))


def test_a_process_that_never_was_is_missed(service: Switch) -> None:
    Heartbeat.objects.filter(name="beat").delete()
    assert get("/readyz/beat") == (
        503,
        {
            "ok": False,
            "checks": {
                "beat": {
                    "ok": False,
                    "problem": "Celery Beat gives no sign of life, nor has one within a day",
                    "since": None,
                }
            },
        },
    )


def test_each_switch_that_nobody_listens_to_is_named(service: Switch) -> None:
    Switch.objects.create(name="Second")
    Switch.objects.filter(pk=service.pk).update(reachable_at=Now() - timedelta(seconds=61))
    assert ready("/readyz/telephony") == (
        503,
        {
            "telephony/SIP_Switch": "the telephony process has no connection to this switch",
            "telephony/Second": "no telephony process listens to this switch",
        },
    )
    assert ready("/readyz/telephony/Second")[0] == 503
    assert get("/readyz/telephony/Third")[0] == 404


def test_without_a_switch_there_is_nothing_to_listen_to(service: Switch) -> None:
    Switch.objects.all().delete()
    assert ready("/readyz/telephony") == (200, {"telephony": ""})


def test_what_is_left_out_fails_nobody(service: Switch) -> None:
    Switch.objects.update(lease_until=None)
    assert ready("/readyz?exclude=telephony") == (200, dict.fromkeys(ALL[:-1], ""))
    assert ready("/readyz?exclude=telephony/SIP_Switch&exclude=beat")[1].keys() == {"database", "broker", *WORKERS}
    assert ready("/readyz?exclude=broker")[0] == 503
    status, body = get("/readyz?exclude=telefony")
    assert (status, body) == (
        404,
        {"error": "There is no such check. Checks: database, broker, beat, workers, telephony."},
    )


def test_a_broker_that_is_away_is_named_and_since_when(service: Switch) -> None:
    with mock.patch.object(health, "_broker", Probe(lambda: False, seconds=1)):
        first, second = get("/readyz/broker")[1], get("/readyz")[1]
    assert first["checks"]["broker"]["problem"] == "does not answer"
    assert first["checks"]["broker"]["since"] == second["checks"]["broker"]["since"]
    assert ready() == (200, dict.fromkeys(ALL, ""))


def test_a_broker_that_hangs_holds_nobody_up(service: Switch) -> None:
    hanging = threading.Event()
    with mock.patch.object(health, "_broker", Probe(lambda: hanging.wait(60), seconds=1)):
        began = time.monotonic()
        assert ready("/readyz/broker") == (503, {"broker": "does not answer"})
        # Far from the minute that the broker hangs.
        assert 0.9 < time.monotonic() - began < 20
    hanging.set()


def test_a_broker_that_is_not_there_is_found_by_asking_it(service: Switch) -> None:
    with (
        mock.patch.object(health, "_broker", Probe(kick.probe, seconds=1)),
        mock.patch.object(app, "connection_for_write", return_value=app.connection("redis://127.0.0.1:1/0")),
    ):
        assert ready("/readyz/broker") == (503, {"broker": "does not answer"})
    kick._broker_down_until = 0.0


def test_without_the_database_the_rest_is_unknown(service: Switch) -> None:
    def broken() -> list[health.Check]:
        raise OperationalError("password for user callbacksite on db.internal")

    unknown = "unknown, since the database does not answer"
    with mock.patch.object(health, "_database", Probe(broken, seconds=1)):
        status, problems = ready()
        body = Client().get("/readyz/database").content.decode()
    assert status == 503
    assert problems == {
        "database": "does not answer",
        "broker": "",
        "beat": unknown,
        "workers": unknown,
        "telephony": unknown,
    }
    assert "internal" not in body


def test_probes_come_by_address_and_without_tls(service: Switch) -> None:
    with override_settings(SECURE_SSL_REDIRECT=True, ALLOWED_HOSTS=["callbacks.example.org"]):
        assert Client().get("/readyz/database", headers={"host": "10.1.2.3:8000"}).status_code == 200
        assert Client().get("/livez", headers={"host": "10.1.2.3"}).status_code == 200
        # Everything else is as before.
        assert Client().get("/", headers={"host": "10.1.2.3"}).status_code == 400
        assert Client().get("/livez/more", headers={"host": "callbacks.example.org"}).status_code == 301


def test_probes_only_look(service: Switch) -> None:
    assert Client().post("/readyz").status_code == 405
    assert Client().head("/readyz").status_code == 200


def test_who_asks_during_a_look_gets_the_same_and_a_hanging_one_is_left_behind() -> None:
    looks: list[int] = []
    go_on = threading.Event()

    def look() -> int:
        looks.append(1)
        go_on.wait(10)
        return len(looks)

    probe = Probe(look, seconds=0.05)
    for _ in range(3):
        with pytest.raises(NoAnswer):
            probe.ask()
    assert len(looks) == 1
    with mock.patch("callbacksite.probe.ABANDON_SECONDS", 0.0):
        for _ in range(10):
            with pytest.raises(NoAnswer):
                probe.ask()
    assert len(looks) == 5
    go_on.set()


def test_a_heart_beats_on_when_the_database_was_away() -> None:
    """Two processes of one name; the database fails the second beat; leaving in peace takes the rows back."""
    with mock.patch.object(heartbeats, "EVERY_SECONDS", 0.02):
        heart = heartbeats.Heart("workers/flow", "workers/outside")
        real, calls = heartbeats.beat, []

        def beat(*names: str) -> None:
            calls.append(names)
            if len(calls) == 2:
                raise OperationalError("gone")
            real(*names)

        with mock.patch.object(heartbeats, "beat", beat):
            heart.start()
            until = time.monotonic() + 10
            while len(calls) < 4 and time.monotonic() < until:
                time.sleep(0.01)
            assert heartbeats.pulses().keys() == {"workers/flow", "workers/outside"}
            heart.end()
    assert len(calls) >= 4
    assert heartbeats.pulses() == {}


def test_a_worker_leaves_celerys_own_heart_alone() -> None:
    own = mock.Mock()
    consumer = SimpleNamespace(heart=own, app=mock.Mock())
    consumer.app.amqp.queues.consume_from = {"flow": None, "outside": None}
    with mock.patch.object(totals, "begin"), mock.patch.object(totals, "finish"):
        begin_worker(sender=consumer)
        until = time.monotonic() + 30
        while not heartbeats.pulses() and time.monotonic() < until:
            time.sleep(0.01)
        assert heartbeats.pulses().keys() == {"workers/flow", "workers/outside"}
        CeleryHeart(mock.Mock()).stop(consumer)
        end_worker(sender=SimpleNamespace(consumer=consumer))
    own.stop.assert_called_once_with()
    assert heartbeats.pulses() == {}


def test_the_dead_are_forgotten_after_a_day() -> None:
    heartbeats.beat("beat")
    heartbeats.beat("workers/flow")
    Heartbeat.objects.filter(name="beat").update(at=Now() - timedelta(days=1, seconds=1))
    assert heartbeats.forget_lost(timezone.now()) == 1
    assert heartbeats.pulses().keys() == {"workers/flow"}
