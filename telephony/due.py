"""What telephony has due, for the tick."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from scheduling.tick import Sources
from telephony import access, agents, brake, calls, converge, forcing, inbound, matching, plans, upwards
from telephony.models import Agent, Call, Leg, UnconfirmedDeletion
from telephony.switch import LegState

# Design section 4: a switch unreachable for that long does not answer for what it was sent.
UNREACHABLE = timedelta(seconds=60)
# A talk may go on there without us, and is not to be cut; after that long its agent is given back all the same.
LOST = timedelta(minutes=10)


def kick_unsettled(now: datetime) -> int:
    return converge.kick_unsettled(now)


def kick_unsettled_live(now: datetime) -> int:
    return converge.kick_unsettled(now, owners=calls.all_with_live_leg())


def end_silent(now: datetime) -> int:
    return converge.end_silent(now)


def end_wrap_ups(now: datetime) -> int:
    with transaction.atomic():
        return agents.end_wrap_ups(now)


def expire_reservations(now: datetime) -> int:
    with transaction.atomic():
        return agents.expire_reservations(now)


def carry_out_releases(now: datetime) -> int:
    """Releases whose leg ended in the moment in which they were written down."""
    waiting = Agent.objects.filter(~Q(release_as=""))
    if not waiting.exists():
        return 0
    with transaction.atomic():
        agents.carry_out_releases(waiting, now)
    return 1


def look_after_arrived(now: datetime) -> int:
    return inbound.look_after(now)


def adopt_entries(now: datetime) -> int:
    return plans.adopt(now)


def go_on_with_targets(now: datetime) -> int:
    return plans.go_on(now)


def match_all(now: datetime) -> int:
    return matching.match_all(now)


def end_on_unreachable(now: datetime) -> int:
    """Legs on a switch out of reach: closed as UNKNOWN into that switch's delete list.

    After 60 s who was being rung. Where a process tries to reach the switch and cannot, also who waited, since nobody
    can be joined to them, and after ten minutes who talked; where no process runs, the switch may be well, and they
    wait for the process.
    """
    gone = Q(switch__reachable_at__lte=now - UNREACHABLE)
    rung = Q(state__in=[LegState.SENT, LegState.RINGING], sent_at__lte=now - UNREACHABLE)
    waits = Q(state=LegState.UP, bridge="", answered_at__lte=now - UNREACHABLE)
    talks = Q(state=LegState.UP, switch__reachable_at__lte=now - LOST)
    lost = ((gone | Q(switch__reachable_at=None)) & rung) | (Q(switch__lease_until__gt=now) & ((gone & waits) | talks))
    found = list(Leg.objects.filter(lost)[:100])
    for leg in found:
        UnconfirmedDeletion.objects.get_or_create(leg=leg.pk, defaults={"switch_id": leg.switch_id})
        why = f"the switch was unreachable for {(LOST if leg.bridge else UNREACHABLE).total_seconds():.0f} s"
        converge.end_unknown(leg, why, now, guard=Q(state=leg.state, bridge=leg.bridge))
    return len(found)


def drop_ownerless(now: datetime) -> int:
    """Settled calls without legs whose owner is gone."""
    found = list(Call.objects.filter(legs=None, look_at__lte=now - UNREACHABLE).values_list("owner", flat=True)[:100])
    gone = [owner for owner in found if not upwards.owner().exists(owner)]
    calls.forget(gone)
    return len(gone)


SOURCES = Sources(
    every_second=[
        *(kick_unsettled, end_silent, end_wrap_ups, expire_reservations, carry_out_releases),
        *(look_after_arrived, adopt_entries, go_on_with_targets, match_all),
    ],
    slow=[end_on_unreachable, drop_ownerless, access.delete_expired, brake.sweep, forcing.sweep],
    live=[
        *(kick_unsettled_live, end_silent, expire_reservations, carry_out_releases),
        *(look_after_arrived, go_on_with_targets, match_all),
    ],
)
