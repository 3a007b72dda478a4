"""A line in a virtual queue, as its owner states it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class PassedOver:
    """An agent who is not offered the owner before `until`, because they have just refused it or let it ring."""

    agent: str
    until: datetime


@dataclass(frozen=True)
class QueuePlace:
    """`wants` is "dial", "agent", or empty while the owner may not be served: the place is kept all the same.

    `target` is the text of the option `_target`, a list of targets included; telephony itself goes on from one to the
    next. `place_at` orders the line, earlier is further ahead. `visit` says what an offer will be made for.
    `granted`: a delayed owner that may dial, or did; an agent is counted on for it. `reserve_seconds` bounds a
    reservation made for it. `paused`: it keeps its place, and nobody behind it counts it meanwhile.
    `counted_until`: until when an agent is counted on for a granted dial, where that is not for the matcher to say
    because something else comes before the ringing.
    `priority` grows by `priority_increment` whenever `priority_interval` seconds have passed since `place_at`; an
    interval of 0: never. For the first `preferred_seconds` only `preferred_agent` is looked for, where one is named.
    """

    queue: str
    target: str
    place_at: datetime
    wants: str
    visit: int
    reserve_seconds: int
    granted: bool
    paused: bool = False
    counted_until: datetime | None = None
    priority: int = 0
    priority_increment: int = 0
    priority_interval: int = 0
    preferred_agent: str = ""
    preferred_seconds: int = 0
    passed_over: tuple[PassedOver, ...] = ()
