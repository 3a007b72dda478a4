"""The order in which a callback goes through its stages, one row a scenario (design: seeds, sections *Call flow*)."""

from __future__ import annotations

from dataclasses import dataclass

from callbacks.flow.options import FlowOptions
from callbacks.flow.session import Stage


@dataclass(frozen=True)
class Scenario:
    """`first` is the stage that follows once it is time.

    From the moment on at which the customer is on the line all scenarios here are alike, but that an agent who was
    called first is there already.
    """

    name: str
    first: Stage


FIRST = ("CUSTOMER", "AGENT")
SCENARIOS: dict[tuple[str, bool, str], Scenario] = {
    # (_call_direction, _wait_for_agent, _userterminated_first_connect_party)
    ("USERTERMINATED", False, "CUSTOMER"): Scenario("User Terminated Immediate", Stage.DIALLING),
    ("USERTERMINATED", True, "CUSTOMER"): Scenario("User Terminated Delayed", Stage.AWAITING),
    # An agent is reserved before anybody is called, so that there is nothing to wait for besides.
    ("USERTERMINATED", False, "AGENT"): Scenario("Agent first", Stage.RESERVING),
    ("USERTERMINATED", True, "AGENT"): Scenario("Agent first", Stage.RESERVING),
    # Who is called first makes no difference where nobody is: the customer calls us.
    **{("USERORIGINATED", False, first): Scenario("User Originated Immediate", Stage.EXPECTING) for first in FIRST},
    **{("USERORIGINATED", True, first): Scenario("User Originated Delayed", Stage.AWAITING) for first in FIRST},
}


def scenario(options: FlowOptions) -> Scenario | None:
    """The scenario that the options choose, or None when there is none for this combination."""
    return SCENARIOS.get((options.call_direction, options.wait_for_agent, options.first_connect_party))
