"""What became of one callback, read from its rows. Pure: neither the database nor the clock.

Every rule of docs/reports.md about a single callback stands here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.utils.dateparse import parse_datetime

from callbacks.flow.decision import DialResult
from callbacks.reporting.models import CallbackFact
from telephony.events import Party

# Results of attempts at the customer that found a human.
REACHED = frozenset({DialResult.PERSON, DialResult.USERORIGINATED_CONNECTED})
# Results of calls to agents whose phone nobody picked up.
UNANSWERED = frozenset({DialResult.NO_ANSWER, DialResult.BUSY, DialResult.CREATE_CALL_ERROR})
# Lines of the timeline that are read, by their kind.
CONFIRMED, CONNECTED, DISPOSED, LAPSED, REJECTED = "confirmed", "connected", "disposed", "lapsed", "rejected"
KINDS = (CONFIRMED, CONNECTED, DISPOSED, LAPSED, REJECTED)


@dataclass(frozen=True)
class Completed:
    """The callback's own row; `session` as stored, which may be unreadable or of an older release."""

    id: str
    service: str
    queue: str
    direction: str
    reason: str
    agent: str
    session: Mapping[str, Any]
    created_at: datetime
    desired_at: datetime
    completed_at: datetime


@dataclass(frozen=True)
class Call:
    """An attempt, to the customer or to an agent."""

    party: str
    number: int
    agent: str
    began_at: datetime
    dialled_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    result: str


@dataclass(frozen=True)
class Line:
    """A line of the timeline, one of KINDS."""

    at: datetime
    kind: str
    agent: str
    disposition: str


@dataclass(frozen=True)
class Told:
    """A wait that was predicted, in seconds, and what came of it."""

    made_at: datetime
    ahead: int
    ewt: float
    p90: float
    outcome: str
    waited: float | None


@dataclass(frozen=True)
class Rows:
    """All rows of one callback, each list oldest first."""

    callback: Completed
    calls: Sequence[Call] = ()
    lines: Sequence[Line] = ()
    told: Sequence[Told] = ()


@dataclass
class Handling:
    """What one agent did with one callback."""

    offered: int = 0
    connected: int = 0
    unanswered: int = 0
    lost: int = 0
    rejected: int = 0
    disposed: int = 0
    ring_seconds: float = 0.0
    talk_seconds: float = 0.0


@dataclass(frozen=True)
class Story:
    """A fact that is not stored yet, and what is counted beside it.

    `offline` is how long it waited in the queue for the first ring after it took its place, `hold` how long the
    customer who answered was on the line until the talk, or until they were gone: seconds, None where it did not come
    to it. Of one that was called again, the place is the last one, and the talk the first.
    """

    fact: CallbackFact
    rung: tuple[datetime, ...]
    dispositions: tuple[str, ...]
    offline: float | None
    hold: float | None
    agents: Mapping[str, Handling] = field(default_factory=dict)


