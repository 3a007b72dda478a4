"""Who competes with a line for the agents that it shares with others. Pure.

Those ahead are given what agents can do, each line first what only it can use; the lines that then could do with the
agents of the one who asks, and whose own are used up, are its rivals. By the max-flow min-cut theorem it is then the
rivals and nobody else who decide when it is served.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping

Line = Hashable
Kind = frozenset[Line]
# Work and capacity are in calls; less than that is nothing.
NOTHING = 1e-6


def rivals(line: Line, work: Mapping[Line, float], capacity: Mapping[Kind, float]) -> Kind | None:
    """The lines, `line` among them, whose agents are all used up by those ahead; None if something is left for `line`.

    `work` is how many calls of each line come first, `capacity` how many calls the agents of each kind can take.
    """
    free = dict(capacity)
    kinds = {each: sorted((kind for kind in free if each in kind), key=len) for each in work}
    given: dict[tuple[Line, Kind], float] = {}
    for each in sorted(work, key=lambda one: len(kinds[one])):
        left = work[each]
        for kind in kinds[each]:
            part = min(left, free[kind])
            if part > 0:
                given[each, kind] = part
                free[kind] -= part
                left -= part
        while left > NOTHING:
            path, _ = _path(each, kinds, free, given)
            if not path:
                break
            left -= _give(path, left, free, given)
    path, reached = _path(line, kinds, free, given)
    return None if path else reached


def _path(
    line: Line, kinds: Mapping[Line, list[Kind]], free: Mapping[Kind, float], given: Mapping[tuple[Line, Kind], float]
) -> tuple[list[tuple[Line, Kind]], Kind]:
    """An augmenting path from a line to something free, or nothing and all lines that were reached on the way."""
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
                return path, frozenset(seen)
            for giver in kind:
                if giver not in seen and given.get((giver, kind), 0.0) > NOTHING:
                    came_from[giver] = (taker, kind)
                    seen.add(giver)
                    ahead.append(giver)
    return [], frozenset(seen)


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
