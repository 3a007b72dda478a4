"""Counting exactly, however many requests come at once: two statements a start, and no lock before the last one.

`read` looks at everything in one statement early in the transaction that stores the callback, so that most of what is
refused costs little. Others may be accepted until that transaction ends; so `count`, its last act, adds one to counters
that only ever grow, and learns from what they were how many were accepted since `read`. Who was counted by `read` and
who since then is together never less than there are:

1. The total of the service is one row. Its update makes the starts of a service go one after the other, from there to
   their commit, and answers with the row as the one before left it.
2. What was accepted in a window is the total less what it was before the window's first second. Such a second is a row
   that is inserted once and never changes. One that `read` could not see yet is counted as since `read`.
3. Values of the day, and callbacks of a number, are counters of their own. A start for later counts only its number.

Locks: the total's, then those of values. Nothing is locked after them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.crypto import salted_hmac

from callbacks.flow.states import State
from callbacks.limits.rules import Counts, Limits

# In the queue or in a call. SCHEDULED ones are free.
QUEUED = (State.QUEUED, State.PAUSED, State.ROUTING, State.PROCESSING)


@dataclass(frozen=True)
class Asked:
    """What is counted of one request: digests of its values of the day, and of its number (empty: not counted).

    `is_now` says that it goes to the queue now. `numbers` are the forms in which its number may be stored.
    """

    service_id: int
    is_now: bool
    values: tuple[str, ...]
    number: str
    numbers: tuple[str, ...]

    @property
    def digests(self) -> list[str]:
        return [*self.values, self.number] if self.number else [*self.values]


@dataclass(frozen=True)
class Reading:
    """What one statement saw: what there was, and the counters then."""

    counts: Counts
    total: int
    first_of_windows: tuple[int | None, ...]
    digests: tuple[int, ...]


def digest(service_id: int, what: str, value: str) -> str:
    """What stands for a value that is counted; nobody can work the value out from it without SECRET_KEY."""
    text = f"{service_id}\0{what}\0{value}"
    return salted_hmac("callbacks.limits", text, algorithm="sha256").hexdigest()[:32]


def today(now: datetime) -> str:
    """The day in which values are counted: the installation's (`TIME_ZONE`), as the vendor's is the server's."""
    return timezone.localtime(now, timezone.get_default_timezone()).date().isoformat()


_READ = """
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM callbacks_callback
            WHERE customer_number = ANY(%(numbers)s::text[]) AND NOT state = 'COMPLETED' AND service_id = %(service)s
            LIMIT %(of_a_number)s
        ) AS live),
        ARRAY(
            SELECT coalesce(accepted, 0) FROM unnest(%(digests)s::text[]) WITH ORDINALITY AS asked(digest, place)
            LEFT JOIN callbacks_valuecount USING (digest) ORDER BY place
        )"""
_READ_NOW = """,
        coalesce(total.accepted, 0),
        ARRAY(
            SELECT (
                SELECT before FROM callbacks_startsecond
                WHERE service_id = %(service)s AND second > since ORDER BY second LIMIT 1
            ) FROM unnest(%(since)s::bigint[]) WITH ORDINALITY AS asked(since, place) ORDER BY place
        ),
        CASE WHEN total.queued_second = %(second)s
            AND total.queued + total.accepted - total.queued_accepted < %(most_queued)s
        THEN total.queued + total.accepted - total.queued_accepted
        ELSE (
            SELECT count(*) FROM (
                SELECT FROM callbacks_callback
                WHERE service_id = %(service)s AND state = ANY(%(queued)s::text[]) AND desired_at <= %(soon)s
                LIMIT %(most_queued)s
            ) AS queued
        ) END
    FROM (SELECT) AS one LEFT JOIN callbacks_starttotal AS total ON total.service_id = %(service)s"""


def read(asked: Asked, limits: Limits, buffer: timedelta, now: datetime) -> Reading:
    """What there is before this request, as far as it is limited: one statement.

    Not counted as queued is one that started early (docs/adr/0015), as long as its time, less `buffer`, is to come.
    """
    second = int(now.timestamp())
    parameters: dict[str, Any] = {
        "service": asked.service_id,
        "numbers": list(asked.numbers),
        "of_a_number": limits.of_a_number or 0,
        "digests": asked.digests,
    }
    if asked.is_now:
        parameters |= {
            "second": second,
            "since": [second - window.seconds for window in limits.windows],
            "queued": list(QUEUED),
            "soon": now + buffer,
            "most_queued": limits.queued,
        }
    with connection.cursor() as cursor:
        cursor.execute(_READ + _READ_NOW if asked.is_now else _READ, parameters)
        of_a_number, digests, *rest = cursor.fetchone()
    total, firsts, queued = rest or (0, [], 0)
    windows = tuple(0 if first is None else total - first for first in firsts)
    counts = Counts(of_a_number, tuple(digests[: len(asked.values)]), windows, queued)
    return Reading(counts, total, tuple(firsts), tuple(digests))


