"""What is written down beside the decision itself: timers that follow from it, attempts that end with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from callbacks import actions, inbox
from callbacks.flow.events import Event, TimerFired
from callbacks.models import Attempt, Callback
from scheduling.models import Booking, Timer
from telephony.events import AgentReserved, LegEnded, Party
from telephony.switch import EndCause
from tests.callbacks.faults import Slow, reach, scheduled

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0


def timers_of(callback: Callback) -> set[str]:
    return set(Timer.objects.filter(owner=callback.pk).values_list("name", flat=True))


def test_a_cancel_disarms_what_a_broken_configuration_left_armed(settings: Any) -> None:
    world = Slow(settings)
    callback = scheduled(world)
    assert callback.start_base is not None
    assert Booking.objects.get().owner == callback.pk
    world.service.options = {**world.service.options, "_ttl": "a week"}
    world.service.save()
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    callback = Callback.objects.get()
    assert callback.reason == "CANCELLED"
    assert callback.start_base is None
    assert timers_of(callback) == set()
    assert not Booking.objects.exists()


def test_a_fired_timer_is_armed_again_where_the_stage_that_wants_it_was_left_and_entered_anew(settings: Any) -> None:
    world = Slow(settings)
    callback = reach(world, "waiting")
    due = Timer.objects.get(owner=callback.pk, name="queue_ttl").due_at
    # All three are decided in one go: while kate is being called, the end of the time in the queue changes nothing.
    told: list[Event] = [
        AgentReserved("kate", "r1", callback.session["visit"]),
        TimerFired("queue_ttl", 0),
        LegEnded(Party.AGENT, 1, EndCause.NO_ANSWER, rang=True),
    ]
    Timer.objects.filter(owner=callback.pk, name="queue_ttl").delete()
    with world.patched():
        inbox.put([(callback.pk, event) for event in told], world.now())
        actions.advance(callback.pk, now=world.now())
    callback.refresh_from_db()
    assert callback.stage == "waiting"
    assert Timer.objects.get(owner=callback.pk, name="queue_ttl").due_at == due


@pytest.mark.parametrize("stage", ["ringing", "waiting"])
def test_a_cancel_ends_the_attempt_that_was_under_way(stage: str, settings: Any) -> None:
    world = Slow(settings)
    callback = reach(world, stage)
    assert [attempt.ended_at for attempt in Attempt.objects.all()] == [None]
    now = world.now() + timedelta(seconds=1)
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="customer", now=now)
    assert [(attempt.party, attempt.ended_at) for attempt in Attempt.objects.all()] == [("customer", now)]
