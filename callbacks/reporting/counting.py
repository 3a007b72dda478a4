"""What is counted of a callback that is over. Pure.

A total is known by what it counts and a key; distributions have an interval as their key (`distribution`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from enum import StrEnum

from callbacks.reporting.distribution import interval
from callbacks.reporting.models import Span
from callbacks.reporting.story import Story

NO_RESULT = "ENDED"
MOST_TRIES = 9


class What(StrEnum):
    """What totals count. `ReportTotal.what` is one of these."""

    FUNNEL = "funnel"  # how far it came: Step
    REFUSED = "refused"  # start requests that were refused, by kind
    OUTCOME = "outcome"  # by reason
    TRIES = "tries"  # how often the phone was rung
    RESULT = "result"  # of each attempt at the customer
    SAID = "said"  # by agents, of each talk
    RING_LATE = "ring_late"  # first ring less promised time
    AGENT_LATE = "agent_late"  # begin of the talk less promised time
    EWT = "ewt"  # predicted less real wait
    P90 = "p90"  # whether the wait was within the predicted p90
    WAIT = "wait"  # what came of predicted waits
    OFFLINE = "offline"  # from the place in the queue to the first ring
    HOLD = "hold"  # from the customer's answer to the talk, or until they were gone
    REQUESTED = "requested"  # by hour of the week
    RUNG = "rung"  # attempts, by hour of the week


class Step(StrEnum):
    """Of the funnel, in order."""

    ACCEPTED = "accepted"
    STARTED = "started"
    RUNG = "rung"
    REACHED = "reached"
    CONNECTED = "connected"


def counts(story: Story, zone: tzinfo) -> Iterator[tuple[What, str, float]]:
    """Every total that grows by one, with the seconds that were measured."""
    fact = story.fact
    yield What.FUNNEL, Step.ACCEPTED, 0.0
    for step, at in (
        (Step.STARTED, fact.started_at),
        (Step.RUNG, fact.rung_at),
        (Step.REACHED, fact.reached_at),
        (Step.CONNECTED, fact.connected_at),
    ):
        if at is not None:
            yield What.FUNNEL, step, 0.0
    yield What.OUTCOME, fact.reason, 0.0
    yield What.TRIES, str(min(len(story.rung), MOST_TRIES)), 0.0
    for result in fact.results:
        yield What.RESULT, result or NO_RESULT, 0.0
    for said in story.dispositions:
        yield What.SAID, said, 0.0
    yield from _times(story)
    yield What.REQUESTED, hour_of_week(fact.accepted_at, zone), 0.0
    for at in story.rung:
        yield What.RUNG, hour_of_week(at, zone), 0.0


def _times(story: Story) -> Iterator[tuple[What, str, float]]:
    fact = story.fact
    waits: list[tuple[What, float | None]] = [
        (What.RING_LATE, fact.ring_late),
        (What.AGENT_LATE, fact.agent_late),
        (What.OFFLINE, story.offline),
        (What.HOLD, story.hold),
    ]
    if fact.waited is not None and fact.ewt is not None and fact.ewt_p90 is not None:
        waits.append((What.EWT, fact.ewt - fact.waited))
        # To the second, as docs/estimates.md says.
        yield What.P90, "within" if fact.waited <= fact.ewt_p90 + 1 else "beyond", 0.0
    if fact.wait_outcome:
        yield What.WAIT, fact.wait_outcome, 0.0
    for what, seconds in waits:
        if seconds is not None:
            yield what, interval(seconds), seconds


def hour_of_week(at: datetime, zone: tzinfo) -> str:
    """`000` for Monday from midnight to one, `167` for the last hour of Sunday, by the office's clocks."""
    local = at.astimezone(zone)
    return f"{local.weekday() * 24 + local.hour:03d}"


def days(at: datetime, zone: tzinfo) -> tuple[tuple[Span, date], tuple[Span, date]]:
    """The day of the office, and its month, to whose totals a moment belongs."""
    day = at.astimezone(zone).date()
    return (Span.DAY, day), (Span.MONTH, day.replace(day=1))
