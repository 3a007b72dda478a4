"""A scale of time on which a call of forty seconds can be read beside a night of waiting.

Moments at which something happens cut the time into pieces. Each piece is as wide as it is long, but none takes more
than a share of the picture, and none is too narrow to be seen; a piece that is cut short is marked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise

# Of the whole width, in percent: what the longest wait takes at most, and the shortest moment at least.
MOST, LEAST = 28.0, 2.0
# So much more than its equal share, in percent, one of few pieces may take.
FEW = 15.0
WIDTH = 100.0
# A piece that is so many times longer than it is drawn is marked as cut.
CUT = 1.5


@dataclass(frozen=True)
class Break:
    """A wait that is drawn shorter than it is: where, in percent, and how long it is in seconds."""

    x: float
    seconds: float


class Scale:
    """Where moments lie, in percent of the width, between the first and the last of those it was made of."""

    def __init__(self, moments: Iterable[datetime]) -> None:
        self._moments = sorted(set(moments))
        lengths = [(after - before).total_seconds() for before, after in pairwise(self._moments)]
        most = _most(lengths) if lengths else 0.0
        self._at = [0.0, *accumulate(_widths(lengths, most))]
        self.breaks = [
            Break((self._at[n] + self._at[n + 1]) / 2, length)
            for n, length in enumerate(lengths)
            if length > CUT * most
        ]

    def x(self, at: datetime) -> float:
        """In percent; what lies outside is at the edge."""
        moments = self._moments
        if len(moments) < 2 or at <= moments[0]:
            return 0.0
        for n, (before, after) in enumerate(pairwise(moments)):
            if at <= after:
                share = (at - before) / (after - before)
                return round(self._at[n] + share * (self._at[n + 1] - self._at[n]), 2)
        return WIDTH


def _widths(lengths: list[float], most: float) -> list[float]:
    """The width of each piece, in percent, those longer than `most` seconds cut; together they fill the picture."""
    if not lengths:
        return []
    cut = [min(length, most) for length in lengths]
    least = min(LEAST, WIDTH / (3 * len(lengths)))
    # What the short pieces need to be seen is taken from the others.
    scale = (WIDTH - least * len(lengths)) / sum(cut)
    return [least + scale * length for length in cut]


def _most(lengths: list[float]) -> float:
    """The length, in seconds, from which on a piece is cut, so that none takes more than its share."""
    low, high = min(lengths), max(lengths)
    # Of few pieces each may take more: two or three cannot all be short.
    share = max(MOST, WIDTH / len(lengths) + FEW) / WIDTH
    if high / sum(lengths) <= share:
        return high
    for _ in range(40):
        middle = (low + high) / 2
        if middle / sum(min(length, middle) for length in lengths) > share:
            high = middle
        else:
            low = middle
    return high
