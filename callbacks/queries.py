"""Questions about stored callbacks. Each reads an index in the order in which it answers, and only so far.

Where the index alone does not tell which callbacks are meant, it gives candidates, `MOST_READ` of them at the most, of
which those are answered that are (docs/adr/0025-queries.md). So no question takes longer because more is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q

from callbacks import lookups
from callbacks.flow.states import Reason, State
from callbacks.lookups import COLUMNS
from callbacks.models import Callback, CallbackQuerySet, Limits

# So many records a question by properties is answered with, so many candidates are looked at for it.
MOST_RECORDS = 500
MOST_READ = 10_000
# Of a service in one state, so many callbacks are counted.
MOST_COUNTED = 100_000
# What queued and processed ones are counted as; a scheduled one rests.
AT_WORK = (State.QUEUED, State.PAUSED, State.ROUTING, State.PROCESSING)

_UNREAD = ("session", "options")


@dataclass(frozen=True)
class Found:
    """`is_cut_off` where there are more than were answered, or may be, because not every candidate was looked at."""

    callbacks: list[Callback]
    is_cut_off: bool


@dataclass(frozen=True)
class Property:
    """That `key` has this value, or with `negated` that it has not."""

    key: str
    value: str
    negated: bool = False

    @property
    def condition(self) -> Q:
        if self.key in COLUMNS:
            condition = Q((COLUMNS[self.key], self.value))
        elif self.key.startswith("_"):
            said = {self.key: self.value}
            condition = Q(properties__contains=said) | Q(overrides__contains=said)
        else:
            condition = Q(user_data__contains={self.key: self.value})
        return ~condition if self.negated else condition

    @property
    def states(self) -> frozenset[State]:
        """The states that callbacks with this property can be in."""
        if self.key == "_callback_reason" and not self.negated:
            return frozenset({State.COMPLETED})
        if self.key != "_callback_state":
            return frozenset(State)
        return frozenset(state for state in State if (state.value == self.value) is not self.negated)


def is_carried(wanted: Property) -> bool:
    """True if an index finds what has this property, in all services."""
    if wanted.negated:
        return wanted.key == "_callback_state"
    return wanted.key != "_service_name"


def by_properties(
    wanted: Sequence[Property], *, limits: Limits, service: int | None = None, services: Collection[int] | None = None
) -> Found:
    """Callbacks with all these properties, newest first, of one service or of those that the client sees.

    `services` are those in which the keys may be looked for at all, None for every one.
    """
    matching = Callback.objects.within(limits)
    if services is not None:
        matching = matching.filter(service__in=services)
    if service is not None:
        matching = matching.filter(service=service)
    if wanted:
        matching = matching.filter(reduce(and_, (each.condition for each in wanted)))
    of_services = limits.only if service is None else (service,)
    in_states = _in_states(frozenset(State).intersection(*(each.states for each in wanted)), of_services)
    finding = sorted((each for each in wanted if _rank(each) < _NO_RANK), key=_rank)
    if not finding and not limits.without and all(each.key == "_callback_state" for each in wanted):
        return _first_of(in_states, matching, MOST_RECORDS)
    # A digest is not the value.
    if len(wanted) == len(finding) == 1 and finding[0].key in COLUMNS and service is None and limits == Limits():
        return _first_of(_with(finding[0]), matching, MOST_RECORDS)
    return _among(_fewest([*(_with(each) for each in finding), in_states]), matching, MOST_RECORDS)


def by_any_property(
    wanted: Sequence[Property], *, limits: Limits, service: int | None = None, services: Collection[int] | None = None
) -> Found:
    """Callbacks with any of these properties, newest first: a question for each."""
    answers = [by_properties([each], limits=limits, service=service, services=services) for each in wanted]
    together = {callback.pk: callback for answer in answers for callback in answer.callbacks}
    newest = sorted(together.values(), key=lambda callback: (callback.created_at, callback.pk), reverse=True)
    is_cut_off = len(newest) > MOST_RECORDS or any(answer.is_cut_off for answer in answers)
    return Found(newest[:MOST_RECORDS], is_cut_off)


def by_desired_time(
    start: datetime,
    end: datetime,
    *,
    limits: Limits,
    services: Collection[int] | None = None,
    wanted: Sequence[Property] = (),
    states: Collection[State] = frozenset(State),
    most: int = MOST_RECORDS,
) -> Found:
    """Callbacks whose desired time is in [start, end], earliest first, of these services or of all that are seen."""
    matching = Callback.objects.within(limits)
    if wanted:
        matching = matching.filter(reduce(and_, (each.condition for each in wanted)))
    possible = frozenset(states).intersection(*(each.states for each in wanted))
    candidates = _in_states(possible, limits.only if services is None else services, between=(start, end))
    if not limits.without and all(each.key == "_callback_state" for each in wanted):
        return _first_of(candidates, matching, most)
    return _among(candidates, matching, most)


def by_reason(reason: Reason, *, limits: Limits, most: int) -> Found:
    """Callbacks that ended for this reason, newest first."""
    candidates = _with(Property("_callback_reason", reason))
    read = _first_of if limits == Limits() else _among
    return read(candidates, Callback.objects.within(limits), most)


def at_work(services: Collection[int]) -> dict[int, int]:
    """How many callbacks of each of these services wait, are called or talk; at most `MOST_COUNTED` in each state."""
    statement = """
        SELECT of_service.pk, sum(counted.n)
        FROM unnest(%s::bigint[]) AS of_service (pk), unnest(%s::text[]) AS of_state (name), LATERAL (
            SELECT count(*) AS n FROM (
                SELECT FROM callbacks_callback WHERE service_id = of_service.pk AND state = of_state.name LIMIT %s
            ) AS first
        ) AS counted
        GROUP BY of_service.pk
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(services), list(AT_WORK), MOST_COUNTED])
        return {pk: int(number) for pk, number in cursor.fetchall()}


