"""How many callers an agent takes in a time: renewal functions of lognormal handling times, in tables. Pure.

Time is counted in mean handling times. Calls are lognormal: most are short, a few very long, and whoever has talked for
long will talk for longer still, as measured calls do. Mean and spread are all that has to be known of them.
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
# A call older than this share of all calls is about to end.
OLDEST = 1 - 1e-6

Table = tuple[float, ...]


@dataclass(frozen=True)
class Renewals:
    """The tables of one spread, by `STEP`.

    `after_start` are the callers whom an agent who just took one has taken more by then, in the mean; `by_age`, for
    each of `AGES`, those whom an agent takes who has been on a call for so long. `dispersion` is the variance of such
    a number, by its mean.
    """

    after_start: Table
    by_age: tuple[Table, ...]
    dispersion: Table


def renewals(spread: float) -> Renewals:
    """The tables for a coefficient of variation of the handling time; made once for each."""
    return _renewals(round(min(max(spread, LEAST_SPREAD), LARGEST_SPREAD) / SPREAD_STEP))


def ages(age: float) -> tuple[tuple[int, float], ...]:
    """Between which of `AGES` an age is: their numbers, with weights that add up to 1."""
    above = bisect_right(AGES, age)
    if above == len(AGES):
        return ((len(AGES) - 1, 1.0),)
    weight = (age - AGES[above - 1]) / (AGES[above] - AGES[above - 1])
    return (above - 1, 1 - weight), (above, weight)


@lru_cache(maxsize=32)
def _renewals(spread_steps: int) -> Renewals:
    spread = spread_steps * SPREAD_STEP
    ended = [_ended(step * STEP, spread) for step in range(STEPS + 1)]
    more = _more(ended)
    return Renewals(
        tuple(more),
        tuple(tuple(_then(_remaining(age, spread), more)) for age in AGES),
        tuple(_dispersion(more)),
    )


def _ended(age: float, spread: float) -> float:
    """The share of calls that are over by an age: the lognormal distribution function of mean 1."""
    if age <= 0:
        return 0.0
    variance = log(1 + spread * spread)
    return 0.5 * erfc(-(log(age) + variance / 2) / sqrt(2 * variance))


def _remaining(age: float, spread: float) -> list[float]:
    """The share of the calls of an age that are over so much later."""
    over = _ended(age, spread)
    if over > OLDEST:
        return [0.0] + [1.0] * STEPS
    return [(_ended(age + step * STEP, spread) - over) / (1 - over) for step in range(STEPS + 1)]


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
