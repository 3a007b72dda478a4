"""What predictions came to: every caller is predicted by everybody when they join, and judged when they are served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import fmean, stdev

from callbacks.flow.decision import Measured
from telephony import routing
from telephony.ewt import Expectation
from tests.simulation.people import Caller, Customer, Line
from tests.simulation.predictors import Asterisk, HeadOfLine, LastToEnterService, Ours, Predictor, QueueLength
from tests.simulation.scenarios import HOUR, Scenario, open_centre, options, send_callers

# Until then the centre only warms up, and the measures fill.
WARM_UP = 1800.0


@dataclass(frozen=True)
class Judged:
    joined: float
    line: str
    waited: float
    expected: Expectation


@dataclass
class Judge:
    """Asks every predictor about everybody who joins, and keeps what they said of those who were served.

    Who had to be called twice is not judged: not the queue kept them waiting.
    """

    predictors: Sequence[Predictor]
    ours: Ours
    # In a large centre only every so many-th caller is predicted: there are enough of them.
    every: int = 1
    judged: dict[str, list[Judged]] = field(default_factory=dict)
    longest: dict[str, float] = field(default_factory=dict)
    overtaken: int = 0
    _open: dict[str, list[Expectation]] = field(default_factory=dict)
    _callers: int = 0

    def joined(self, caller: Caller) -> None:
        self._callers += 1
        if self._callers % self.every:
            return
        least = self.ours.reach(caller)
        said = [predictor.predict(caller) for predictor in self.predictors]
        self._open[caller.owner] = [Expectation(max(one.ewt, least), max(one.p90, least)) for one in said]

    def served(self, caller: Caller) -> None:
        said = self._open.pop(caller.owner, None)
        if caller.joined is None or caller.reserved is None or caller.session.attempt > 1:
            return
        waited = caller.reserved - caller.joined
        self.longest[caller.line.name] = max(self.longest.get(caller.line.name, 0.0), waited)
        self.overtaken += self._overtakes(caller)
        for predictor in self.predictors:
            predictor.served(caller, waited)
        if said is None or caller.joined < WARM_UP:
            return
        for predictor, expected in zip(self.predictors, said, strict=True):
            one = Judged(caller.joined, caller.line.name, waited, expected)
            self.judged.setdefault(predictor.name, []).append(one)

    def _overtakes(self, caller: Caller) -> int:
        """How many of an earlier place are starved, on the line, and could have had the same agent."""
        place_at = caller.line.waiter(caller).place_at
        heads = (line.head("agent") for line in (caller.agent.lines if caller.agent else ()))
        places = [head.line.waiter(head).place_at for head in heads if head]
        return sum(routing.is_starved(place, self.ours.now) and place < place_at for place in places)

    def ended(self, caller: Caller) -> None:
        self._open.pop(caller.owner, None)
        self.ours.ended(caller, caller.left or 0.0)

    def tried(self, caller: Caller, *, reached: bool) -> None:
        self.ours.tried(caller, reached=reached)

    def measured(self, caller: Caller, measured: Measured) -> None:
        self.ours.measured(caller, measured)


@dataclass(frozen=True)
class Errors:
    """How far predictions were off, in seconds; positive bias: they said more than it was.

    `beyond` is what nine of ten errors are below, `covered` the share of waits below the p90 that was said.
    """

    judged: int
    waited: float
    bias: float
    mean: float
    beyond: float
    covered: float


def errors(judged: Sequence[Judged]) -> Errors:
    off = [one.expected.ewt - one.waited for one in judged]
    sizes = sorted(map(abs, off))
    return Errors(
        len(judged),
        fmean(one.waited for one in judged),
        fmean(off),
        fmean(sizes),
        sizes[int(0.9 * (len(sizes) - 1))],
        fmean(one.waited <= one.expected.p90 for one in judged),
    )


# Two-sided quantiles of Student's t for 95 %, by the number of replications less one.
_T = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The mean over replications, and half the width of its 95 % confidence interval."""
    if len(values) < 2:
        return fmean(values), float("nan")
    return fmean(values), _T.get(len(values) - 1, 2.0) * stdev(values) / sqrt(len(values))


@dataclass(frozen=True)
class Day:
    """What everybody said, in one replication, about each who was served, and how long the longest of a line waited.

    `overtaken` counts who was starved and saw somebody of a later place served who could have been theirs.
    """

    scenario: str
    agents: int
    seed: int
    judged: dict[str, list[Judged]]
    longest: dict[str, float]
    overtaken: int

    @property
    def key(self) -> tuple[str, int, int]:
        return self.scenario, self.agents, self.seed


def replicate(scenario: Scenario, agents: int, seed: int) -> Day:
    """One day of a scenario."""
    centre = open_centre(scenario, agents, seed)
    ours = Ours(centre)
    everybody: list[Predictor] = [
        ours,
        QueueLength(centre, ours),
        HeadOfLine(centre),
        LastToEnterService(),
        Asterisk(),
    ]
    judge = Judge(everybody, ours, every=max(agents // 15, 1))
    centre.watchers.append(judge)
    services = {line: options(line) for line in centre.lines}

    def come(line: Line, customer: Customer) -> None:
        centre.call_back(line, services[line], customer)

    send_callers(centre, scenario, agents, seed, come)
    centre.run(until=scenario.hours * HOUR)
    return Day(scenario.name, agents, seed, judge.judged, judge.longest, judge.overtaken)