# The smaller, the fewer callbacks an index most likely finds by it: one, those of a person, many.
_NO_RANK = 4
_RANKS = {
    "_id": 0,
    "_customer_number": 1,
    "_callback_reason": 3,
    "_callback_state": _NO_RANK,
    "_service_name": _NO_RANK,
}


def _rank(wanted: Property) -> int:
    return _NO_RANK if wanted.negated else _RANKS.get(wanted.key, 2)


@dataclass(frozen=True)
class _Stretches:
    """Candidates: one stretch of an index, or one for each row of `rows`, `services` of which are looked at equally."""

    where: str
    parameters: Sequence[Any]
    rows: str = ""
    services: int = 1
    table: str = "callbacks_callback"
    key: str = "id"
    column: str = "created_at"
    order: str = "DESC"

    def each(self, most: int) -> int:
        """How far each stretch is read, so that all of them are not more than one would be."""
        return max(most // self.services, min(most, MOST_RECORDS + 1))

    @property
    def one(self) -> str:
        return f"""
            SELECT {self.key} AS id, {self.column} AS at FROM {self.table} WHERE {self.where}
            ORDER BY {self.column} {self.order}, {self.key} {self.order} LIMIT %s
        """  # noqa: S608 (fixed texts)

    def first(self, most: int) -> tuple[str, list[Any]]:
        """The first candidates of all stretches, as (id, at)."""
        statement = f"""
            SELECT stretch.id, stretch.at FROM {self.rows} LATERAL ({self.one}) AS stretch
            ORDER BY stretch.at {self.order}, stretch.id {self.order} LIMIT %s
        """  # noqa: S608 (fixed texts)
        return statement, [*self.parameters, self.each(most), most]

    def have_more(self, most: int) -> bool:
        """True if `first` has, or may have, left some out."""
        statement = f"""
            SELECT max(stretch.n) >= %s OR sum(stretch.n) >= %s
            FROM {self.rows} LATERAL (SELECT count(*) AS n FROM ({self.one}) AS read) AS stretch
        """  # noqa: S608 (fixed texts)
        with connection.cursor() as cursor:
            each = self.each(most)
            cursor.execute(statement, [each, most, *self.parameters, each])
            return bool(cursor.fetchone()[0])


def _with(wanted: Property) -> _Stretches:
    """Those that have one property by which an index finds them, newest first."""
    if wanted.key == "_callback_reason":
        # As the index says it, which holds the completed ones.
        return _Stretches("reason = %s AND reason <> ''", [wanted.value])
    if wanted.key in COLUMNS:
        column = "id" if wanted.key == "_id" else COLUMNS[wanted.key]
        return _Stretches(f"{column} = %s", [wanted.value])
    digest = lookups.digest(wanted.key, wanted.value)
    return _Stretches("digest = %s", [digest], table="callbacks_lookupkey", key="callback_id")


def _in_states(
    states: Collection[State], services: Collection[int] | None, between: tuple[datetime, datetime] | None = None
) -> _Stretches:
    """Those in these states, of these services or of all: newest first, or by desired time `between` two moments."""
    rows, where = "unnest(%s::text[]) AS of_state (name),", "state = of_state.name"
    parameters: list[Any] = [sorted(states)]
    if services is not None:
        rows, where = f"unnest(%s::bigint[]) AS of_service (pk), {rows}", f"service_id = of_service.pk AND {where}"
        parameters.insert(0, sorted(services))
    number = max(len(services or ()), 1)
    if between is None:
        return _Stretches(where, parameters, rows, number)
    where = f"{where} AND desired_at BETWEEN %s AND %s"
    return _Stretches(where, [*parameters, *between], rows, number, column="desired_at", order="ASC")


def _fewest(alternatives: Sequence[_Stretches]) -> _Stretches:
    """Those of which all can be looked at; where there are none, the first."""
    if len(alternatives) == 1:
        return alternatives[0]
    return next((each for each in alternatives if not each.have_more(MOST_READ)), alternatives[0])


def _first_of(candidates: _Stretches, matching: CallbackQuerySet, most: int) -> Found:
    """Where every candidate matches: no more are read than are answered."""
    rows = _read(candidates, matching, read=most + 1, most=most + 1)
    return Found(rows[:most], len(rows) > most)


def _among(candidates: _Stretches, matching: CallbackQuerySet, most: int) -> Found:
    """Those that match, of as many candidates as may be looked at."""
    read = max(MOST_READ, most + 1)
    rows = _read(candidates, matching, read=read, most=most + 1)
    return Found(rows[:most], len(rows) > most or candidates.have_more(read))


def _read(candidates: _Stretches, matching: CallbackQuerySet, *, read: int, most: int) -> list[Callback]:
    """The first `most` of the first `read` candidates that match.

    Each candidate is fetched by its key: whatever the planner believes to know of the values, it has no other way.
    """
    of_candidate = matching.defer(*_UNREAD).order_by().extra(where=["callbacks_callback.id = candidates.id"])
    try:
        each, conditions = of_candidate.query.sql_with_params()
    except EmptyResultSet:
        return []
    first, parameters = candidates.first(read)
    statement = f"""
        WITH candidates AS MATERIALIZED ({first})
        SELECT matching.* FROM candidates, LATERAL ({each} OFFSET 0) AS matching
        ORDER BY candidates.at {candidates.order}, candidates.id {candidates.order} LIMIT %s
    """  # noqa: S608 (fixed texts)
    return list(Callback.objects.raw(statement, [*parameters, *conditions, most]))
