"""The stages of one callback one after the other, as its journal tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from callbacks.flow.session import Stage
from callbacks.models import JournalEntry


class Kind(StrEnum):
    """What the stages of a callback have in common for who looks at it, in the order of a call."""

    REST = "rest"  # nothing is to be done yet
    QUEUE = "queue"  # has its place in the queue
    ASK = "ask"  # somebody is asked: the customer whether to call, an agent whether to take it
    CALL = "call"  # a phone rings
    HEAR = "hear"  # somebody is on the line and no agent with them yet
    TALK = "talk"
    AFTER = "after"  # the agent says what came of the talk
    PUT_OFF = "put-off"  # waits for the next attempt, or until the service goes on


KINDS: dict[Stage, Kind] = {
    Stage.NEW: Kind.REST,
    Stage.SCHEDULED: Kind.REST,
    Stage.HELD: Kind.QUEUE,
    Stage.AWAITING: Kind.QUEUE,
    Stage.RESERVING: Kind.QUEUE,
    Stage.PREVIEWING: Kind.ASK,
    Stage.CALLING_AGENT: Kind.CALL,
    Stage.CONFIRMING: Kind.ASK,
    Stage.EXPECTING: Kind.ASK,
    Stage.DIALLING: Kind.CALL,
    Stage.RINGING: Kind.CALL,
    Stage.DETECTING: Kind.HEAR,
    Stage.MESSAGE: Kind.HEAR,
    Stage.GREETING: Kind.HEAR,
    Stage.WAITING: Kind.HEAR,
    Stage.CONNECTING: Kind.HEAR,
    Stage.JOINING: Kind.HEAR,
    Stage.TALKING: Kind.TALK,
    Stage.DISPOSITION: Kind.AFTER,
    Stage.APOLOGY: Kind.HEAR,
    Stage.RETRYING: Kind.PUT_OFF,
    Stage.PAUSED: Kind.PUT_OFF,
    Stage.ENDED: Kind.REST,
}


@dataclass(frozen=True)
class Stretch:
    """A callback was in this stage from `start` to `end`; None: it still is. `number` as the picture says it."""

    number: int
    stage: Stage
    start: datetime
    end: datetime | None

    @property
    def kind(self) -> Kind:
        return KINDS[self.stage]

    @property
    def seconds(self) -> float | None:
        return None if self.end is None else (self.end - self.start).total_seconds()


def stretches(entries: Sequence[JournalEntry], *, stage: str) -> list[Stretch]:
    """From the journal, oldest first; `stage` is the present one. An end is no stretch.

    An entry of an unknown stage, of another release, goes on with the one before.
    """
    entered: list[tuple[Stage, datetime]] = []
    for entry in entries:
        if entry.stage in KINDS and (not entered or entered[-1][0] != entry.stage):
            entered.append((Stage(entry.stage), entry.at))
    if entered and stage in KINDS and entered[-1][0] != stage:
        # A stage that was entered without a word, mostly the next try of a dial that is held back.
        entered.append((Stage(stage), entries[-1].at))
    ends: list[datetime | None] = [*(at for _, at in entered[1:]), None][: len(entered)]
    found = [
        (entered_stage, start, end)
        for (entered_stage, start), end in zip(entered, ends, strict=True)
        if entered_stage is not Stage.ENDED and start != end
    ]
    return [Stretch(number, *each) for number, each in enumerate(found, start=1)]
