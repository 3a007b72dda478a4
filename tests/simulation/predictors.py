"""Who says what a caller will wait: the service's estimator, and four plain rules beside it, on the same callers.

All are told the same: how long each wait was, how long calls took. None says less than it takes to reach a customer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import sqrt
from typing import Protocol

from callbacks.flow.decision import Measured as MachineMeasured
from telephony import routing
from telephony.ewt import MEMORY, NINE_OF_TEN, REACH, AgentsNow, Correction, Expectation, Measured, Outlook, learn
from tests.simulation.centre import Centre
from tests.simulation.people import Caller, Doing, Line
from tests.simulation.scenarios import WRAP_UP

HANDLING = 180.0


@dataclass
class Mean:
    """A running mean and variance, in which a measure counts for a share of `MEMORY` once there were so many."""

    mean: float
    variance: float = 0.0
    measured: int = 0

    def take(self, value: float) -> None:
        self.measured += 1
        share = 1 / min(self.measured, MEMORY)
        off = value - self.mean
        self.mean += off * share
        self.variance = (1 - share) * (self.variance + off * off * share)


class Predictor(Protocol):
    name: str

    def predict(self, caller: Caller) -> Expectation: ...

    def served(self, caller: Caller, waited: float) -> None: ...


class Ours:
    """The service's estimator, fed with what the service keeps of a queue."""

    name = "Callbacksite"

    def __init__(self, centre: Centre, *, correct: bool = True) -> None:
        self._centre = centre
        self._handling = {line: Mean(HANDLING) for line in centre.lines}
        self._no_show = {line: Mean(0.0) for line in centre.lines}
        self._left = {line: Mean(0.0) for line in centre.lines}
        self._waited = {line: Mean(0.0) for line in centre.lines}
        self._corrections: dict[Line, Correction] = defaultdict(Correction)
        # What was said of a caller before any correction: a correction learnt from what it made itself chases its tail.
        self._plain: dict[str, Expectation] = {}
        self._reach = {line.queue: Mean(REACH.total_seconds()) for line in centre.lines}
        self._correct = correct

    def predict(self, caller: Caller) -> Expectation:
        line = caller.line
        plain = self.outlook(line, self._ahead(caller)).expect() or Expectation(HANDLING, 2 * HANDLING)
        self._plain[caller.owner] = plain
        said, reach = self._corrected(caller.line, plain), self._reach[line.queue]
        return Expectation(max(said.ewt, reach.mean), max(said.p90, reach.mean + NINE_OF_TEN * sqrt(reach.variance)))

    @property
    def now(self) -> datetime:
        return self._centre.now

    def outlook(self, line: Line, ahead: Mapping[Hashable, int]) -> Outlook:
        measured: dict[Hashable, Measured] = {each: self._measured(each) for each in self._centre.lines}
        return Outlook(line, ahead, self._agents(), measured)

    def _corrected(self, line: Line, plain: Expectation) -> Expectation:
        correction = self._corrections[line] if self._correct else Correction()
        return Expectation(plain.ewt * correction.ewt, plain.p90 * correction.p90)

    def reach(self, caller: Caller) -> float:
        """How long it takes until a customer who is called is on the line, as measured, in seconds."""
        return self._reach[caller.line.queue].mean

    def _measured(self, line: Line) -> Measured:
        handling = self._handling[line]
        spread = sqrt(handling.variance) / handling.mean if handling.measured > 5 else 0.8
        ahead = [one for one in line.callers.values() if one.is_ahead]
        unreached = sum(one.answered is None for one in ahead) / len(ahead) if ahead else 1.0
        left, waited = self._left[line].mean, self._waited[line].mean
        return Measured(handling.mean, spread, WRAP_UP, self._no_show[line].mean * unreached, left / max(waited, 1.0))

    def _ahead(self, caller: Caller) -> dict[Hashable, int]:
        """Who comes before them by the matcher's rule."""
        now = self._centre.now
        rank = routing.rank(caller.line.waiter(caller), now)
        ahead: dict[Hashable, int] = {}
        for line in self._centre.lines:
            others = (one for one in line.callers.values() if one.is_ahead)
            if line is caller.line:
                ahead[line] = sum(1 for _ in others)
            else:
                ahead[line] = sum(routing.rank(line.waiter(one), now) < rank for one in others)
        return ahead

    def _agents(self) -> list[AgentsNow]:
        now, agents = self._centre.env.now, []
        for agent in self._centre.agents:
            if agent.doing is Doing.AWAY or agent.leaves:
                continue
            serves = frozenset(agent.lines)
            if agent.doing is Doing.READY:
                agents.append(AgentsNow(serves))
            elif agent.doing is Doing.WRAP_UP:
                agents.append(AgentsNow(serves, ends_in=agent.free_at - now))
            else:
                agents.append(AgentsNow(serves, busy_for=now - agent.since))
        return agents

    def served(self, caller: Caller, waited: float) -> None:
        self._left[caller.line].take(0.0)
        self._waited[caller.line].take(waited)
        plain = self._plain.pop(caller.owner, None)
        if plain and plain.ewt > self.reach(caller):
            said = self._corrected(caller.line, plain)
            self._corrections[caller.line] = learn(self._corrections[caller.line], said, waited)

    def measured(self, caller: Caller, measured: MachineMeasured) -> None:
        if measured.what == "handling":
            self._handling[caller.line].take(measured.seconds)
        else:
            self._reach[caller.line.queue].take(measured.seconds)

    def tried(self, caller: Caller, *, reached: bool) -> None:
        """A customer was called."""
        self._no_show[caller.line].take(float(not reached))

    def ended(self, caller: Caller, at: float) -> None:
        """It left the line without an agent, at a moment of the clock."""
        if caller.reserved is None and caller.joined is not None:
            self._left[caller.line].take(float(caller.answered is not None))
            self._waited[caller.line].take(at - caller.joined)


