"""Estimated wait times, from what a queue is now and what was measured of it. Pure.

The line is served in thought: agents who are free or about to be take those ahead of the one who asks, each for as long
as calls are known to last; whoever is on a call comes back after what is left of it, as far as its age says. How many
they take by a time, with its spread, is renewal theory (`telephony.renewal`); the wait ends when that is one more than
those ahead. `ewt` is the median of the wait, as often too long as too short, which is also what errs least; nine of ten
waits are over by `p90`.

Lines that share agents compete: those ahead in any of them count, as far as agents of their own do not serve them
(`telephony.sharing`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import exp, expm1, sqrt
from typing import Any

from telephony import sharing
from telephony.renewal import END, STEP, STEPS, ages, renewals

# Until something was measured: three minutes of talk, and twenty seconds to ring and to tell a human from a machine.
HANDLING = timedelta(seconds=180)
REACH = timedelta(seconds=20)
# The standard deviation of the handling time by its mean, until measured: call centres mostly see 0.7 to 1.2.
SPREAD = 0.8
# However long a queue is, nobody is started earlier before the promised time than that (design section 6).
EARLIEST_START = timedelta(minutes=30)
# A wait beyond a day, in seconds, is not told apart from one without an end.
LONGEST = 86400.0
# Waits are found to that, in seconds, or to a thousandth.
PRECISION = 0.25
# Less than that is nothing.
NOTHING = 1e-9
# So many pairs of a line and a kind of agents that serves it are told apart; of more it is said when all is done.
MOST_PAIRS = 200
# The median of the time to one event of a Poisson process, by its mean.
ONE_MORE = 0.69

# A measurement counts for so small a share of the running mean, once there were so many.
MEMORY = 300
# By how much the handling time of the next hour may differ from what was measured, as a share.
UNSURE = 0.1
# Quantiles of the normal distribution: the median, and what nine of ten are below.
MEDIAN, NINE_OF_TEN = 0.0, 1.2816
# How much one prediction that was judged moves the correction, and how far it may go.
LEARNING = 0.01
LEAST, MOST = 1 / 3, 3.0

# Whatever the caller tells lines apart by; it can be hashed.
Line = Any


@dataclass(frozen=True)
class Correction:
    """Factors learnt from what predictions came to: of the wait, and of the p90."""

    ewt: float = 1.0
    p90: float = 1.0


@dataclass(frozen=True)
class Measured:
    """What is known of those who wait in a line.

    `handling` is for how long one call takes up an agent, from their reservation to the end of wrap-up, in seconds, and
    `spread` its standard deviation by its mean; `wrap_up` is how much of it is wrap-up. `no_show` is the share of those
    who never take an agent, because they are not reached or hang up before; who leaves because of a long wait is better
    told by `leaving`, the share of those waiting who leave in a second. `overtaking` is how many in a second come later
    and are served before.
    """

    handling: float = HANDLING.total_seconds()
    spread: float = SPREAD
    wrap_up: float = 0.0
    no_show: float = 0.0
    leaving: float = 0.0
    overtaking: float = 0.0
    correction: Correction = field(default_factory=Correction)


@dataclass(frozen=True)
class AgentsNow:
    """Agents who are logged in, alike in what counts: the lines they serve, and what they do.

    `busy_for`: so many seconds since they were reserved for the present call; `ends_in`: what they do ends in so many
    seconds (wrap-up). Neither: they are free.
    """

    serves: frozenset[Line]
    number: int = 1
    busy_for: float | None = None
    ends_in: float | None = None


@dataclass(frozen=True)
class Expectation:
    """Seconds from now until an agent is there for the one who asks: the median, and what nine of ten are below."""

    ewt: float
    p90: float


@dataclass(frozen=True)
class Estimate:
    """What somebody in a queue, or about to join it, can expect.

    `ewt` is their wait, `p90` what nine of ten such waits are below. With nobody logged in they are not known
    (`is_known`): `ewt` is then the wait by which scheduled callbacks were last started there. `ahead` and `waiting`
    count who has started and is not paused; `agents` are those of the target who are logged in, whatever they do.
    """

    ewt: timedelta
    ahead: int
    waiting: int
    agents: int
    handling: timedelta
    p90: timedelta = timedelta()

    @property
    def is_known(self) -> bool:
        return self.agents > 0


class Outlook:
    """What one who stands in `line`, or is about to, has to expect.

    `ahead` says how many are served before them, by line: those of their own and of every line that shares agents with
    it. `agents` are those who serve any of these lines; `measured` says what is known of each line, of a line that is
    missing nothing is.
    """

    def __init__(
        self,
        line: Line,
        ahead: Mapping[Line, int],
        agents: Iterable[AgentsNow],
        measured: Mapping[Line, Measured] | None = None,
    ) -> None:
        self._line = line
        self._measured = defaultdict(Measured, measured or {})
        self._own = self._measured[line]
        self._work = {each: self._calls(each, number) for each, number in ahead.items() if number}
        self._work.setdefault(line, 0.0)
        self._crews: defaultdict[sharing.Kind, _Crew] = defaultdict(lambda: _Crew(self._own))
        for each in agents:
            if each.number and (serves := each.serves.intersection(self._work)):
                self._crews[serves].add(each)
        self._together: dict[frozenset[sharing.Kind], _Crew] = {}

    def expect(self, *, ready_in: float = 0.0, more: int = 0) -> Expectation | None:
        """The wait of one who can take an agent in `ready_in` seconds at the earliest, behind `more` of their line.

        None while nobody is logged in who could serve the line.
        """
        if not any(self._line in kind for kind in self._crews):
            return None
        work = self._work | {self._line: self._work[self._line] + self._calls(self._line, more)}
        own = self._crew(frozenset(kind for kind in self._crews if self._line in kind))
        ewt = own.until(work[self._line], self._own, MEDIAN)
        shared = self._behind_all(ewt, work)
        # Those of other lines who come first are so many more who are ahead, as far as they take agents of this one.
        ahead = work[self._line] if shared == ewt else max(own.taken(shared) - ONE_MORE, work[self._line])
        p90 = own.until(ahead, self._own, NINE_OF_TEN)
        corrected = max(shared * self._own.correction.ewt, ready_in)
        return Expectation(corrected, max(p90 * self._own.correction.p90, corrected))

    def _calls(self, line: Line, number: int) -> float:
        """How many calls of the length of our own line it is to serve so many of a line."""
        measured = self._measured[line]
        return number * (1 - measured.no_show) * measured.handling / max(self._own.handling, 1.0)

    def _behind_all(self, alone: float, work: Mapping[Line, float]) -> float:
        """When an agent is left for the line by those ahead in all lines; `alone`: by those of its own line."""
        rivals = {each for kind in self._crews if self._line in kind for each in kind} - {self._line}
        if not any(work[each] for each in rivals) or alone >= LONGEST:
            return alone
        if sum(len(kind) for kind in self._crews) > MOST_PAIRS:
            return max(self._latest(work), alone)
        if self._is_left(alone, work):
            return alone
        low, high = alone, 2 * alone + self._own.handling
        while high < LONGEST and not self._is_left(high, work):
            low, high = high, 2 * high
        while high - low > max(1.0, high / 100):
            middle = (low + high) / 2
            low, high = (low, middle) if self._is_left(middle, work) else (middle, high)
        return min(high, LONGEST)

    def _latest(self, work: Mapping[Line, float]) -> float:
        """When all is done, or when those are free who serve no other line, if that is sooner."""
        served = frozenset(each for kind in self._crews for each in kind)
        everybody = self._crew(frozenset(self._crews))
        latest = everybody.until(sum(work[each] for each in served), self._own, MEDIAN)
        theirs = frozenset({self._line})
        if theirs in self._crews:
            latest = min(latest, self._crew(frozenset({theirs})).until(work[self._line], self._own, MEDIAN))
        return latest

    def _is_left(self, at: float, work: Mapping[Line, float]) -> bool:
        capacity = {kind: crew.taken(at) for kind, crew in self._crews.items()}
        return sharing.left_for(self._line, work, capacity, most=1.0) >= ONE_MORE

    def _crew(self, kinds: frozenset[sharing.Kind]) -> _Crew:
        """All agents of some kinds together."""
        if kinds not in self._together:
            together = self._together[kinds] = _Crew(self._own)
            for kind in kinds:
                together.join(self._crews[kind])
            together.close()
        return self._together[kinds]


class _Crew:
    """How many callers some agents take by a time: who is free or will be is known for sure, what follows is likely."""

    def __init__(self, measured: Measured) -> None:
        self._handling = max(measured.handling, 1.0)
        self._tables = renewals(measured.spread, measured.wrap_up / self._handling)
        self._number = 0
        self._free_at: list[float] = []
        # How many are on a call of each age, and how many begin one at each step.
        self._aged: defaultdict[int, float] = defaultdict(float)
        self._begun: defaultdict[int, int] = defaultdict(int)
        self._likely: list[float] = []

    def add(self, agents: AgentsNow) -> None:
        self._number += agents.number
        if agents.busy_for is None:
            free_in = max(agents.ends_in or 0.0, 0.0)
            self._free_at += [free_in] * agents.number
            self._begun[min(round(free_in / self._handling / STEP), STEPS)] += agents.number
            return
        for age, weight in ages(max(agents.busy_for, 0.0) / self._handling):
            self._aged[age] += weight * agents.number

    def join(self, other: _Crew) -> None:
        self._number += other._number
        self._free_at += other._free_at
        for first, begun in other._begun.items():
            self._begun[first] += begun
        for age, number in other._aged.items():
            self._aged[age] += number

    def close(self) -> None:
        """Nobody joins any more: prepare for being asked often."""
        self._free_at.sort()
        likely = [0.0] * (STEPS + 1)
        for age, number in self._aged.items():
            likely = [sum_ + number * taken for sum_, taken in zip(likely, self._tables.by_age[age], strict=True)]
        for first, begun in self._begun.items():
            for step in range(first, STEPS + 1):
                likely[step] += begun * self._tables.after_start[step - first]
        self._likely = likely

    def taken(self, at: float) -> float:
        """How many are taken by then, in the mean; `at` in seconds. Also before `close`."""
        time, late = min(at / self._handling, END), max(at / self._handling - END, 0.0)
        sure = sum(free_at <= at for free_at in self._free_at)
        aged = sum(number * _between(self._tables.by_age[age], time) for age, number in self._aged.items())
        begun = sum(
            number * _between(self._tables.after_start, max(time - first * STEP, 0.0))
            for first, number in self._begun.items()
        )
        return sure + aged + begun + self._number * late

    def until(self, ahead: float, measured: Measured, quantile: float) -> float:
        """When, in seconds, one more is taken than those ahead, and than those who come and overtake meanwhile."""
        if not self._is_short(0.0, ahead, measured, quantile):
            return 0.0
        low, high = 0.0, self._handling * STEP
        while self._is_short(high, ahead, measured, quantile):
            low, high = high, 2 * high
            if high > LONGEST:
                return LONGEST
        while high - low > max(PRECISION, high / 1000):
            middle = (low + high) / 2
            if self._is_short(middle, ahead, measured, quantile):
                low = middle
            else:
                high = middle
        return high

    def _is_short(self, at: float, ahead: float, measured: Measured, quantile: float) -> bool:
        """Whether too few are taken by then, with the probability of the quantile.

        Counts with a dispersion d are taken for d times a Poisson count, whose quantiles are those of a gamma
        distribution (by Wilson and Hilferty): right for exponential calls, and for few or many. To the spread of the
        calls comes who does not show up, and that their mean is only known so well.
        """
        left = ahead * _still_there(measured.leaving * at) + measured.overtaking * at
        likely_needed = left - bisect_right(self._free_at, at)
        dispersion = self._dispersion(at / self._handling)
        dispersion += measured.no_show * left / (left + 1) + UNSURE * UNSURE * left
        shape = (likely_needed + 0.5) / dispersion + 0.5
        if likely_needed <= -1 or shape <= 0:
            return False
        cube_root = 1 - 1 / (9 * shape) + quantile / (3 * sqrt(shape))
        return self._at(at / self._handling) < dispersion * shape * max(cube_root, 0.0) ** 3

    def _at(self, at: float) -> float:
        if at >= END:
            return self._likely[-1] + self._number * (at - END)
        return _between(self._likely, at)

    def _dispersion(self, at: float) -> float:
        return _between(self._tables.dispersion, min(at, END))


def _between(table: Sequence[float], at: float) -> float:
    step = min(int(at / STEP), STEPS - 1)
    return table[step] + (table[step + 1] - table[step]) * (at / STEP - step)


def _still_there(leaving: float) -> float:
    """The share of those ahead who take an agent, where so many times the whole line would leave during the wait.

    Who is near the head leaves less, as they wait less: the solution of q' = -served - leaving * q.
    """
    return leaving / expm1(leaving) if leaving > NOTHING else 1.0


@dataclass(frozen=True)
class Starts:
    """How long before their time a queue's scheduled callbacks are started, one after the other.

    `last_known` is used while nobody is logged in (`outlook` is None, or expects nothing): what was true an hour ago is
    a better guess than none.
    """

    outlook: Outlook | None
    last_known: timedelta

    def ewt(self, already_started: int) -> timedelta:
        """The wait of the next to start, after `already_started` that took a place since the queue was looked at.

        Between 0 and 30 minutes: else each start, which makes the wait of the next one longer, would draw that one
        in, and a full afternoon would start at noon.
        """
        expected = self.outlook.expect(more=already_started) if self.outlook else None
        known = timedelta(seconds=expected.ewt) if expected else self.last_known
        return min(max(known, timedelta()), EARLIEST_START)


def learn(correction: Correction, predicted: Expectation, happened: float) -> Correction:
    """The correction after one more prediction, made with it, was judged: the wait was `happened` seconds.

    Each factor goes up when the wait was longer than said and down when not, so much that it rests where half of the
    waits are below the `ewt`, and nine of ten below the `p90`.
    """
    longer = 0.5 if happened > predicted.ewt else -0.5
    much_longer = 0.9 if happened > predicted.p90 else -0.1
    return Correction(
        min(max(correction.ewt * exp(LEARNING * longer), LEAST), MOST),
        min(max(correction.p90 * exp(LEARNING * much_longer), LEAST), MOST),
    )
