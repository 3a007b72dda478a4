"""What telephony has due, for the tick."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from scheduling.tick import Sources
from telephony import agents, calls, converge, matching, upwards
from telephony.models import Agent, Call, Leg, UnconfirmedDeletion
from telephony.switch import LegState

# Design section 4: a switch unreachable for that long does not answer for what it was sent.
UNREACHABLE = timedelta(seconds=60)


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


def match_all(now: datetime) -> int:
    return matching.match_all(now)


def end_on_unreachable(now: datetime) -> int:
    """Unanswered legs on a switch out of reach for 60 s: closed as UNKNOWN into that switch's delete list."""
    lost = Leg.objects.filter(
        Q(switch__reachable_at__lte=now - UNREACHABLE) | Q(switch__reachable_at=None),
        state__in=[LegState.SENT, LegState.RINGING],
        sent_at__lte=now - UNREACHABLE,
    )
    found = list(lost.select_related("switch")[:100])
    for leg in found:
        UnconfirmedDeletion.objects.get_or_create(leg=leg.pk, defaults={"switch": leg.switch})
        converge.end_unknown(leg, "the switch was unreachable for 60 s", now)
    return len(found)


def drop_ownerless(now: datetime) -> int:
    """Settled calls without legs whose owner is gone."""
    found = list(Call.objects.filter(legs=None, look_at__lte=now - UNREACHABLE).values_list("owner", flat=True)[:100])
    gone = [owner for owner in found if not upwards.owner().exists(owner)]
    calls.forget(gone)
    return len(gone)


SOURCES = Sources(
    every_second=[kick_unsettled, end_silent, end_wrap_ups, expire_reservations, carry_out_releases, match_all],
    slow=[end_on_unreachable, drop_ownerless],
    live=[kick_unsettled_live, end_silent, expire_reservations, carry_out_releases, match_all],
)