@dataclass
class Asterisk:
    """app_queue's hold time: three quarters of what it was and a quarter of the last wait."""

    name = "Asterisk"
    hold: dict[Line, float] = field(default_factory=lambda: defaultdict(float))

    def predict(self, caller: Caller) -> Expectation:
        return Expectation(self.hold[caller.line], self.hold[caller.line])

    def served(self, caller: Caller, waited: float) -> None:
        self.hold[caller.line] = (3 * self.hold[caller.line] + waited) / 4


@dataclass
class LastToEnterService:
    """As long as the last who was served had waited."""

    name = "last to enter service"
    last: dict[Line, float] = field(default_factory=lambda: defaultdict(float))

    def predict(self, caller: Caller) -> Expectation:
        return Expectation(self.last[caller.line], self.last[caller.line])

    def served(self, caller: Caller, waited: float) -> None:
        self.last[caller.line] = waited


@dataclass
class HeadOfLine:
    """As long as the first in the line has waited so far; who had to be called twice does not count as the first."""

    name = "head of line"
    centre: Centre

    def predict(self, caller: Caller) -> Expectation:
        now = self.centre.env.now
        ahead = (one for one in caller.line.callers.values() if one.is_ahead and one.session.attempt <= 1)
        waited = now - min((one.joined for one in ahead if one.joined is not None), default=now)
        return Expectation(waited, waited)

    def served(self, caller: Caller, waited: float) -> None:
        pass


@dataclass
class QueueLength:
    """The calls that wait, by the agents who are there: each takes one for the mean handling time."""

    name = "queue length x handling / agents"
    centre: Centre
    ours: Ours

    def predict(self, caller: Caller) -> Expectation:
        waiting = sum(one.is_ahead for one in caller.line.callers.values())
        there = [one for one in self.centre.agents if one.doing is not Doing.AWAY and caller.line in one.lines]
        waited = waiting * self.ours._handling[caller.line].mean / max(len(there), 1)
        return Expectation(waited, waited)

    def served(self, caller: Caller, waited: float) -> None:
        pass
