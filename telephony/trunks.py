"""Trunks that cannot carry calls: who is told what, and when the trunk is tried again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from telephony.events import CallEvent, LegEnded, Party, TrunkUnavailable
from telephony.models import Leg, RoutePoint
from telephony.switch import EndCause
from telephony.wanted import WantedLeg

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=300)


def pause(failures: int) -> timedelta:
    """How long a trunk rests after so many failures in a row: 5, 10, 20 … 300 seconds."""
    doublings = min(failures - 1, 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def resting(leg: Leg, now: datetime) -> CallEvent | None:
    """What to tell the owner while the leg's trunk rests after a failure; None when it may be used."""
    until = leg.route_point.unavailable_until if leg.route_point else None
    if until is None or until <= now:
        return None
    return TrunkUnavailable(Party(leg.party), leg.attempt, "it rests after a failure", until)


def refused(leg: Leg, detail: str, now: datetime) -> CallEvent:
    """The switch could not carry the leg: what to tell its owner. A trunk rests, longer each time, with an alarm."""
    party = Party(leg.party)
    if leg.route_point_id is None:
        return LegEnded(party, leg.attempt, EndCause.UNREACHABLE, detail)
    point = RoutePoint.objects.select_for_update(no_key=True).get(pk=leg.route_point_id)
    if point.unavailable_until is None or point.unavailable_until <= now:
        point.failures += 1
        point.unavailable_until = now + pause(point.failures)
        point.save(update_fields=["failures", "unavailable_until"])
        logger.error(
            "trunk %s is unavailable (%s), failure %s; not used before %s",
            point.name,
            detail,
            point.failures,
            point.unavailable_until,
        )
    return TrunkUnavailable(party, leg.attempt, detail, point.unavailable_until)


def missing(party: Party, wanted: WantedLeg, now: datetime) -> CallEvent:
    return TrunkUnavailable(
        party, wanted.attempt, f"route point {wanted.route_point} is not configured", now + LONGEST_PAUSE
    )


def carried(leg: Leg) -> None:
    """A phone rang through the leg's trunk: it works."""
    if leg.route_point is None or not leg.route_point.failures:
        return
    RoutePoint.objects.filter(pk=leg.route_point.pk).update(failures=0, unavailable_until=None)
