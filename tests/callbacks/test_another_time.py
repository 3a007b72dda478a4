"""What another time does to the promise, the place in the slot and the time to live, on PostgreSQL."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from callbacks import actions
from callbacks.actions import NotAvailable, Refused
from callbacks.models import Attempt, Callback
from scheduling.models import Booking
from services.models import ConfiguredService
from tests.callbacks.test_promises import NINE, centre, hour, move, start_for, taken
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

BUSY_LINE = "916504661280"


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0


def cancel(world: World, callback: Callback) -> None:
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="app", now=world.now())


def test_a_place_for_another_day_comes_back_also_when_an_earlier_time_was_dialled() -> None:
    world = centre(_dial_retry_timeout="600")
    callback = start_for(world, None, number=BUSY_LINE)
    world.run(lambda: Callback.objects.get().stage == "retrying")
    assert Attempt.objects.get().dialled_at is not None
    tomorrow = NINE + timedelta(days=1)
    move(world, callback, tomorrow)
    assert taken(tomorrow) == 1
    cancel(world, callback)
    assert (taken(tomorrow), Booking.objects.count()) == (0, 0)


def test_a_time_that_has_passed_is_no_wish_for_a_call_at_once() -> None:
    world = centre()
    callback = start_for(world, hour(11))
    with pytest.raises(NotAvailable, match="it has passed"):
        move(world, callback, NINE - timedelta(hours=20))
    callback.refresh_from_db()
    assert (callback.state, callback.desired_at, taken(hour(11))) == ("SCHEDULED", hour(11), 1)


def test_now_on_a_friday_evening_is_refused_where_monday_is_after_the_time_to_live() -> None:
    """The time to live counts from the new time: Monday is too late for a wish of Friday evening."""
    friday_evening = hour(4 * 24 + 20)
    world = centre(at=friday_evening)
    next_friday = hour(11 * 24 + 10)
    callback = start_for(world, next_friday)
    now = world.now()
    with world.patched(), pytest.raises(NotAvailable, match="until after the request would be over"):
        actions.reschedule(callback_id=callback.pk, desired_at=now, properties={}, actor="app", now=now)
    callback.refresh_from_db()
    assert (callback.state, callback.desired_at, taken(next_friday)) == ("SCHEDULED", next_friday, 1)


def test_a_refusal_while_the_configuration_is_broken_does_not_keep_it_from_its_start() -> None:
    world = centre()
    callback = start_for(world, hour(9))
    before = Callback.objects.get().start_base
    services = ConfiguredService.objects.filter(pk=world.service.pk)
    options = services.get().options
    services.update(options={**options, "_max_dial_attempts": "many"})
    for verb in (actions.connect, actions.snooze):
        with world.patched(), pytest.raises(Refused, match="not waiting for a confirmation"):
            verb(callback_id=callback.pk, actor="app", now=world.now())
    services.update(options=options)
    assert Callback.objects.get().start_base == before
    assert world.finish(callback).reason == "AGENT_CONNECTED"
