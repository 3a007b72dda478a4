"""What customers are told of a slot that supervisors have blocked: whatever they ask for, nothing is booked in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from callbacks import promises
from callbacks.models import Callback
from callbacks.promises import NotAvailable
from scheduling import blocks
from scheduling.models import Booking
from services.models import ConfiguredService
from tests.callbacks.test_promises import NINE, centre, hour, move, offered, start_for, taken
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def blocked(world: World) -> None:
    """Ten to eleven in Berlin, by whom nobody who calls has to know."""
    service = ConfiguredService.objects.get(pk=world.service.pk)
    blocks.block(service, hour(9), hour(10), reason="Sue is ill", actor="sam", now=NINE)


def test_a_start_in_a_blocked_slot_is_refused_with_times_that_are_not() -> None:
    world = centre(_request_time_bucket="60")
    blocked(world)
    with pytest.raises(NotAvailable) as refused:
        start_for(world, hour(9.5))
    assert refused.value.message == (
        "The desired time 2026-03-02T09:30:00Z is not available: its time slot is blocked."
    )
    assert "03-02 09:00" not in offered(refused.value)
    assert "03-02 10:00" in offered(refused.value)
    assert (Callback.objects.count(), Booking.objects.count(), taken(hour(9))) == (0, 0, 0)


def test_who_is_booked_is_not_moved_into_a_blocked_slot_and_may_stay_in_it() -> None:
    world = centre(_request_time_bucket="60")
    inside, outside = start_for(world, hour(9.5)), start_for(world, hour(11))
    blocked(world)
    with pytest.raises(NotAvailable) as refused:
        move(world, outside, hour(9.25))
    assert "its time slot is blocked" in refused.value.message
    outside.refresh_from_db()
    assert outside.desired_at == hour(11)
    assert (taken(hour(9)), taken(hour(11))) == (1, 1)
    move(world, inside, hour(9.75))
    inside.refresh_from_db()
    assert (inside.desired_at, taken(hour(9))) == (hour(9.75), 1)


def test_promises_offer_no_blocked_slot() -> None:
    world = centre(_request_time_bucket="60")
    service = ConfiguredService.objects.get(pk=world.service.pk)
    now = NINE - timedelta(hours=1)
    before = [offer.time for offer in promises.next_offers(service, number="", properties={}, now=now)]
    blocked(world)
    after = [offer.time for offer in promises.next_offers(service, number="", properties={}, now=now)]
    assert hour(9) in before
    assert after[:3] == [hour(8), hour(10), hour(11)]
