"""What somebody in a virtual queue, or about to join it, can expect.

The arithmetic is in `telephony.ewt`, what it needs is read by `telephony.situation`, what was measured is kept by
`telephony.measures`; how right it was is said by `telephony.predictions`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.kinds import BadValue
from telephony import matching
from telephony.ewt import Correction, Estimate, Expectation, Starts
from telephony.measures import Figure, measure
from telephony.models import Agent, QueueEntry, QueueMeasure
from telephony.queueplace import QueuePlace
from telephony.situation import Place, Situation, new_place, place_of, situation, situations, stated_place

__all__ = ["Forecast", "Position", "estimate", "for_starts", "forecast", "measure", "of_new", "position"]

# The wait of the last starts is stored again when it has changed by that much.
WORTH_STORING = timedelta(seconds=1)


@dataclass(frozen=True)
class Position:
    """Where an owner stands in its queue.

    `ewt` and `p90` in seconds, None while nobody who could take the call is logged in. `position`: 1 is next.
    `total_waiting` includes the owner. `ready_threshold_passed`: an agent is there for it, or could be given to it now.
    """

    ewt: float | None
    position: int
    total_waiting: int
    ready_threshold_passed: bool
    p90: float | None = None


@dataclass(frozen=True)
class Forecast:
    """What is predicted to an owner: an estimate, and what judging it needs beside.

    `queue` is the wait that the queue alone makes, in seconds, with its `correction`. `reach`: how long it takes to
    reach a customer, in seconds.
    """

    estimate: Estimate
    queue: Expectation
    correction: Correction
    reach: Figure


def estimate(queue: str, target: str, *, now: datetime, owner: str | None = None, priority: int = 0) -> Estimate:
    """What the owner's entry can expect; without an owner, what a new one of that priority could.

    `target` is the text of the option. Raises BadValue for it.
    """
    entry = QueueEntry.objects.filter(pk=owner).first() if owner else None
    place = place_of(entry, now) if entry else new_place(queue, target, priority)
    return _estimate(situation(place, now))


# A queue, the text of the option `_target`, and a priority.
Joining = tuple[str, str, int]


def of_new(lines: Sequence[Joining], *, now: datetime, seconds: float) -> dict[Joining, Estimate]:
    """What a new one could expect in these lines: in their order, of as many as can be worked out in so many seconds.

    At least of one; one whose target cannot be read is left out. Two statements, and one for each priority among them.
    """
    until = time.monotonic() + seconds
    places: dict[Joining, Place] = {}
    for line in lines:
        with suppress(BadValue):
            places[line] = new_place(*line)
    found: dict[Joining, Estimate] = {}
    if not places:
        return found
    for line, each in zip(places, situations(list(places.values()), now), strict=True):
        found[line] = _estimate(each)
        if time.monotonic() >= until:
            break
    return found


def for_starts(queue: str, target: str, *, now: datetime, priority: int = 0) -> Starts:
    """By how much to start a queue's scheduled callbacks early. Raises BadValue for the target.

    The wait is stored as the last known one whenever it has changed, while somebody is logged in.
    """
    found = situation(new_place(queue, target, priority), now)
    last_known = found.last_start or timedelta()
    starts = Starts(found.outlook, last_known)
    next_one = starts.ewt(already_started=0)
    if found.expected and (found.last_start is None or abs(next_one - last_known) >= WORTH_STORING):
        stored = QueueMeasure(
            queue=queue, what=QueueMeasure.What.START, seconds=next_one.total_seconds(), measured_at=now
        )
        QueueMeasure.objects.bulk_create(
            [stored], update_conflicts=True, unique_fields=["queue", "what"], update_fields=["seconds", "measured_at"]
        )
    return starts


def position(owner: str, *, now: datetime) -> Position | None:
    """Where an owner stands; None when it has no place in a queue."""
    entry = QueueEntry.objects.filter(pk=owner).first()
    if entry is None:
        return None
    place = place_of(entry, now)
    expected = _estimate(situation(place, now))
    ready = (
        entry.granted
        or Agent.objects.filter(reserved_for=owner).exists()
        or (not entry.paused and matching.ready_agents(place.spans[0].keys).count() > expected.ahead)
    )
    return Position(
        ewt=expected.ewt.total_seconds() if expected.is_known else None,
        position=expected.ahead + 1,
        # One that is paused is not among those who wait, and stands in the line all the same.
        total_waiting=expected.waiting + entry.paused,
        ready_threshold_passed=ready,
        p90=expected.p90.total_seconds() if expected.is_known else None,
    )


def forecast(owner: str, place: QueuePlace, *, now: datetime) -> Forecast | None:
    """What an owner that takes a place can expect; None while nobody is logged in for it. Raises BadValue."""
    found = situation(stated_place(owner, place, now), now)
    if found.expected is None:
        return None
    return Forecast(_estimate(found), found.expected, found.correction, found.reach)


def _estimate(situation: Situation) -> Estimate:
    expected, last_known = situation.expected, situation.last_start or timedelta()
    return Estimate(
        ewt=last_known if expected is None else timedelta(seconds=expected.ewt),
        ahead=situation.ahead,
        waiting=situation.waiting,
        agents=situation.agents,
        handling=situation.handling,
        p90=last_known if expected is None else timedelta(seconds=expected.p90),
    )
