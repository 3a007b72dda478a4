"""The brake on spending, and how often one number is dialled; both are counted in the transaction that lets it ring.

A dial is counted with the guarded update by which its leg is sent (`telephony.converge`), in rows that every other dial
of the same service, hour or number waits for: so there is never one too many, and a dial that was not made is not
counted. Those rows are the last thing that is locked before the commit.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from telephony import numbers
from telephony.models import BrakeRelease, DialCount, NumberDials
from telephony.upwards import Refusal

logger = logging.getLogger(__name__)

Period = DialCount.Period

DAY, WEEK = timedelta(days=1), timedelta(days=7)
# Hours and days that are over are kept for looking for so long.
KEPT = timedelta(days=8)
DELETE_BATCH = 1000
# How every sentence about it begins, by which those whom it holds back are found again.
PULLED = "the spending brake is pulled"


@dataclass(frozen=True)
class Limit:
    """At most so many customers are dialled in an hour or day, for one service or for all (`DialCount.ALL`).

    `most` 0: counted without a limit. `option` is where it is set, for sentences.
    """

    service: str
    period: Period
    most: int
    option: str


@dataclass(frozen=True)
class Allowance:
    """What a dial is counted against. `number` is a customer's, as `counted_as` writes it; 0: without limit."""

    number: str
    per_day: int
    per_week: int
    limits: tuple[Limit, ...]


class _Reached(Exception):
    """Nothing of the dial is to stay counted."""


def counted_as(number: str, country: str) -> str:
    """The keyed hash under which a number is counted, the same however it is written."""
    text = numbers.canonical(number, country)
    return str(salted_hmac("telephony.brake", text, algorithm="sha256").hexdigest())


def refusal(allowance: Allowance, now: datetime) -> Refusal | None:
    """What a dial at this moment would be refused for; nothing is counted.

    For questions that come before the ring: whether to ask a customer, whether to call an agent first.
    """
    limit = _reached(allowance, now)
    return _pull(limit, now) if limit else _held_back(allowance, now)


def would_refuse(allowance: Allowance, now: datetime) -> Refusal | None:
    """As refusal(), with nothing marked as pulled: for who only wants to know."""
    limit = _reached(allowance, now)
    return _pulled_by(limit, now) if limit else _held_back(allowance, now)


def _reached(allowance: Allowance, now: datetime) -> Limit | None:
    for limit in allowance.limits:
        row = DialCount.objects.filter(_row(limit, now), dials__gte=F("extra") + limit.most)
        if limit.most and row.exists():
            return limit
    return None


def _held_back(allowance: Allowance, now: datetime) -> Refusal | None:
    """What the number itself, dialled too often, has against another dial."""
    held = NumberDials.objects.filter(pk=allowance.number).first()
    return _too_often(held.dialled if held else [], allowance, now)


def count(allowance: Allowance, now: datetime) -> Refusal | None:
    """Count a dial, in the caller's transaction, which lets the phone ring; or say why it may not.

    1. Its number's row; one that was dialled too often is refused.
    2. Hour and day of its service and of all services, in one statement and always in that order. A row at its limit
       is left as it is, and is missing from what comes back.
    3. Was one missing, nothing is counted, and the brake is marked as pulled.
    """
    try:
        with transaction.atomic():
            if refused := _count_number(allowance, now):
                return refused
            reached = _count_dials(allowance.limits, now)
            if reached:
                raise _Reached
    except _Reached:
        return _pull(reached[0], now)
    return None


