"""How things stand for one who waits, or is about to: the lines, the agents and the measures, made ready for `ewt`.

A few statements, however many wait.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from telephony import measures, routing, steps, targets, workforce
from telephony.ewt import HANDLING, REACH, SPREAD, AgentsNow, Correction, Expectation, Measured, Outlook
from telephony.measures import Figure
from telephony.models import QueueEntry, QueueMeasure
from telephony.queueplace import QueuePlace

# How much handling times differ is taken from so many on.
ENOUGH_FOR_SPREAD = 10
# Behind everybody of the same priority.
LAST = datetime.max.replace(tzinfo=UTC)

Line = tuple[str, frozenset[str]]
What = QueueMeasure.What

# The order is that of `routing.rank`. Who has an agent already takes no other one.
_LINES = """
SELECT queue, keys, target_key, count(*), count(*) FILTER (WHERE before),
    count(*) FILTER (WHERE before AND NOT served),
    count(*) FILTER (WHERE before AND NOT served AND wants = 'agent')
FROM (
    SELECT entry.queue, entry.keys, entry.target_key, entry.wants, agent.id IS NOT NULL AS served,
        (
            entry.place_at >= %(starved_before)s,
            CASE WHEN entry.place_at < %(starved_before)s THEN 0 ELSE -entry.priority - CASE
                WHEN entry.priority_interval > 0 AND entry.priority_increment > 0 THEN entry.priority_increment * floor(
                    greatest(date_part('epoch', %(now)s - entry.place_at), 0) / entry.priority_interval)
                ELSE 0
            END END,
            entry.place_at,
            entry.owner
        ) < (%(is_fresh)s, %(urgency)s, %(place_at)s, %(owner)s) AND entry.owner <> %(owner)s AS before
    FROM telephony_queueentry AS entry LEFT JOIN telephony_agent AS agent ON agent.reserved_for = entry.owner
    WHERE NOT entry.paused
) AS entry
GROUP BY queue, keys, target_key
"""


@dataclass(frozen=True)
class Span:
    """The targets that are looked for from so many seconds on."""

    starts_in: float
    keys: frozenset[str]


@dataclass(frozen=True)
class Place:
    """A place in a queue, taken or thought of: its rank among all who wait, and whom it is and will be looking for."""

    queue: str
    rank: routing.Rank
    spans: tuple[Span, ...]


def place_of(entry: QueueEntry, now: datetime) -> Place:
    """Where an entry stands."""
    keys = frozenset(entry.keys) or frozenset({entry.target_key})
    waiter = routing.Waiter(
        entry.owner, keys, entry.place_at, entry.priority, entry.priority_increment, entry.priority_interval
    )
    coming: list[Span] = []
    if entry.step_until is not None:
        # After the preferred agent the whole list is still to come.
        began = entry.step_until if entry.step == QueueEntry.PREFERRED else entry.plan_since or entry.place_at
        since = (now - began).total_seconds()
        for span in steps.spans(targets.parse(entry.target)):
            if entry.step == QueueEntry.PREFERRED or span.step > entry.step:
                coming.append(Span(max(span.starts - since, 0.0), frozenset(span.keys)))
    return Place(entry.queue, routing.rank(waiter, now), (Span(0.0, keys), *coming))


def stated_place(owner: str, place: QueuePlace, now: datetime) -> Place:
    """Where an owner stands that has just taken its place. Raises BadValue for the target."""
    waiter = routing.Waiter(
        owner, frozenset(), place.place_at, place.priority, place.priority_increment, place.priority_interval
    )
    preferred = place.preferred_seconds if place.preferred_agent else 0
    first = (Span(0.0, frozenset({f"A:{place.preferred_agent}"})),) if preferred else ()
    return Place(place.queue, routing.rank(waiter, now), (*first, *_spans(place.target, after=preferred)))


def new_place(queue: str, target: str, priority: int) -> Place:
    """Behind everybody of that priority. Raises BadValue for the target."""
    return Place(queue, (True, -priority, LAST, ""), _spans(target, after=0))


def _spans(target: str, *, after: float) -> tuple[Span, ...]:
    """Whom a list of targets looks for that begins in so many seconds."""
    return tuple(Span(after + span.starts, frozenset(span.keys)) for span in steps.spans(targets.parse(target)))


@dataclass(frozen=True)
class _Group:
    """Those who wait in one queue for the same targets, as one place sees them.

    `ahead` come before it; `open` of them have no agent yet, and `reached` of these are on the line.
    """

    waiting: int = 0
    ahead: int = 0
    open: int = 0
    reached: int = 0

    def __add__(self, other: _Group) -> _Group:
        return _Group(
            self.waiting + other.waiting,
            self.ahead + other.ahead,
            self.open + other.open,
            self.reached + other.reached,
        )


class Situation:
    """How things stand for a place: who is ahead, who works, and what was measured.

    `expected` is what it has to expect, and `outlook` says so; both are None while nobody is logged in for it.
    """

    def __init__(self, place: Place, read: _Read) -> None:
        self._place = place
        self._groups = read.groups[place.rank]
        self._figures = read.figures
        self._agents = read.agents
        self._lines = _lines_of(place)
        self.outlook, self.expected = self._best()

    @property
    def waiting(self) -> int:
        """Who waits in the queue, the place's own owner included."""
        return sum(group.waiting for (queue, _), group in self._groups.items() if queue == self._place.queue)

    @property
    def ahead(self) -> int:
        """Who comes before it in the same queue."""
        return sum(group.ahead for (queue, _), group in self._groups.items() if queue == self._place.queue)

    @property
    def agents(self) -> int:
        """Who is logged in of those that it looks for, now or later."""
        return sum(each.number for each in self._agents if not each.serves.isdisjoint(self._lines))

    @property
    def handling(self) -> timedelta:
        found = self._figures[self._place.queue].get(What.HANDLING)
        return HANDLING if found is None else timedelta(seconds=found.mean)

    @property
    def reach(self) -> Figure:
        """How long it takes to reach a customer of the queue, in seconds."""
        return self._figures[self._place.queue].get(What.REACH, Figure(REACH.total_seconds(), 0.0, 0))

    @property
    def last_start(self) -> timedelta | None:
        """The wait by which the queue's last scheduled callbacks were started."""
        found = self._figures[self._place.queue].get(What.START)
        return None if found is None else timedelta(seconds=found.mean)

    @property
    def correction(self) -> Correction:
        return _correction(self._figures[self._place.queue])

    def _best(self) -> tuple[Outlook | None, Expectation | None]:
        """Of a list of targets, those count that serve it first, and none before its time has come."""
        best: tuple[Outlook | None, Expectation | None] = (None, None)
        for nth, (span, line) in enumerate(zip(self._place.spans, self._lines, strict=True)):
            if best[1] is not None and best[1].ewt <= span.starts_in:
                break
            outlook = self._outlook(line, self._lines[:nth])
            expected = outlook.expect(ready_in=span.starts_in)
            if expected is not None and (best[1] is None or expected.ewt < best[1].ewt):
                best = (outlook, expected)
        return best

    def _outlook(self, line: Line, before: list[Line]) -> Outlook:
        """What is to be expected in a line to which the place comes from those `before`."""
        ahead: dict[Hashable, int] = {each: group.open for each, group in self._groups.items()}
        # Who is ahead in them goes on by the same list, and has come to this line by then.
        for left in set(before) - {line}:
            ahead[line] = ahead.get(line, 0) + ahead.pop(left, 0)
        known: dict[Hashable, Measured] = {
            each: _measured(self._figures[each[0]], self._groups.get(each, _Group())) for each in {*self._groups, line}
        }
        return Outlook(line, ahead, self._agents, known)


