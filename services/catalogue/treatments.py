"""What the customer hears."""

from __future__ import annotations

from services.catalogue.option import Option
from services.kinds import TREATMENT

SECTION = "Voice Treatment"

OPTIONS = (
    Option(
        name="_treatment_customer_connect",
        kind=TREATMENT,
        section=SECTION,
        help="Played once when a human has answered.",
    ),
    Option(
        name="_treatment_waiting_for_agent",
        kind=TREATMENT,
        section=SECTION,
        help="Played in a loop while the customer waits for an agent. Empty: the sample sound.",
    ),
    Option(
        name="_treatment_find_agent_fail",
        kind=TREATMENT,
        section=SECTION,
        help="Played when no agent was found in _max_time_to_wait_for_agent_on_the_call. Empty: the sample sound.",
    ),
    Option(
        name="_treatment_call_failure_answering_machine",
        kind=TREATMENT,
        section=SECTION,
        help="Played to an answering machine. Empty: the sample sound; { }: nothing. With the hint "
        '"am-beep-detection": "on" it starts after the beep.',
    ),
)