def tell(rows: Rows) -> Story:
    """What became of a callback that is over."""
    callback, session = rows.callback, rows.callback.session
    customer = [call for call in rows.calls if call.party == Party.CUSTOMER]
    rung = [_rung(call) for call in customer]
    talks = [line for line in rows.lines if line.kind == CONNECTED]
    said = [line.disposition for line in rows.lines if line.kind == DISPOSED]
    agents = _agents(rows.calls, rows.lines, talks)
    # Attempts and talks that were for an earlier desired time say nothing of this one.
    before = _integer(session.get("attempts_before"))
    since = next((call.began_at for call in customer if call.number > before), None)
    has_promise = bool(session.get("slot"))
    ring = next((at for call in customer if call.number > before and (at := _rung(call))), None)
    talk = next((line.at for line in talks if since and line.at >= since), None)
    last = rows.told[-1] if rows.told else None
    offered = next((each for each in rows.told if each.made_at - callback.created_at < AT_ONCE), None)
    answer, connected = _answer(customer, talks), talks[0].at if talks else None
    started = _moment(session.get("started_at"))
    fact = CallbackFact(
        callback=callback.id,
        service=callback.service,
        queue=callback.queue,
        direction=callback.direction,
        reason=callback.reason,
        disposition=said[-1] if said else "",
        agent=callback.agent,
        has_promise=has_promise,
        accepted_at=callback.created_at,
        desired_at=callback.desired_at,
        started_at=started,
        confirmed_at=next((line.at for line in rows.lines if line.kind == CONFIRMED), None),
        rung_at=next((at for at in rung if at), None),
        reached_at=answer.answered_at if answer else None,
        connected_at=connected,
        completed_at=callback.completed_at,
        ended_at=max([callback.completed_at, *(call.ended_at for call in rows.calls if call.ended_at)]),
        results=[call.result for call in customer],
        talk_seconds=sum(each.talk_seconds for each in agents.values()),
        ewt_offered=offered.ewt if offered else None,
        position_offered=offered.ahead + 1 if offered else None,
        ewt=last.ewt if last else None,
        ewt_p90=last.p90 if last else None,
        position=last.ahead + 1 if last else None,
        wait_outcome=last.outcome if last else "",
        waited=last.waited if last else None,
        ring_late=_seconds(callback.desired_at, ring) if has_promise and ring else None,
        agent_late=_seconds(callback.desired_at, talk) if has_promise and talk else None,
    )
    first_ring = next((at for at in rung if at and started and at >= started), None)
    gone = answer and (connected or answer.ended_at or fact.ended_at)
    return Story(
        fact,
        rung=tuple(at for at in rung if at),
        dispositions=tuple(said),
        offline=_seconds(started, first_ring) if started and first_ring else None,
        hold=max(_seconds(answer.answered_at, gone), 0.0) if answer and answer.answered_at and gone else None,
        agents=agents,
    )


# A place that was taken so soon after the request was taken with it.
AT_ONCE = timedelta(seconds=60)


def _answer(customer: Iterable[Call], talks: Sequence[Line]) -> Call | None:
    """The attempt at which a person answered: the one that led to the first talk, or the last one without any."""
    answered = [call for call in customer if call.result in REACHED and call.answered_at]
    before = [call for call in answered if talks and call.answered_at and call.answered_at <= talks[0].at]
    found = before or answered
    return found[-1] if found else None


def _rung(call: Call) -> datetime | None:
    """When the customer's phone was rung; of a customer who called us, when their call was there."""
    return call.dialled_at or (call.answered_at if call.result == DialResult.USERORIGINATED_CONNECTED else None)


def _agents(calls: Iterable[Call], lines: Iterable[Line], talks: Sequence[Line]) -> dict[str, Handling]:
    """What each agent did. The talks of an agent stand in the timeline in the order of their calls."""
    done: dict[str, Handling] = {}
    begun = {agent: [line.at for line in talks if line.agent == agent] for agent in {line.agent for line in talks}}
    for call in calls:
        if call.party != Party.AGENT or not call.agent:
            continue
        one = done.setdefault(call.agent, Handling())
        one.offered += 1
        if call.result == DialResult.CONNECTED:
            one.connected += 1
            if call.answered_at:
                one.ring_seconds += max(_seconds(call.began_at, call.answered_at), 0.0)
            moments = begun.get(call.agent, [])
            talk = moments.pop(0) if moments else call.answered_at
            if talk and call.ended_at:
                one.talk_seconds += max(_seconds(talk, call.ended_at), 0.0)
        elif call.result in UNANSWERED:
            one.unanswered += 1
        else:
            one.lost += 1
    for line in lines:
        if line.kind in {REJECTED, LAPSED} and line.agent:
            one = done.setdefault(line.agent, Handling())
            one.offered += 1
            one.rejected += 1
        elif line.kind == DISPOSED and line.agent:
            done.setdefault(line.agent, Handling()).disposed += 1
    return done


def _seconds(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


def _integer(value: object) -> int:
    return value if isinstance(value, int) else 0


def _moment(value: object) -> datetime | None:
    """A moment out of a stored session; None where it is none, which the audit says."""
    try:
        found = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
