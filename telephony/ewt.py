"""Estimated wait times, from what a queue is now and what was measured of it. Pure.

The plain estimate: everybody ahead takes an agent for the mean handling time, and the agents who are logged in share
the work evenly. Durations come in and go out as `timedelta`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

# Until something was measured: three minutes of talk, and twenty seconds to ring and to tell a human from a machine.
HANDLING = timedelta(seconds=180)
REACH = timedelta(seconds=20)
# However long a queue is, nobody is started earlier before the promised time than that (design section 6).
EARLIEST_START = timedelta(minutes=30)


def wait(ahead: int, handling: timedelta, agents: int) -> timedelta | None:
    """How long who has `ahead` others before them waits; None with nobody logged in: it cannot be known."""
    return ahead * handling / agents if agents else None


@dataclass(frozen=True)
class Estimate:
    """What somebody in a queue, or about to join it, can expect.

    `ewt` is their wait. With nobody logged in it is not known (`is_known`) and `ewt` is the wait by which scheduled
    callbacks were last started there. `ahead` and `waiting` count who has started and is not paused; `agents` are
    those of the target who are logged in, whatever they do.
    """

    ewt: timedelta
    ahead: int
    waiting: int
    agents: int
    handling: timedelta

    @property
    def is_known(self) -> bool:
        return self.agents > 0


@dataclass(frozen=True)
class Starts:
    """How long before their time a queue's scheduled callbacks are started, one after the other.

    `last_known` is used while nobody is logged in: what was true an hour ago is a better guess than none.
    """

    ahead: int
    handling: timedelta
    agents: int
    last_known: timedelta

    def ewt(self, already_started: int) -> timedelta:
        """The wait of the next to start, after `already_started` that took a place since the queue was looked at.

        Between 0 and 30 minutes: else each start, which makes the wait of the next one longer, would draw that one
        in, and a full afternoon would start at noon.
        """
        known = wait(self.ahead + already_started, self.handling, self.agents)
        return min(max(self.last_known if known is None else known, timedelta()), EARLIEST_START)
