"""Promised times: how near to them agents answer, how long customers hold, how much of agents' time is lost.

The service's two ways beside the two plain ones, on the same callers with the same promises:

- *scheduled*: the customer is called at the promised time less the estimated wait, then waits for an agent;
- *delayed*: from the threshold on, the customer is called when an agent is about to be free;
- *reserve, then dial*: at the promised time an agent is reserved first, and has the customer called;
- *dial, then queue*: at the promised time the customer is called, and waits behind everybody else.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean

from callbacks.flow.session import Stage
from telephony.ewt import EARLIEST_START, Outlook, Starts
from tests.simulation.centre import Centre
from tests.simulation.judging import Judge
from tests.simulation.people import Caller, Customer, Line
from tests.simulation.predictors import Ours
from tests.simulation.scenarios import Scenario, open_centre, options, send_callers

# The service's defaults: how long before the time it starts, and how long before it rings at the earliest.
BUFFER, THRESHOLD = 120, 180
# Promised are quarters of an hour, so long ahead, to half of the callers; the others want a call now, in the same way.
SLOT, AHEAD = 900.0, 1800.0
LOOK = 5.0


@dataclass(frozen=True)
class Way:
    """How promised callbacks are served: options, and whether they start earlier by the estimated wait."""

    name: str
    options: Mapping[str, object]
    by_estimate: bool


WAYS = (
    Way("scheduled", {}, by_estimate=True),
    Way("delayed", {"wait_for_agent": True}, by_estimate=True),
    Way(
        "reserve, then dial",
        {
            "wait_for_agent": True,
            "first_connect_party": "AGENT",
            "request_execution_time_buffer": 0,
            "desired_connect_time_threshold": 0,
        },
        by_estimate=False,
    ),
    Way(
        "dial, then queue",
        {"request_execution_time_buffer": 0, "desired_connect_time_threshold": 0},
        by_estimate=False,
    ),
)


@dataclass(frozen=True)
class Kept:
    """How promises were kept, in seconds: agents answer that far from the promised time, customers hold after they
    answered, agents are reserved without a customer; each a call. `worst` is what nine of ten are below.
    """

    calls: int
    off: float
    worst: float
    late: float
    held: float
    lost: float


class Scan:
    """The service's scan of scheduled callbacks: each starts when the time less the wait of its line has come."""

    def __init__(self, centre: Centre, ours: Ours, *, by_estimate: bool) -> None:
        self._centre, self._ours, self._by_estimate = centre, ours, by_estimate
        self._resting: dict[Line, list[Caller]] = {line: [] for line in centre.lines}
        centre.at(LOOK, self._look)

    def rests(self, caller: Caller) -> None:
        if caller.session.stage is Stage.SCHEDULED:
            self._resting[caller.line].append(caller)
            self._resting[caller.line].sort(key=lambda one: (one.session.desired_at, one.owner))

    def _look(self) -> None:
        for line, resting in self._resting.items():
            self._start(line, resting)
        self._centre.at(self._centre.env.now + LOOK, self._look)

    def _start(self, line: Line, resting: list[Caller]) -> None:
        if not resting:
            return
        buffer = timedelta(seconds=resting[0].options.request_execution_time_buffer)
        if resting[0].session.desired_at - buffer > self._centre.now + EARLIEST_START:
            return
        starts = Starts(self._outlook(line), timedelta()) if self._by_estimate else None
        started = 0
        while started < len(resting):
            ewt = starts.ewt(started) if starts else timedelta()
            if resting[started].session.desired_at - buffer > self._centre.now + ewt:
                break
            self._centre.start(resting[started], ewt.total_seconds(), started)
            started += 1
        del resting[:started]

    def _outlook(self, line: Line) -> Outlook:
        ahead: dict[Hashable, int] = {line: sum(one.is_ahead for one in line.callers.values())}
        return self._ours.outlook(line, ahead)


def keep(scenario: Scenario, agents: int, seed: int, way: Way) -> Kept:
    """One day on which half of the callers are promised a time, served in one way."""
    centre = open_centre(scenario, agents, seed)
    ours = Ours(centre)
    centre.watchers.append(Judge([], ours))
    scan = Scan(centre, ours, by_estimate=way.by_estimate)
    services = {line: options(line, **way.options) for line in centre.lines}

    def come(line: Line, customer: Customer) -> None:
        now = centre.env.now
        desired = None if len(centre.callers) % 2 else ((now + AHEAD) // SLOT + 1) * SLOT
        scan.rests(centre.call_back(line, services[line], customer, desired=desired))

    def tick() -> None:
        centre.grant_dials()
        centre.at(centre.env.now + 1, tick)

    tick()
    send_callers(centre, scenario, agents, seed, come)
    centre.run(until=scenario.hours * 3600)
    return _kept([caller for caller in centre.callers if caller.promised is not None])


def _kept(promised: list[Caller]) -> Kept:
    """Of those who talked; who was not reached at first is called again after the time, and says nothing of it."""
    talked = [caller for caller in promised if caller.talking is not None and caller.session.attempt == 1]
    off = [(caller.talking or 0.0) - (caller.promised or 0.0) for caller in talked]
    sizes = sorted(map(abs, off))
    return Kept(
        calls=len(talked),
        off=fmean(sizes),
        worst=sizes[int(0.9 * (len(sizes) - 1))],
        late=fmean(off),
        held=fmean(max((caller.talking or 0.0) - (caller.answered or 0.0), 0.0) for caller in talked),
        # Also for those who were not reached or hung up: an agent waited for them all the same.
        lost=sum(caller.lost for caller in promised) / len(talked),
    )
