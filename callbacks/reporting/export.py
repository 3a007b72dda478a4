"""The reporting fields of the vendor's CALLBACK_FACT, from our facts: streamed, in an order in which nothing is missed.

docs/reports.md says of each field what it is made of.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.utils import timezone

from callbacks.reporting.models import CallbackFact
from callbacks.reporting.periods import Days

# So many facts are read with one statement.
CHUNK = 2000
# The vendor's fields name five attempts.
MOST_RESULTS = 5
# With these a spreadsheet takes a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Record = dict[str, Any]


def facts(
    *,
    after: int = 0,
    start: datetime | None = None,
    end: datetime | None = None,
    services: Collection[str] | None = None,
) -> Iterator[CallbackFact]:
    """Facts behind the one whose `seq` is `after`, in the order of `seq`; of callbacks completed from `start` to before
    `end`. A statement for each 2,000, so that no transaction stays open while somebody reads slowly.
    """
    wanted = CallbackFact.objects.order_by("seq")
    if start is not None:
        wanted = wanted.filter(completed_at__gte=start)
    if end is not None:
        wanted = wanted.filter(completed_at__lt=end)
    if services is not None:
        wanted = wanted.filter(service__in=services)
    while True:
        chunk = list(wanted.filter(seq__gt=after)[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        after = chunk[-1].seq


def between(days: Days) -> tuple[datetime, datetime]:
    """The moments at which days of the office begin and end."""
    zone = timezone.get_default_timezone()
    first, following = days.first, days.last + timedelta(days=1)
    return datetime.combine(first, time(), zone), datetime.combine(following, time(), zone)


def record(fact: CallbackFact) -> Record:
    """A fact in the vendor's words; times in UTC, durations in seconds. What is not known is None."""
    results = [result or "UNKNOWN" for result in fact.results[:MOST_RESULTS]]
    results += [None] * (MOST_RESULTS - len(results))  # type: ignore[list-item]
    return {
        "SEQ": fact.seq,
        "_CB_SERVICE_ID": fact.callback,
        "_CB_TENANT_DBID": 1,
        "_CB_FINAL_RECORD": 1,
        "_CB_T_CALLBACK_OFFERED": _written(fact.accepted_at),
        "_CB_T_CALLBACK_ACCEPTED": _written(fact.accepted_at),
        "_CB_EWT_WHEN_CALLBACK_WAS_OFFERED": _rounded(fact.ewt_offered),
        "_CB_EWT_WHEN_READY_TO_START_MEDIA_IXN": _rounded(fact.ewt),
        "_CB_POS_WHEN_CALLBACK_WAS_OFFERED": fact.position_offered,
        "_CB_POS_WHEN_READY_TO_START_MEDIA_IXN": fact.position,
        "_CB_D_CALLBACK_OFFER": None,
        "_CB_D_WAITING_FOR_AGENT_OFFLINE": _offline(fact),
        "_CB_D_ESTABLISH_MEDIA_IXN": _between(fact.rung_at, fact.reached_at),
        "_CB_D_CUSTOMER_CONNECTED_WAITING_FOR_AGENT": _between(fact.reached_at, fact.connected_at or fact.ended_at),
        **{f"_CB_DIAL_{number}_RESULT": result for number, result in enumerate(results, 1)},
        "FINAL_DIAL_RESULT": (fact.results[-1] or "UNKNOWN") if fact.results else None,
        "DIAL_DIALOG_RESULT": fact.disposition or None,
        "CALL_DIRECTION": fact.direction or None,
        "OFFER_TIMING": "SCHEDULED" if fact.has_promise else "IMMEDIATE",
        "DESIRED_TIME_TS": _written(fact.desired_at),
        "READY_TO_START_IXN_TS": _written(fact.started_at),
        "CUSTOMER_READY_TO_START_IXN_TS": _written(fact.confirmed_at),
        "SERVICE_NAME": fact.service,
        "VIRTUAL_QUEUE": fact.queue or None,
        "REASON": fact.reason,
        "AGENT": fact.agent or None,
        "FIRST_DIAL_TS": _written(fact.rung_at),
        "CUSTOMER_ANSWERED_TS": _written(fact.reached_at),
        "AGENT_CONNECTED_TS": _written(fact.connected_at),
        "COMPLETED_TS": _written(fact.completed_at),
        "ENDED_TS": _written(fact.ended_at),
        "ATTEMPTS": len(fact.results),
        "TALK_TIME": _rounded(fact.talk_seconds),
        "EWT_P90": _rounded(fact.ewt_p90),
        "WAIT_OUTCOME": fact.wait_outcome or None,
        "WAITED": _rounded(fact.waited),
        "PROMISED_RING_LATE": _rounded(fact.ring_late),
        "PROMISED_AGENT_LATE": _rounded(fact.agent_late),
    }


def csv_lines(found: Iterable[CallbackFact]) -> Iterator[str]:
    """With a head of names; a fact a line."""
    yield _line(record(_EMPTY).keys())
    for fact in found:
        yield _line(plain(value) for value in record(fact).values())


def json_lines(found: Iterable[CallbackFact]) -> Iterator[str]:
    """An object a line."""
    for fact in found:
        yield json.dumps(record(fact), ensure_ascii=False) + "\n"


def plain(value: object) -> object:
    """A value as a spreadsheet takes it: a text that begins as a formula with the mark that makes it a text again."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


_ANY = datetime(2000, 1, 1, tzinfo=UTC)
# Only its names are asked for.
_EMPTY = CallbackFact(accepted_at=_ANY, desired_at=_ANY, completed_at=_ANY, ended_at=_ANY, results=[], talk_seconds=0.0)


def _line(values: Iterable[object]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow(values)
    return written.getvalue()


def _written(at: datetime | None) -> str | None:
    """As the API writes times."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z" if at else None


def _offline(fact: CallbackFact) -> float | None:
    """None where the first ring was for an earlier place in the queue than the last one, which alone is kept."""
    if fact.started_at and fact.rung_at and fact.rung_at < fact.started_at:
        return None
    return _between(fact.started_at, fact.rung_at or fact.completed_at)


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return _rounded(max((end - start).total_seconds(), 0.0)) if start and end else None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
