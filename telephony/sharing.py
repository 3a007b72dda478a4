"""What those ahead leave for a line of the agents that it shares with others. Pure.

Those ahead are given as many of the calls that agents can take as can be given to them at all; what is then left for
one more of a line is found by handing agents on from line to line (augmenting paths of the maximum flow).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

# Whatever the caller tells lines apart by; it can be hashed.
Line = Any
Kind = frozenset[Line]
# Work and capacity are in calls; less than that is nothing.
NOTHING = 1e-6


def left_for(line: Line, work: Mapping[Line, float], capacity: Mapping[Kind, float], *, most: float) -> float:
    """How many calls are left for one more of a line, `most` at the most.

    `work` is how many calls of each line come first, `capacity` how many calls the agents of each kind can take.
    """
    free = dict(capacity)
    kinds = {each: sorted((kind for kind in free if each in kind), key=len) for each in work}
    given: dict[tuple[Line, Kind], float] = {}
    for each in sorted(work, key=lambda one: len(kinds[one])):
        _serve(each, work[each], kinds, free, given)
    return _serve(line, most, kinds, free, given)


def _serve(
    line: Line,
    most: float,
    kinds: Mapping[Line, list[Kind]],
    free: dict[Kind, float],
    given: dict[tuple[Line, Kind], float],
) -> float:
    """Give a line what can be given, and return how much that is."""
    left = most
    while left > NOTHING and (path := _path(line, kinds, free, given)):
        left -= _give(path, left, free, given)
    return most - left


def _path(
    line: Line, kinds: Mapping[Line, list[Kind]], free: Mapping[Kind, float], given: Mapping[tuple[Line, Kind], float]
) -> list[tuple[Line, Kind]]:
    """An augmenting path from what is free, which comes first, to a line; empty if there is none."""
    came_from: dict[Line, tuple[Line, Kind]] = {}
    seen, seen_kinds, ahead = {line}, set[Kind](), deque([line])
    while ahead:
        taker = ahead.popleft()
        for kind in kinds[taker]:
            if kind in seen_kinds:
                continue
            seen_kinds.add(kind)
            if free[kind] > NOTHING:
                path = [(taker, kind)]
                while path[-1][0] in came_from:
                    path.append(came_from[path[-1][0]])
                return path
            for giver in kind:
                if giver not in seen and given.get((giver, kind), 0.0) > NOTHING:
                    came_from[giver] = (taker, kind)
                    seen.add(giver)
                    ahead.append(giver)
    return []


def _give(
    path: list[tuple[Line, Kind]], most: float, free: dict[Kind, float], given: dict[tuple[Line, Kind], float]
) -> float:
    """Hand agents on along a path, last step first, as many as it has and at most so many; returns how many."""
    # The giver of a step takes the kind of the step before, which lies nearer to the free end.
    handed_on = [(path[step][0], path[step + 1][1]) for step in range(len(path) - 1)]
    last = path[0][1]
    number = min(most, free[last], *(given[each] for each in handed_on))
    for step in path:
        given[step] = given.get(step, 0.0) + number
    for each in handed_on:
        given[each] -= number
    free[last] -= number
    return number
