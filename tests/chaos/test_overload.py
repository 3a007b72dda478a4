"""Workers that fall behind, or whose broker hangs, catch up by themselves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock
from uuid import uuid4

import pytest
from celery import current_app
from celery.fixups.django import DjangoWorkerFixup  # type: ignore[attr-defined]
from celery.signals import task_prerun
from kombu.simple import SimpleQueue

from callbacks import due
from callbacks.models import Pending
from callbacksite import celery
from callbacksite.celery import wait_for_the_broker
from scheduling import kick
from telephony import converge
from telephony.models import Call
from tests.world import World

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


@pytest.fixture
def flow_queue() -> Iterator[SimpleQueue]:
    """A flow queue of this test's own, on the real broker."""
    usual, name = current_app.conf.task_default_queue, f"flow-{uuid4()}"
    with current_app.connection_for_write() as broker:
        current_app.conf.task_default_queue = name
        queue = broker.SimpleQueue(name)
        yield queue
        queue.queue.delete()
        current_app.conf.task_default_queue = usual


def test_the_tick_counts_what_already_waits_for_a_worker(flow_queue: SimpleQueue) -> None:
    assert kick.kicks_to_spare() == 100
    for _ in range(70):
        flow_queue.put("kick")
    assert kick.kicks_to_spare() == 30
    for _ in range(70):
        flow_queue.put("kick")
    assert kick.kicks_to_spare() == 0


@pytest.mark.django_db
def test_the_tick_repeats_no_kicks_while_workers_are_behind() -> None:
    """Repeated kicks in front of a slow worker were all it found in its queue, more of them every second."""
    world = World()
    callbacks = [world.start() for _ in range(3)]
    Pending.objects.bulk_create(
        Pending(callback=callback, event={}, created_at=NOW, look_at=NOW) for callback in callbacks
    )
    Call.objects.update(look_at=NOW)
    later = NOW + timedelta(seconds=1)
    for room in (0, 2):
        with (
            mock.patch.object(due, "kicks_to_spare", return_value=room),
            mock.patch.object(converge, "kicks_to_spare", return_value=room),
        ):
            assert due.kick_pending(later) == room
            assert converge.kick_unsettled(later) == room
    # Who was not kicked again is still due, with its patience as it was.
    assert Pending.objects.filter(look_at=NOW, looks=0).count() == 1
    assert Call.objects.filter(look_at=NOW, looks=0).count() == 1


def test_a_worker_waits_for_a_broker_that_hangs_and_a_publisher_does_not() -> None:
    conf = mock.Mock(broker_transport_options=dict(current_app.conf.broker_transport_options))
    assert conf.broker_transport_options["socket_timeout"] == 1.0
    wait_for_the_broker(conf=conf)
    assert conf.broker_transport_options["socket_timeout"] is None
    assert conf.broker_transport_options["socket_keepalive"] is True
    assert conf.broker_transport_options["visibility_timeout"] == 120


def test_tasks_share_a_connection_to_the_database_as_long_as_it_lives() -> None:
    worker, task = DjangoWorkerFixup(celery.app), mock.Mock()
    task.request.is_eager = False
    with mock.patch.object(worker, "_close_database") as close:
        for _ in range(100):
            worker.on_task_prerun(sender=task)
            worker.close_database()
    assert close.call_count == 0
    with mock.patch.object(celery, "close_old_connections") as look:
        task_prerun.send(sender=task)
    assert look.call_count == 1
