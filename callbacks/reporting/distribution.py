"""Distributions of seconds, counted in fixed intervals: what is added up over days and services stays a distribution.

A percentile is exact to the width of its interval, a mean exactly right.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

# Where intervals begin, in seconds from zero to either side. One that is changed would tell old totals as new ones.
EDGES = (
    *(0, 1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 90, 105, 120, 150, 180, 210, 240, 300, 360, 420, 480, 540, 600),
    *(720, 900, 1200, 1500, 1800, 2700, 3600, 5400, 7200, 10800, 14400, 28800, 86400),
)


def interval(seconds: float) -> str:
    """The key of the interval: `+7` begins at EDGES[7] above zero, `-7` is its mirror image below."""
    index = bisect_right(EDGES, abs(seconds)) - 1
    return f"-{index}" if seconds < 0 else f"+{index}"


def bounds(key: str) -> tuple[float, float]:
    """From where to where an interval reaches, low to high; the outermost has no end and is told as twice its begin."""
    index = int(key[1:])
    near = EDGES[index]
    far = EDGES[index + 1] if index + 1 < len(EDGES) else 2 * near
    return (-far, -near) if key[0] == "-" else (near, far)


@dataclass(frozen=True)
class Bar:
    """An interval of a distribution: how many lie in it."""

    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Distribution:
    """`bars` from low to high, without empty ones; `total` is the sum of what was measured, in seconds, and
    `below_zero` of what was negative.
    """

    bars: tuple[Bar, ...] = ()
    total: float = 0.0
    below_zero: float = 0.0

    @property
    def n(self) -> int:
        return sum(bar.n for bar in self.bars)

    @property
    def mean(self) -> float | None:
        return self.total / self.n if self.bars else None

    def percentile(self, share: float) -> float | None:
        """What the share (0 to 1) of all lie below, as if those of one interval lay evenly in it; None of nothing."""
        if not self.bars:
            return None
        wanted, below = share * self.n, 0
        for bar in self.bars:
            if below + bar.n >= wanted:
                return bar.low + (bar.high - bar.low) * (wanted - below) / bar.n
            below += bar.n
        return self.bars[-1].high

    @property
    def absolute(self) -> Distribution:
        """The same without signs."""
        counted: dict[tuple[float, float], int] = defaultdict(int)
        for bar in self.bars:
            counted[(-bar.high, -bar.low) if bar.low < 0 else (bar.low, bar.high)] += bar.n
        bars = (Bar(low, high, n) for (low, high), n in sorted(counted.items()))
        return Distribution(tuple(bars), self.total - 2 * self.below_zero)

    def within(self, low: float, high: float) -> int:
        """How many lie between two edges."""
        return sum(bar.n for bar in self.bars if low <= bar.low and bar.high <= high)

    def grouped(self, edges: Iterable[float]) -> tuple[Bar, ...]:
        """The same in fewer intervals, also empty ones: between the given edges, which must be some of EDGES, and
        beyond the outermost ones.
        """
        inner = sorted(edges)
        ends = [float("-inf"), *inner, float("inf")]
        return tuple(Bar(low, high, self.within(low, high)) for low, high in pairwise(ends))


def of(counts: Mapping[str, tuple[int, float]]) -> Distribution:
    """The distribution of what was counted: by interval how many, and the sum of their seconds."""
    bars = sorted((Bar(*bounds(key), n) for key, (n, _) in counts.items() if n), key=lambda bar: bar.low)
    below_zero = sum(seconds for key, (_, seconds) in counts.items() if key.startswith("-"))
    return Distribution(tuple(bars), sum(seconds for _, seconds in counts.values()), below_zero)