@dataclass(frozen=True)
class _Read:
    """What was read for some places: who waits, as each rank sees them, what was measured, and who works."""

    groups: Mapping[routing.Rank, Mapping[Line, _Group]]
    figures: Mapping[str, Mapping[str, Figure]]
    agents: list[AgentsNow]


def situation(place: Place, now: datetime) -> Situation:
    """How things stand for one place; three statements."""
    return next(situations([place], now))


def situations(places: Sequence[Place], now: datetime) -> Iterator[Situation]:
    """How things stand for several places, in their order: two statements, and one for each rank of theirs.

    Each is worked out when it is asked for, which takes longer than what was read for all.
    """
    groups = {rank: _groups(rank, now) for rank in {place.rank for place in places}}
    lines = frozenset(line for place in places for line in _lines_of(place)).union(*groups.values())
    keys = frozenset().union(*(line_keys for _, line_keys in lines))
    figures = measures.figures({queue for queue, _ in lines}, now)
    read = _Read(groups, figures, _agents(workforce.at_work(keys, now), lines))
    return (Situation(place, read) for place in places)


def _lines_of(place: Place) -> list[Line]:
    return [(place.queue, span.keys) for span in place.spans]


def _groups(rank: routing.Rank, now: datetime) -> dict[Line, _Group]:
    is_fresh, urgency, place_at, owner = rank
    asked: dict[str, Any] = {"is_fresh": is_fresh, "urgency": urgency, "place_at": place_at, "owner": owner}
    found: dict[Line, _Group] = {}
    with connection.cursor() as cursor:
        cursor.execute(_LINES, asked | {"now": now, "starved_before": now - routing.STARVED})
        for queue, keys, target_key, *counts in cursor.fetchall():
            # An entry of the release before has no keys until the tick gives it some.
            line = (queue, frozenset(keys) or frozenset({target_key}))
            found[line] = found.get(line, _Group()) + _Group(*counts)
    return found


