"""The wanted call: what an owner now wants of the switch, as levels rather than commands.

A wish says which legs there should be, who hears what and who is joined. It is stored whole with every change;
`telephony.converge` compares it with what the switch last reported and acts until they agree. A wish that was overtaken
is never carried out.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter

from telephony.switch import Sounds


@dataclass(frozen=True)
class WantedLeg:
    """The leg of one attempt. An attempt whose leg has ended is never created again.

    Exactly one of `number` (a customer, through `route_point`) and `agent` says whom to ring; an agent is rung at their
    own phone, or, with a `route_point`, at their number through it. Nobody is rung where the leg has `arrived`: the
    customer called, and the leg is there with the wish or never (`telephony.inbound.take`). `ring_seconds` bounds the
    ringing. `hears` is what the leg should be hearing while it is not joined. `attached` are (key, text) pairs of data
    for whoever answers.
    """

    attempt: int
    ring_seconds: int
    route_point: str = ""
    number: str = ""
    agent: str = ""
    caller_number: str = ""
    caller_name: str = ""
    detect: bool = False
    arrived: bool = False
    hears: Sounds | None = None
    attached: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class WantedCall:
    customer: WantedLeg | None = None
    agent: WantedLeg | None = None
    joined: bool = False

    @property
    def empty(self) -> bool:
        return self.customer is None and self.agent is None


NOTHING = WantedCall()
WISH: TypeAdapter[WantedCall] = TypeAdapter(WantedCall)