_COUNT_VALUES = """
    INSERT INTO callbacks_valuecount AS counter (digest, accepted, day)
    SELECT digest, 1, %(day)s::date FROM {source} unnest(%(digests)s::text[]) AS asked(digest)
    ON CONFLICT (digest) DO UPDATE SET accepted = counter.accepted + 1, day = excluded.day
    RETURNING digest, accepted
"""
_COUNTED = """ARRAY(
        SELECT accepted FROM unnest(%(digests)s::text[]) WITH ORDINALITY AS asked(digest, place)
        JOIN counted USING (digest) ORDER BY place
    )"""
_COUNT_NOW = f"""
    WITH total AS (
        INSERT INTO callbacks_starttotal AS total
        (service_id, accepted, second, queued, queued_second, queued_accepted)
        VALUES (%(service)s, 1, %(second)s, %(queued)s, %(second)s, %(seen)s)
        ON CONFLICT (service_id) DO UPDATE
        SET accepted = total.accepted + 1, second = greatest(total.second, excluded.second),
            queued = excluded.queued, queued_second = excluded.queued_second, queued_accepted = excluded.queued_accepted
        RETURNING accepted, second
    ), moment AS (
        INSERT INTO callbacks_startsecond (service_id, second, before, kept_until)
        SELECT %(service)s, second, accepted - 1, second + %(longest)s FROM total
        ON CONFLICT (service_id, second) DO NOTHING
    ), counted AS ({_COUNT_VALUES.format(source="total,")})
    SELECT (SELECT accepted FROM total), {_COUNTED}
"""  # noqa: S608 (texts of ours)
_COUNT_LATER = f"""
    WITH counted AS ({_COUNT_VALUES.format(source="")})
    SELECT 0, {_COUNTED}
"""


def count(asked: Asked, limits: Limits, seen: Reading, now: datetime) -> Counts:
    """Count this request, as the transaction's last act; what there is before it now that nobody can come between."""
    parameters: dict[str, Any] = {"day": today(now), "digests": asked.digests}
    if asked.is_now:
        second = int(now.timestamp())
        parameters |= {
            "service": asked.service_id,
            "second": second,
            "longest": limits.longest,
            "queued": seen.counts.queued,
            "seen": seen.total,
        }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_NOW if asked.is_now else _COUNT_LATER, parameters)
        total, accepted = cursor.fetchone()
    before = [each - 1 for each in accepted]
    of_a_number = seen.counts.of_a_number
    if asked.number:
        of_a_number += _since(seen.digests[-1], before[-1])
    values = tuple(before[: len(asked.values)])
    if not asked.is_now:
        return Counts(of_a_number, values)
    # Where `read` saw no start in a window, all that came since then may be in it.
    firsts = (seen.total if first is None else first for first in seen.first_of_windows)
    windows = tuple(total - 1 - first for first in firsts)
    return Counts(of_a_number, values, windows, seen.counts.queued + total - 1 - seen.total)


def _since(seen: int, before: int) -> int:
    """How much a counter has grown. One that was swept in between has begun anew."""
    return before - seen if before >= seen else before


_FORGET_SECONDS = """
    DELETE FROM callbacks_startsecond AS gone USING (
        SELECT service_id, second FROM callbacks_startsecond WHERE kept_until < %s ORDER BY kept_until LIMIT %s
    ) AS past
    WHERE gone.service_id = past.service_id AND gone.second = past.second
"""
_FORGET_VALUES = """
    DELETE FROM callbacks_valuecount WHERE day < %s AND digest IN (
        SELECT digest FROM callbacks_valuecount WHERE day < %s ORDER BY day LIMIT %s
    )
"""


def forget(now: datetime, most: int) -> int:
    """Delete up to `most` of each kind of counter that no request can reach any more; return how many."""
    # A day more than the clocks of all hosts, and of those who still store what they began before midnight, need.
    day = today(now - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(_FORGET_SECONDS, [int(now.timestamp()), most])
        gone = cursor.rowcount
        cursor.execute(_FORGET_VALUES, [day, day, most])
        return int(gone + cursor.rowcount)
