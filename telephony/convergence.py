"""Which act on the switch comes next, given the wish and what was last reported of each leg. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from telephony.events import Party
from telephony.models import Leg
from telephony.routes import Way
from telephony.switch import LegState, Sounds
from telephony.wanted import WantedCall, WantedLeg


@dataclass(frozen=True)
class GiveUp:
    """The leg is not wanted: withdraw it if it was not sent, else have the switch delete it."""

    leg: Leg


@dataclass(frozen=True)
class Create:
    """Make the leg of an attempt, ready to be dialled."""

    party: Party
    wanted: WantedLeg


@dataclass(frozen=True)
class Dial:
    leg: Leg
    wanted: WantedLeg


@dataclass(frozen=True)
class Stop:
    leg: Leg


@dataclass(frozen=True)
class Play:
    leg: Leg
    sounds: Sounds


@dataclass(frozen=True)
class SettlePlay:
    """A list was marked as sent by a performer that is gone; it is unknown whether the switch took it."""

    leg: Leg
    sounds: Sounds


@dataclass(frozen=True)
class Join:
    customer: Leg
    agent: Leg


@dataclass(frozen=True)
class Hold:
    leg: Leg


Act = GiveUp | Create | Dial | Stop | Play | SettlePlay | Join | Hold


def next_act(wish: WantedCall, legs: Sequence[Leg], bridge: str) -> Act | None:
    """The first act that brings the call nearer to the wish, or None when there is nothing to do for now.

    1. Legs that are not wanted go first, so that no phone rings a moment longer than it must.
    2. Wanted legs are created and dialled, once the party's leg before has ended. Nobody is rung to meet a party whose
       wanted leg has ended: its owner is about to hear of that end. A leg that arrived is never made.
    3. Joining comes after stopping whatever either of them hears.
    4. Else each leg leaves the bridge, if it is in one, and hears what it should.
    """
    for leg in legs:
        if leg.alive and not leg.deleting and not names(wish, leg):
            return GiveUp(leg)
    for party, wanted in _parties(wish):
        other = other_of(wish, legs, party)
        # Of a leg that arrived and is not there any more its owner is about to hear as well.
        expected = wish.customer is not None and wish.customer.arrived and party is not Party.CUSTOMER
        is_there = other.alive if other else not expected
        if is_there and (act := _towards_a_leg(party, wanted, legs)):
            return act
    customer, agent = _leg(legs, Party.CUSTOMER, wish.customer), _leg(legs, Party.AGENT, wish.agent)
    if wish.joined and customer and agent and customer.up and agent.up:
        return _towards_the_bridge(customer, agent, bridge)
    for party, wanted in _parties(wish):
        heard_by = _leg(legs, party, wanted)
        if heard_by and heard_by.up and (act := _towards_the_sounds(heard_by, wanted.hears)):
            return act
    return None


def wanted_of(wish: WantedCall, leg: Leg) -> WantedLeg | None:
    """What the wish says of this leg; None where it does not name its attempt."""
    wanted = wish.customer if leg.party == Party.CUSTOMER else wish.agent
    return wanted if wanted is not None and wanted.attempt == leg.attempt else None


def names(wish: WantedCall, leg: Leg) -> bool:
    """Whether the wish names this leg's attempt."""
    return wanted_of(wish, leg) is not None


def other_of(wish: WantedCall, legs: Sequence[Leg], party: Party) -> Leg | None:
    """The wanted leg of the other party, alive or ended; None where there is none yet."""
    return next((leg for leg in legs if leg.party != party and names(wish, leg)), None)


def way_of(wish: WantedCall, legs: Sequence[Leg], party: Party) -> Way:
    """What the party may be called over: bound to the switch of the other's live leg, since a bridge lives on one."""
    wanted = wish.customer if party is Party.CUSTOMER else wish.agent
    other = other_of(wish, legs, party)
    return Way(wanted.route_point if wanted else "", other.switch_id if other and other.alive else None)


def _parties(wish: WantedCall) -> list[tuple[Party, WantedLeg]]:
    both = (Party.CUSTOMER, wish.customer), (Party.AGENT, wish.agent)
    return [(party, wanted) for party, wanted in both if wanted is not None]


def _leg(legs: Sequence[Leg], party: Party, wanted: WantedLeg | None) -> Leg | None:
    if wanted is None:
        return None
    return next((leg for leg in legs if leg.party == party and leg.attempt == wanted.attempt), None)


def _towards_a_leg(party: Party, wanted: WantedLeg, legs: Sequence[Leg]) -> Act | None:
    leg = _leg(legs, party, wanted)
    if leg is None:
        if wanted.arrived:
            return None
        earlier_alive = any(other.party == party and other.alive for other in legs)
        return None if earlier_alive else Create(party, wanted)
    return Dial(leg, wanted) if leg.state == LegState.CREATED else None


def _towards_the_bridge(customer: Leg, agent: Leg, bridge: str) -> Act | None:
    for leg in (customer, agent):
        if not leg.sounds_over:
            return Stop(leg)
    if customer.bridge == agent.bridge == bridge:
        return None
    return Join(customer, agent)


def _towards_the_sounds(leg: Leg, hears: Sounds | None) -> Act | None:
    if leg.bridge:
        return Hold(leg)
    if not leg.sounds_over and (hears is None or leg.sounds != hears.number):
        return Stop(leg)
    if hears is None:
        return None
    if leg.sounds < hears.number or (hears.loop and leg.sounds_over):
        return Play(leg, hears)
    if leg.sounds == hears.number and not leg.sounds_taken and not leg.sounds_over:
        return SettlePlay(leg, hears)
    return None
