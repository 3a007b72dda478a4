"""Which act comes next, without a database or a switch: the agent first, both, joined, held and joined again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from telephony.convergence import Act, Create, Dial, GiveUp, Hold, Join, Play, Stop, next_act, way_of
from telephony.events import Party
from telephony.models import Leg
from telephony.routes import Way
from telephony.switch import LegState, Sounds
from telephony.wanted import WantedCall, WantedLeg

BRIDGE = "cb-1-bridge-1"
PATIENCE = Sounds(1, ("please_wait.wav",), loop=True)
MUSIC = Sounds(1, ("music.wav",), loop=True)
KATE = WantedLeg(attempt=1, ring_seconds=10, agent="kate", hears=PATIENCE)
ANN = WantedLeg(attempt=1, ring_seconds=10, route_point="8999@SIP_Switch", number="4711", hears=MUSIC)


def leg(party: Party, state: LegState = LegState.UP, *, attempt: int = 1, **more: Any) -> Leg:
    return Leg(id=f"cb-1-{party}-{attempt}", party=party, attempt=attempt, state=state, switch_id=7, **more)


def hears_music() -> dict[str, Any]:
    return {"sounds": 1, "sounds_taken": True, "sounds_over": False}


@pytest.mark.parametrize(
    ("legs", "act"),
    [
        ([], Create(Party.AGENT, KATE)),
        ([leg(Party.AGENT, LegState.CREATED)], Dial(leg(Party.AGENT), KATE)),
        ([leg(Party.AGENT, LegState.RINGING)], None),
        ([leg(Party.AGENT)], Play(leg(Party.AGENT), PATIENCE)),
        ([leg(Party.AGENT, **hears_music())], None),
        ([leg(Party.AGENT, LegState.ENDED)], None),
        # The attempt before is still there: two phones of one agent never ring.
        ([leg(Party.AGENT, LegState.RINGING, attempt=9)], GiveUp(leg(Party.AGENT, attempt=9))),
        ([leg(Party.AGENT, LegState.RINGING, attempt=9, deleting=True)], None),
    ],
)
def test_an_agents_leg_alone(legs: list[Leg], act: Act | None) -> None:
    assert next_act(WantedCall(agent=KATE), legs, BRIDGE) == act


@pytest.mark.parametrize(
    ("agent", "customer", "act"),
    [
        (LegState.UP, None, Create(Party.CUSTOMER, ANN)),
        (LegState.UP, LegState.CREATED, Dial(leg(Party.CUSTOMER), ANN)),
        (LegState.ENDED, None, None),
        (LegState.ENDED, LegState.CREATED, None),
        (None, LegState.UP, Create(Party.AGENT, KATE)),
        (LegState.CREATED, LegState.UP, Dial(leg(Party.AGENT), KATE)),
        (None, LegState.ENDED, None),
        (LegState.CREATED, LegState.ENDED, None),
    ],
)
def test_nobody_is_rung_to_meet_somebody_who_has_gone(
    agent: LegState | None, customer: LegState | None, act: Act | None
) -> None:
    states = {Party.AGENT: agent, Party.CUSTOMER: customer}
    legs = [leg(party, state, **hears_music()) for party, state in states.items() if state]
    assert next_act(WantedCall(ANN, KATE), legs, BRIDGE) == act


def test_the_agent_hears_patience_until_both_are_joined() -> None:
    agent, customer = leg(Party.AGENT, **hears_music()), leg(Party.CUSTOMER, LegState.RINGING)
    assert next_act(WantedCall(ANN, KATE), [agent, customer], BRIDGE) is None
    customer.state = LegState.UP
    joined = WantedCall(ANN, replace(KATE, hears=None), joined=True)
    assert next_act(joined, [agent, customer], BRIDGE) == Stop(agent)
    agent.sounds_over = True
    assert next_act(joined, [agent, customer], BRIDGE) == Join(customer, agent)
    agent.bridge = customer.bridge = BRIDGE
    assert next_act(joined, [agent, customer], BRIDGE) is None


def test_hold_takes_both_out_of_the_bridge_and_plays_to_the_customer() -> None:
    agent, customer = leg(Party.AGENT, bridge=BRIDGE), leg(Party.CUSTOMER, bridge=BRIDGE)
    held = WantedCall(ANN, replace(KATE, hears=None))
    acts = []
    while (act := next_act(held, [customer, agent], BRIDGE)) is not None:
        acts.append(act)
        if isinstance(act, Hold):
            act.leg.bridge = ""
        elif isinstance(act, Play):
            act.leg.sounds, act.leg.sounds_over, act.leg.sounds_taken = act.sounds.number, False, True
    assert acts == [Hold(customer), Play(customer, MUSIC), Hold(agent)]
    joined = WantedCall(ANN, replace(KATE, hears=None), joined=True)
    assert next_act(joined, [customer, agent], BRIDGE) == Stop(customer)
    customer.sounds_over = True
    assert next_act(joined, [customer, agent], BRIDGE) == Join(customer, agent)


def test_a_leg_is_bound_to_the_switch_of_the_other_while_that_one_lives() -> None:
    wish = WantedCall(ANN, KATE)
    agent = leg(Party.AGENT)
    assert way_of(wish, [], Party.CUSTOMER) == Way("8999@SIP_Switch", None)
    assert way_of(wish, [agent], Party.CUSTOMER) == Way("8999@SIP_Switch", 7)
    assert way_of(wish, [leg(Party.CUSTOMER)], Party.AGENT) == Way("", 7)
    agent.state = LegState.ENDED
    assert way_of(wish, [agent], Party.CUSTOMER) == Way("8999@SIP_Switch", None)
    assert way_of(wish, [leg(Party.AGENT, attempt=9)], Party.CUSTOMER) == Way("8999@SIP_Switch", None)


CALLED = replace(ANN, arrived=True, number="", route_point="")


@pytest.mark.parametrize(
    ("customer", "act"),
    [
        # Their leg is there with the wish, or its end is about to be told: nobody is rung, and no agent for nobody.
        (None, None),
        (LegState.ENDED, None),
        (LegState.UP, Create(Party.AGENT, KATE)),
    ],
)
def test_who_called_us_is_never_rung(customer: LegState | None, act: Act | None) -> None:
    legs = [leg(Party.CUSTOMER, customer, **hears_music())] if customer else []
    assert next_act(WantedCall(CALLED), legs, "") is None
    assert next_act(WantedCall(CALLED, KATE), legs, BRIDGE) == act
