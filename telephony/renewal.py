"""How many callers an agent takes in a time: renewal functions of lognormal handling times, in tables. Pure.

Time is counted in mean handling times. A call is lognormal, and then comes a wrap-up of always the same length: most
calls are short, a few very long, and whoever has talked for long will talk for longer still, as measured calls do.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import erfc, log, sqrt

# The tables' step and end; beyond the end a renewal process goes on as steadily as if it had always been going on.
STEP = 1 / 16
STEPS = 128
END = STEP * STEPS
# For how long a call has been going on: between two of these is interpolated, and older than the last is as old.
AGES = (0.0, 0.125, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
# A spread (coefficient of variation) is rounded to that, so that few tables are made.
SPREAD_STEP = 0.1
LEAST_SPREAD, LARGEST_SPREAD = 0.2, 2.0
# The share of the handling time that is wrap-up is rounded to that, and never the whole.
WRAP_UP_STEP, MOST_WRAP_UP = 0.02, 0.6
# A call older than this share of all calls is about to end.
OLDEST = 1 - 1e-6

Table = tuple[float, ...]


@dataclass(frozen=True)
class Renewals:
    """The tables of one kind of calls, by `STEP`.

    `after_start` are the callers whom an agent who just took one has taken more by then, in the mean; `by_age`, for
    each of `AGES`, those whom an agent takes who has been on a call for so long. `dispersion` is the variance of such
    a number, by its mean.
    """

    after_start: Table
    by_age: tuple[Table, ...]
    dispersion: Table


def renewals(spread: float, wrap_up: float = 0.0) -> Renewals:
    """The tables for a coefficient of variation of the handling time, and the share of it that is wrap-up."""
    return _renewals(
        round(min(max(spread, LEAST_SPREAD), LARGEST_SPREAD) / SPREAD_STEP),
        round(min(max(wrap_up, 0.0), MOST_WRAP_UP) / WRAP_UP_STEP),
    )


def ages(age: float) -> tuple[tuple[int, float], ...]:
    """Between which of `AGES` an age is: their numbers, with weights that add up to 1."""
    above = bisect_right(AGES, age)
    if above == len(AGES):
        return ((len(AGES) - 1, 1.0),)
    weight = (age - AGES[above - 1]) / (AGES[above] - AGES[above - 1])
    return (above - 1, 1 - weight), (above, weight)


@lru_cache(maxsize=128)
def _renewals(spread_steps: int, wrap_up_steps: int) -> Renewals:
    calls = _Calls(spread_steps * SPREAD_STEP, wrap_up_steps * WRAP_UP_STEP)
    more = _more([calls.over(step * STEP) for step in range(STEPS + 1)])
    return Renewals(
        tuple(more),
        tuple(tuple(_then(calls.left(age), more)) for age in AGES),
        tuple(_dispersion(more)),
    )


class _Calls:
    """The distribution of handling times: mean 1, of which the wrap-up is the same each time."""

    def __init__(self, spread: float, wrap_up: float) -> None:
        self._wrap_up = wrap_up
        self._talk = 1 - wrap_up
        self._variance = log(1 + (spread / self._talk) ** 2)

    def over(self, age: float) -> float:
        """The share of calls that are over by an age, wrap-up included."""
        return self._talked_out(age - self._wrap_up)

    def left(self, age: float) -> list[float]:
        """Of the calls that are still talked after so long, the share that is over, wrap-up included, by each step."""
        gone = self._talked_out(age)
        if gone > OLDEST:
            return [float(step * STEP > self._wrap_up) for step in range(STEPS + 1)]
        return [
            (self._talked_out(max(age + step * STEP - self._wrap_up, age)) - gone) / (1 - gone)
            for step in range(STEPS + 1)
        ]

    def _talked_out(self, age: float) -> float:
        if age <= 0:
            return 0.0
        return 0.5 * erfc(-(log(age / self._talk) + self._variance / 2) / sqrt(2 * self._variance))


def _more(ended: list[float]) -> list[float]:
    """The renewal function, m = F + m * F, by the trapezoidal rule; the last term of each sum holds m itself."""
    parts = [after - before for before, after in pairwise(ended)]
    more = [0.0]
    for step in range(1, STEPS + 1):
        known = ended[step] + parts[0] * more[step - 1] / 2
        for back in range(1, step):
            known += parts[back] * (more[step - back] + more[step - back - 1]) / 2
        more.append(known / (1 - parts[0] / 2))
    return more


def _then(first: list[float], more: list[float]) -> list[float]:
    """The renewal function of a process whose first event has another distribution: G + m * G."""
    parts = [after - before for before, after in pairwise(first)]
    return [
        first[step] + sum(parts[back] * (more[step - back] + more[step - back - 1]) / 2 for back in range(step))
        for step in range(STEPS + 1)
    ]


def _dispersion(more: list[float]) -> list[float]:
    """Variance by mean of the stationary process: E[N(N-1)] is twice the integral of the renewal function."""
    dispersion, integral = [1.0], 0.0
    for step in range(1, STEPS + 1):
        integral += (more[step] + more[step - 1]) / 2 * STEP
        mean = step * STEP
        dispersion.append((mean + 2 * integral - mean * mean) / mean)
    return dispersion
