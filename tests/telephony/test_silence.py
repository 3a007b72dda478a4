"""A leg of which the switch says nothing is given up, but only where somebody would have heard it."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest

from telephony import converge, lease
from telephony.models import Leg
from tests.world import World


def sent_and_unheard() -> World:
    world = World()
    world.start()
    with mock.patch.object(world, "listen", return_value=False):
        while world.step():
            pass
    leg = Leg.objects.get()
    assert (leg.state, leg.dialling_seen) == ("sent", False)
    return world


@pytest.mark.django_db(transaction=True)
def test_a_leg_of_which_the_listener_hears_nothing_is_given_up_after_two_seconds() -> None:
    world = sent_and_unheard()
    assert converge.end_silent(world.now()) == 0
    assert converge.end_silent(world.now() + timedelta(seconds=2)) == 1
    leg = Leg.objects.get()
    assert (leg.state, leg.cause) == ("ended", "unknown")


@pytest.mark.django_db(transaction=True)
def test_a_leg_sent_before_the_lease_changed_hands_is_heard_by_the_next_listener() -> None:
    world = sent_and_unheard()
    later = world.now() + timedelta(seconds=5)
    lease.release(switch=world.switch.pk, holder="test", epoch=world.epoch)
    assert converge.end_silent(later) == 0
    epoch = lease.acquire(switch=world.switch.pk, holder="stand-by") or 0
    assert converge.end_silent(later) == 0

    lease.renew(switch=world.switch.pk, holder="stand-by", epoch=epoch, connected=True)
    assert world.listen()
    leg = Leg.objects.get()
    assert leg.dialling_seen
    assert converge.end_silent(later) == 0
