"""A line in a virtual queue, as its owner states it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class QueuePlace:
    """`wants` is "dial", "agent", or empty while the owner may not be served: the place is kept all the same.

    `place_at` orders the line, earlier is further ahead. `visit` says what an offer will be made for. `granted`: a
    delayed owner that may dial, or did; an agent is counted on for it. `reserve_seconds` bounds a reservation made
    for it. `paused`: it keeps its place, and nobody behind it counts it meanwhile.
    `counted_until`: until when an agent is counted on for a granted dial, where that is not for the matcher to say
    because something else comes before the ringing.
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