def _count_number(allowance: Allowance, now: datetime) -> Refusal | None:
    """One statement, two where it is refused. The row keeps whoever else dials this number waiting until the commit."""
    per_day, per_week = allowance.per_day, allowance.per_week
    if not per_day and not per_week:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO telephony_numberdials AS held (number, dialled, last_at)
            VALUES (%(number)s, ARRAY[%(now)s]::timestamptz[], %(now)s)
            ON CONFLICT (number) DO UPDATE
            SET dialled = ARRAY(SELECT at FROM unnest(held.dialled) AS at WHERE at > %(week)s) || %(now)s::timestamptz,
                last_at = %(now)s
            WHERE (%(per_day)s = 0
                   OR (SELECT count(*) FROM unnest(held.dialled) AS at WHERE at > %(day)s) < %(per_day)s)
              AND (%(per_week)s = 0
                   OR (SELECT count(*) FROM unnest(held.dialled) AS at WHERE at > %(week)s) < %(per_week)s)
            RETURNING number
            """,
            {
                "number": allowance.number,
                "now": now,
                "day": now - DAY,
                "week": now - WEEK,
                "per_day": per_day,
                "per_week": per_week,
            },
        )
        if cursor.fetchone():
            return None
    return _too_often(NumberDials.objects.get(pk=allowance.number).dialled, allowance, now)


def _too_often(dialled: Sequence[datetime], allowance: Allowance, now: datetime) -> Refusal | None:
    """Refused until as many of its dials are so long ago that there is room for one."""
    refusals = []
    for most, within, said, option in (
        (allowance.per_day, DAY, "24 hours", "_max_attempts_per_number_per_day"),
        (allowance.per_week, WEEK, "7 days", "_max_attempts_per_number_per_week"),
    ):
        recent = sorted(moment for moment in dialled if moment > now - within)
        if most and len(recent) >= most:
            why = f"the number was dialled {most} times within {said}, for whichever service ({option})"
            refusals.append(Refusal(why, retry_at=recent[-most] + within))
    return max(refusals, key=lambda each: each.retry_at or now, default=None)


def _count_dials(limits: Sequence[Limit], now: datetime) -> list[Limit]:
    """One statement; the limits that are reached. Its rows are locked in one order by whoever dials."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO telephony_dialcount AS held (service, period, begins_at, most, dials, extra)
            SELECT service, period, begins_at, most, 1, 0
            FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::int[]) AS dial (service, period, begins_at, most)
            ORDER BY service COLLATE "C" DESC, period COLLATE "C"
            ON CONFLICT (begins_at, period, service) DO UPDATE
            SET dials = held.dials + 1, most = excluded.most, pulled_at = NULL
            WHERE excluded.most = 0 OR held.dials < excluded.most + held.extra
            RETURNING service, period
            """,
            [
                [limit.service for limit in limits],
                [limit.period.value for limit in limits],
                [limit.period.span(now)[0] for limit in limits],
                [limit.most for limit in limits],
            ],
        )
        counted = set(cursor.fetchall())
    return [limit for limit in limits if (limit.service, limit.period.value) not in counted]


def _pull(limit: Limit, now: datetime) -> Refusal:
    """Mark that a limit holds somebody back, once; it is told by pages and metrics while it does."""
    refused = _pulled_by(limit, now)
    unmarked = DialCount.objects.filter(_row(limit, now)).filter(Q(pulled_at=None) | ~Q(most=limit.most))
    if unmarked.update(pulled_at=now, most=limit.most):
        logger.error("%s; nothing more is dialled until %s", refused.reason, f"{refused.retry_at:%Y-%m-%d %H:%M} UTC")
    return refused


def _pulled_by(limit: Limit, now: datetime) -> Refusal:
    """What a dial is told that a limit holds back."""
    _, ends = limit.period.span(now)
    of_whom = f"service {limit.service}" if limit.service else "all services"
    why = f"{PULLED}: at most {limit.most} are dialled per {limit.period.value} for {of_whom} ({limit.option})"
    return Refusal(why, retry_at=ends)


def _row(limit: Limit, now: datetime) -> Q:
    return Q(begins_at=limit.period.span(now)[0], period=limit.period, service=limit.service)


def counts(now: datetime) -> list[DialCount]:
    """What was dialled in this hour and on this day, all services first."""
    spans = [Q(period=period, begins_at=period.span(now)[0]) for period in Period]
    return list(DialCount.objects.filter(spans[0] | spans[1]).order_by("service", "-period"))


def pulled(now: datetime) -> list[DialCount]:
    """The brakes that keep somebody from being dialled now."""
    marked = DialCount.objects.filter(pulled_at__isnull=False).order_by("service", "-period")
    return [row for row in marked if Period(row.period).span(now)[0] == row.begins_at]


def release(row_id: int, *, by: str, reason: str, now: datetime) -> BrakeRelease | None:
    """Let as many more be dialled as the limit says, in the same hour or day; None where it is not pulled any more.

    Pulled a second time it has to be released a second time: a release is no blank cheque.
    """
    with transaction.atomic():
        row = next((row for row in pulled(now) if row.pk == row_id), None)
        if row is None or not DialCount.objects.filter(pk=row_id, pulled_at__isnull=False).update(
            extra=F("dials"), pulled_at=None
        ):
            return None
        return BrakeRelease.objects.create(
            service=row.service,
            period=row.period,
            begins_at=row.begins_at,
            extra=row.most,
            released_at=now,
            released_by=by,
            reason=reason,
        )


def sweep(now: datetime) -> int:
    """Remove counts that nothing asks for any more, a batch of each table at a time."""
    old_numbers = NumberDials.objects.filter(last_at__lte=now - WEEK).order_by("last_at").values("pk")[:DELETE_BATCH]
    removed, _ = NumberDials.objects.filter(pk__in=old_numbers, last_at__lte=now - WEEK).delete()
    old = DialCount.objects.filter(begins_at__lte=now - KEPT).order_by("begins_at").values("pk")[:DELETE_BATCH]
    return removed + DialCount.objects.filter(pk__in=old).delete()[0]


def forget(number: str, country: str) -> int:
    """Forget how often a number was dialled; 1 where it was known."""
    return NumberDials.objects.filter(pk=counted_as(number, country)).delete()[0]
