"""Over which route point a customer is called, where a service names several (option `_route_point`). Pure.

Calls are spread over switches: each leg goes to the switch with the fewest live legs. One whose switch nobody listens
to, or whose trunk rests after a failure, is skipped.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Way:
    """What a leg may be called over: the text of the option, and the one switch that it is bound to, if any.

    A leg is bound where the call's other party is already on a switch: a bridge lives on one.
    """

    text: str
    switch: int | None = None


@dataclass(frozen=True)
class Candidate:
    """A configured route point as it is now.

    `live`: somebody listens to its switch. `legs`: how many legs its switch has now.
    """

    name: str
    switch: int
    live: bool
    legs: int
    resting_until: datetime | None = None

    def free_at(self, now: datetime) -> datetime:
        """From when on its trunk may be used."""
        return now if self.resting_until is None else max(now, self.resting_until)


def split(text: str) -> tuple[str, ...]:
    """The route points that a text names, NAME@SWITCH each, in their order and each once."""
    return tuple(dict.fromkeys(name for part in text.split(",") if (name := part.strip())))


def on(switch: int | None, candidates: Iterable[Candidate]) -> list[Candidate]:
    """Those on the switch to which a leg is bound; all of them where it is bound to none."""
    return [candidate for candidate in candidates if switch in (None, candidate.switch)]


def choose(candidates: Sequence[Candidate], *, seed: str, now: datetime) -> Candidate | None:
    """The route point for a new leg; None where there is no candidate.

    1. A live one before a dead one.
    2. The one whose trunk is free first.
    3. The one whose switch has the fewest legs.
    4. Among equals the `seed` decides, evenly over many seeds and always the same for one.
    Where none can be used now, this is the one to wait for.
    """
    if not candidates:
        return None

    def rank(candidate: Candidate) -> tuple[bool, datetime, int]:
        return (not candidate.live, candidate.free_at(now), candidate.legs)

    best = min(map(rank, candidates))
    equals = sorted((candidate for candidate in candidates if rank(candidate) == best), key=lambda each: each.name)
    return equals[zlib.crc32(seed.encode()) % len(equals)]


def free_at(candidates: Iterable[Candidate], *, now: datetime) -> datetime | None:
    """When the first live one may be used: `now` if one can be used at once, None if all are dead."""
    return min((candidate.free_at(now) for candidate in candidates if candidate.live), default=None)
