"""Whether an agent will be free for one more customer who is dialled now. Pure.

Whoever is counted on an agent already is thought of as having one of those expected to be free, if there is any way
to give each of them one; one more may be dialled when an agent is left for them after that. So an agent who serves
two queues is counted on once, and a queue that is short of agents does not keep another from using its own.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise


@dataclass(frozen=True)
class Line:
    """Those of a queue for whom the same targets are looked for: for pacing, one is like the other."""

    queue: str
    keys: frozenset[str]


@dataclass(frozen=True)
class Soon:
    """An agent who is free, or will be at that moment, with those of the targets that are theirs."""

    keys: frozenset[str]
    free_at: datetime | None = None


# Agents who can serve the same lines are alike too.
Kind = frozenset[Line]


class Expected:
    """The agents expected to be free, and who is counted on them."""

    def __init__(
        self,
        agents: Iterable[Soon],
        counted: Mapping[Line, int],
        asking: Iterable[Line],
        *,
        now: datetime,
        reach: Mapping[str, timedelta],
    ) -> None:
        """`counted` says how many of a line are counted on an agent; `asking` are lines that may ask for one more.

        An agent serves a line if they are of its targets and free by the time somebody of it who is dialled now is
        reached: after `reach` of its queue.
        """
        lines = {*counted, *asking}
        self._free: Counter[Kind] = Counter()
        for agent, number in Counter(agents).items():
            kind = frozenset(
                line
                for line in lines
                if not line.keys.isdisjoint(agent.keys)
                and (agent.free_at is None or agent.free_at <= now + reach[line.queue])
            )
            self._free[kind] += number
        self._kinds = {line: [kind for kind in self._free if line in kind] for line in lines}
        self._given: Counter[tuple[Line, Kind]] = Counter()
        for line, number in counted.items():
            while number and (path := self._path(line)):
                number -= self._give(path, number)

    def has_room(self, line: Line) -> bool:
        """Whether an agent is left for one more of the line."""
        return self._path(line) is not None

    def count(self, line: Line) -> None:
        """Count one more of the line on an agent; only after `has_room`."""
        if path := self._path(line):
            self._give(path, 1)

    def _path(self, line: Line) -> list[tuple[Line, Kind]] | None:
        """The shortest way to an agent for one more of the line, by way of lines that can do with another agent.

        An augmenting path of bipartite matching: each line on it takes an agent of the kind beside it, which the next
        line gives up; of the last kind somebody is free.
        """
        came_from: dict[Line, tuple[Line, Kind]] = {}
        seen, ahead = {line}, deque([line])
        while ahead:
            taker = ahead.popleft()
            for kind in self._kinds[taker]:
                if self._free[kind]:
                    path = [(taker, kind)]
                    while path[0][0] in came_from:
                        path.insert(0, came_from[path[0][0]])
                    return path
                for giver in kind - seen:
                    if self._given[giver, kind]:
                        came_from[giver] = (taker, kind)
                        seen.add(giver)
                        ahead.append(giver)
        return None

    def _give(self, path: list[tuple[Line, Kind]], most: int) -> int:
        """Give as many agents along a path as it has, up to `most`; returns how many."""
        handed_on = [(giver, kind) for (_, kind), (giver, _) in pairwise(path)]
        last_kind = path[-1][1]
        number = min(most, self._free[last_kind], *(self._given[step] for step in handed_on))
        for step in path:
            self._given[step] += number
        for step in handed_on:
            self._given[step] -= number
        self._free[last_kind] -= number
        return number
