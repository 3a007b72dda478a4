"""Trunks that cannot carry calls: which are left, who is told what, and when a trunk is tried again."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from telephony import lease, routes
from telephony.events import CallEvent, LegEnded, Party, TrunkUnavailable
from telephony.models import Leg, RoutePoint
from telephony.routes import Candidate, Way
from telephony.switch import EndCause, LegState

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=300)


def pause(failures: int) -> timedelta:
    """How long a trunk rests after so many failures in a row: 5, 10, 20 … 300 seconds."""
    doublings = min(failures - 1, 10)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def named(text: str) -> QuerySet[RoutePoint]:
    """The configured ones of the route points that a text names."""
    one_of = Q(pk=None)
    for each in routes.split(text):
        name, _, switch = each.partition("@")
        one_of |= Q(name=name, switch__name=switch)
    return RoutePoint.objects.filter(one_of).select_related("switch")


def choose(way: Way, *, seed: str, now: datetime) -> RoutePoint | None:
    """The route point over which a new leg is to be called; None where none is configured on this way."""
    found = _candidates(way)
    chosen = routes.choose(list(found), seed=seed, now=now)
    return found[chosen] if chosen else None


def free_at(way: Way, now: datetime) -> datetime | None:
    """When a leg may be called on this way: `now` if at once, None while nobody listens to any of its switches."""
    return routes.free_at(list(_candidates(way)), now=now)


def free_elsewhere(leg: Leg, way: Way, now: datetime) -> bool:
    """Whether another trunk than the leg's own could carry it at once."""
    return any(
        each.live and each.free_at(now) <= now and point.pk != leg.route_point_id
        for each, point in _candidates(way).items()
    )


def _candidates(way: Way) -> dict[Candidate, RoutePoint]:
    on_the_switch = Leg.objects.filter(~Q(state=LegState.ENDED), switch=OuterRef("switch")).order_by()
    counted = on_the_switch.values("switch").annotate(count=Count("pk")).values("count")
    points = named(way.text).annotate(
        live=Exists(lease.live_switches().filter(pk=OuterRef("switch"))), legs=Coalesce(Subquery(counted), 0)
    )
    found = {
        Candidate(str(point), point.switch_id, point.live, point.legs, point.unavailable_until): point
        for point in points
    }
    return {candidate: found[candidate] for candidate in routes.on(way.switch, found)}


def resting(leg: Leg, way: Way, now: datetime) -> CallEvent | None:
    """What to tell the owner while the leg's trunk rests after a failure; None when it may be used."""
    until = leg.route_point.unavailable_until if leg.route_point else None
    if until is None or until <= now:
        return None
    return TrunkUnavailable(
        Party(leg.party), leg.attempt, "it rests after a failure", _sooner(until, free_at(way, now))
    )


def refused(leg: Leg, way: Way, detail: str, now: datetime) -> CallEvent:
    """The switch could not carry the leg: what to tell its owner. A trunk rests, longer each time, with an alarm.

    The owner may try again at once where another trunk of the way is free.
    """
    party = Party(leg.party)
    if leg.route_point_id is None:
        return LegEnded(party, leg.attempt, EndCause.UNREACHABLE, detail)
    point = RoutePoint.objects.select_for_update(no_key=True).get(pk=leg.route_point_id)
    until = point.unavailable_until
    if until is None or until <= now:
        point.failures += 1
        point.unavailable_until = until = now + pause(point.failures)
        point.save(update_fields=["failures", "unavailable_until"])
        logger.error(
            "trunk %s is unavailable (%s), failure %s; not used before %s", point.name, detail, point.failures, until
        )
    return TrunkUnavailable(party, leg.attempt, detail, _sooner(until, free_at(way, now)))


def missing(leg: Leg, way: Way, now: datetime) -> TrunkUnavailable:
    """What to tell the owner of a leg for which no route point is configured."""
    where = "" if way.switch is None else " on the switch of the other party"
    detail = f"route point {way.text} is not configured{where}"
    return TrunkUnavailable(Party(leg.party), leg.attempt, detail, now + LONGEST_PAUSE)


def _sooner(until: datetime, other: datetime | None) -> datetime:
    return until if other is None else min(until, other)


def carried(leg: Leg) -> None:
    """A phone rang through the leg's trunk: it works."""
    if leg.route_point is None or not leg.route_point.failures:
        return
    RoutePoint.objects.filter(pk=leg.route_point.pk).update(failures=0, unavailable_until=None)