# Which lines each kind of agents served, for the lines of the last estimate: mostly those of the next one.
_last_lines: tuple[frozenset[Line], dict[frozenset[str], frozenset[Line]]] = (frozenset(), {})


def _agents(at_work: list[workforce.AtWork], lines: frozenset[Line]) -> list[AgentsNow]:
    global _last_lines
    # Looked at once: another thread may put its own in place meanwhile.
    last = _last_lines
    if last[0] != lines:
        _last_lines = last = (lines, {})
    known = last[1]
    for kind in {each.serves for each in at_work} - known.keys():
        known[kind] = frozenset(line for line in lines if not kind.isdisjoint(line[1]))
    return [
        AgentsNow(known[each.serves], busy_for=each.busy_for, ends_in=each.ends_in)
        for each in at_work
        if known[each.serves]
    ]


def _measured(figures: Mapping[str, Figure], group: _Group) -> Measured:
    handling, abandoned, waited = (figures.get(what) for what in (What.HANDLING, What.ABANDONED, What.WAITED))
    no_show = figures.get(What.NO_SHOW)
    unreached = (group.open - group.reached) / group.open if group.open else 1.0
    return Measured(
        handling=HANDLING.total_seconds() if handling is None else handling.mean,
        spread=SPREAD
        if handling is None or handling.measured < ENOUGH_FOR_SPREAD
        else handling.deviation / max(handling.mean, 1.0),
        # Whoever is on the line has been reached.
        no_show=0.0 if no_show is None else no_show.mean * unreached,
        leaving=abandoned.mean / max(waited.mean, 1.0) if abandoned and waited else 0.0,
        correction=_correction(figures),
    )


def _correction(figures: Mapping[str, Figure]) -> Correction:
    ewt, p90 = (figures.get(what) for what in (What.CORRECTION, What.CORRECTION_P90))
    return Correction(ewt.mean if ewt else 1.0, p90.mean if p90 else 1.0)
