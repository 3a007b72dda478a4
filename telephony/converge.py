"""Making the switch agree with the wanted call: one performer at a time, each act guarded by the wish it serves.

Every act that cannot be taken back is marked in the database first, by an update that fails when the wish has been
overtaken or when somebody else has made the mark. What a frozen performer does late is seen and corrected: ids of legs
and lists are derived, so that a second create or play of the same thing is no second one.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, Q

from scheduling.kick import kick, kicks_to_spare
from telephony import agents, brake, lease, metrics, switches, trunks, upwards
from telephony.calls import CONVERGE, PATIENCE, bridge_id, leg_id
from telephony.convergence import (
    Act,
    Create,
    Dial,
    GiveUp,
    Hold,
    Join,
    Play,
    SettlePlay,
    Stop,
    names,
    next_act,
    other_of,
    way_of,
)
from telephony.events import CallEvent, DialRefused, LegDialling, LegEnded, LegSoundsFinished, Party
from telephony.models import Agent, Call, Leg, UnconfirmedDeletion
from telephony.routes import Way
from telephony.switch import EndCause, LegRequest, LegState, Rejected, Unavailable
from telephony.wanted import NOTHING, WISH, WantedCall, WantedLeg

logger = logging.getLogger(__name__)

# Longer than any act's time-outs together, so that a claim never expires under a performer that is merely slow.
CLAIM = timedelta(seconds=15)
# A created leg that its switch does not take is given up after that long; nothing rang.
CREATE_PATIENCE = timedelta(seconds=10)
MOST_ACTS = 30


class _Overtaken(Exception):
    """The wish, the leg or the claim changed since they were read: read again."""


@metrics.CONVERGE_SECONDS.time()
def converge(owner: str, *, now: datetime) -> None:
    """Act on the switch until it agrees with the owner's wish.

    1. Claim the call; whoever holds a live claim will see the new wish before the next act.
    2. Without the claim only legs that are not wanted are given up: that never waits.
    3. Act by act: the next one by `next_act`, each guarded by the wish's number.
    4. When nothing is left to do, settle, unless there is news.
    A switch that cannot now is tried again by the tick.
    """
    claim = str(uuid.uuid4())
    call = _claim(owner, claim)
    if call is None:
        _give_up_unwanted(owner, now)
        return
    try:
        for _ in range(MOST_ACTS):
            try:
                _act_until_settled(call, _legs(owner), now)
            except _Overtaken:
                call = Call.objects.filter(owner=owner, claim=claim).first()
                if call is not None:
                    continue
            return
    except Unavailable as error:
        logger.warning("call of %s: the switch cannot now, left to the tick: %s", owner, error)
    Call.objects.filter(owner=owner, claim=claim).update(claim="", claim_until=None)


def _claim(owner: str, claim: str) -> Call | None:
    """Become the call's performer; None while another one is, or when there is nothing to do."""
    claimed = Call.objects.raw(
        """
        UPDATE telephony_call SET claim = %s, claim_until = statement_timestamp() + %s
        WHERE owner = %s AND NOT settled AND (claim = '' OR claim_until <= statement_timestamp())
        RETURNING *
        """,
        [claim, CLAIM, owner],
    )
    return next(iter(claimed), None)


def _give_up_unwanted(owner: str, now: datetime) -> None:
    # The legs first: one that a later wish does not name is never wanted again.
    legs = _legs(owner)
    call = Call.objects.filter(owner=owner).first() if legs else None
    for leg in legs:
        if call and isinstance(act := next_act(_wish(call), [leg], ""), GiveUp):
            _give_up(act.leg, now)


def _legs(owner: str) -> list[Leg]:
    legs = Leg.objects.filter(call=owner).select_related("switch", "agent", "route_point")
    return list(legs.order_by("created_at", "pk"))


def _wish(call: Call) -> WantedCall:
    return WISH.validate_python(call.wish)


def _act_until_settled(call: Call, legs: list[Leg], now: datetime) -> None:
    wish = _wish(call)
    bridge = bridge_id(call.owner, wish.agent.attempt) if wish.agent else ""
    joined = False
    for _ in range(MOST_ACTS):
        act = next_act(wish, legs, bridge)
        if act is None or (joined and isinstance(act, Join)):
            _settle(call, wish, legs)
            return
        _perform(act, call, legs, bridge, now)
        joined = isinstance(act, Join)
    raise Unavailable("too many acts for one wish")


def _settle(call: Call, wish: WantedCall, legs: list[Leg]) -> None:
    """Nothing is left to do for this wish; what is reported from now on kicks anew."""
    same = Call.objects.filter(pk=call.pk, wish_number=call.wish_number, news=call.news, claim=call.claim)
    if wish == NOTHING and not any(leg.alive for leg in legs):
        if not same.delete()[0]:
            raise _Overtaken
        return
    # An ended leg is remembered as long as its attempt is wanted, so that it is never created again.
    if ended := [leg.pk for leg in legs if not leg.alive and not names(wish, leg)]:
        Leg.objects.filter(pk__in=ended, state=LegState.ENDED).delete()
    if not same.update(settled=True, claim="", claim_until=None):
        raise _Overtaken


def _perform(act: Act, call: Call, legs: list[Leg], bridge: str, now: datetime) -> None:
    match act:
        case GiveUp(leg=leg):
            # The legs were read after the wish: one that it does not name may be wanted by the next.
            if not Call.objects.filter(pk=call.pk, wish_number=call.wish_number).exists():
                raise _Overtaken
            _give_up(leg, now)
        case Create(party=party, wanted=wanted):
            leg = _insert(call, party, wanted, way_of(_wish(call), legs, party), now)
            legs.append(leg)
            _dial(call, leg, wanted, legs, now)
        case Dial(leg=leg, wanted=wanted):
            _dial(call, leg, wanted, legs, now)
        case Stop(leg=leg):
            _mark(call, leg, sounds_over=True, sounds_taken=True)
            _quietly(switches.connect(leg.switch).stop, leg.pk, leg.sounds)
        case Play() | SettlePlay():
            _play(act, call, now)
        case Join(customer=customer, agent=agent):
            _quietly(switches.connect(customer.switch).join, bridge, (customer.pk, agent.pk))
        case Hold(leg=leg):
            _quietly(switches.connect(leg.switch).hold, leg.bridge, leg.pk)
            leg.bridge = ""


def _quietly(verb: object, *args: object) -> None:
    """A leg that is gone is no fault of the act: its end is reported by the switch itself."""
    try:
        verb(*args)  # type: ignore[operator]
    except Rejected as error:
        logger.info("%s", error)


def _mark(call: Call, leg: Leg, *, guard: Q | None = None, **changes: object) -> None:
    """Write what is about to be done, if the wish is still the one it is done for."""
    still = Leg.objects.filter(guard or Q(), pk=leg.pk, call__wish_number=call.wish_number, call__claim=call.claim)
    if not still.update(**changes):
        raise _Overtaken
    for name, value in changes.items():
        setattr(leg, name, value)


# Legs: created, sent, given up


def _insert(call: Call, party: Party, wanted: WantedLeg, way: Way, now: datetime) -> Leg:
    """Write the attempt's leg before the switch hears of it; the constraints keep it the only one.

    Its switch is decided here, once: whoever takes the leg up later finds it in the row. Where the other party has a
    leg it is that one's; else that of the chosen route point, or where the agent's own phone is.
    """
    leg = Leg(
        id=leg_id(call.owner, party, wanted.attempt),
        call=call,
        party=party,
        attempt=wanted.attempt,
        detect=wanted.detect,
        created_at=now,
    )
    number = wanted.number
    if party is Party.AGENT:
        leg.agent = _agent(wanted.agent)
        number = leg.agent.number if wanted.route_point else ""
        if wanted.route_point and not number:
            logger.warning(
                "agent %s has no number to be called at through a route point: their own phone rings", leg.agent
            )
    if leg.agent is not None and not number:
        leg.switch_id, leg.endpoint = way.switch or leg.agent.phone_switch_id, leg.agent.phone
    else:
        point = trunks.choose(way, seed=leg.pk, now=now)
        if point is None:
            missing = trunks.missing(leg, way, now)
            _report(call.owner, missing, now)
            raise Unavailable(missing.detail)
        leg.route_point, leg.switch, leg.endpoint = point, point.switch, point.endpoint.format(number=number)
    try:
        with transaction.atomic():
            if not Call.objects.select_for_update(no_key=True).filter(
                pk=call.pk, wish_number=call.wish_number, claim=call.claim
            ):
                raise _Overtaken
            leg.save(force_insert=True)
    except IntegrityError as error:
        raise Unavailable(f"{leg.pk} cannot be inserted yet: {error}") from error
    return leg


def _agent(name: str) -> Agent:
    agent = Agent.objects.select_related("switch", "place").filter(name=name).first()
    if agent is None:
        raise Unavailable(f"agent {name} is not configured")
    return agent


def _dial(call: Call, leg: Leg, wanted: WantedLeg, legs: list[Leg], now: datetime) -> None:
    """Ring a phone, in the two steps of the design: create rings nobody; then one guarded update; then dial."""
    wish, party = _wish(call), Party(leg.party)
    way, other = way_of(wish, legs, party), other_of(wish, legs, party)
    own_phone = leg.route_point_id is None
    if own_phone:
        way = Way("", way.switch)
    if resting := trunks.resting(leg, way, now):
        _withdraw(leg, lambda: resting, now)
        return
    switch = switches.connect(leg.switch)
    request = LegRequest(
        leg.pk,
        leg.endpoint,
        wanted.caller_number,
        wanted.caller_name,
        detect=leg.detect,
        # A route point may lead out of the house: only the agent's own phone is told about the customer.
        attached=wanted.attached if own_phone else (),
    )
    try:
        switch.create_leg(request)
    except Rejected as error:
        _withdraw(leg, partial(trunks.refused, leg, way, str(error), now), now)
        return
    except Unavailable as error:
        if leg.created_at + CREATE_PATIENCE > now and not trunks.free_elsewhere(leg, way, now):
            raise
        _delete_later(leg)
        _withdraw(leg, partial(trunks.refused, leg, way, str(error), now), now)
        return
    if not _send(leg, way, other, now):
        if not Leg.objects.filter(~Q(state=LegState.ENDED), pk=leg.pk).exists():
            _quietly(switch.delete_leg, leg.pk)
        if leg.alive:
            # Another performer has dealt with it while this one slept: it is theirs, and is read again.
            raise _Overtaken
        return
    try:
        switch.dial_leg(leg.pk, timeout=wanted.ring_seconds)
    except Rejected as error:
        # Nobody but us may dial it, and our dial was refused: nothing rang, and that is known. A leg that went as soon
        # as it was made tells that nobody listens: a switch keeps none for an application that is not there.
        lease.doubt(leg.switch_id)
        told = DialRefused(Party(leg.party), leg.attempt, f"the switch does not dial: {error}", None)
        if _withdraw(leg, lambda: told, now, sent=True):
            _quietly(switch.delete_leg, leg.pk)


def _send(leg: Leg, way: Way, other: Leg | None, now: datetime) -> bool:
    """The guarded update created→sent, with the checks at the moment of ringing. False: it may not be dialled.

    The permit locks the owner, so that a cancel that was confirmed cannot be followed by a ring. Whoever is rung to
    meet the `other` is not rung when that leg has just ended: raises _Overtaken.
    """
    owner, party = leg.call_id, Party(leg.party)
    other_ended = Leg.objects.filter(pk=other.pk if other else "", state=LegState.ENDED)
    with transaction.atomic():
        answer = upwards.owner().permit(owner, party, leg.attempt, now)
        refusal = answer if isinstance(answer, upwards.Refusal) else None
        if refusal is None and not Leg.objects.filter(
            ~Exists(other_ended), pk=leg.pk, state=LegState.CREATED, switch__in=lease.live_switches()
        ).update(state=LegState.SENT, sent_at=now):
            if other_ended.exists():
                raise _Overtaken
            # Not sent by us: somebody else dealt with the leg, or it must not be dialled and is closed below.
            refusal = upwards.Refusal(f"nobody listens to switch {leg.switch.name}", trunks.free_at(way, now))
        if refusal is None and isinstance(answer, brake.Allowance) and (refusal := brake.count(answer, now)):
            Leg.objects.filter(pk=leg.pk).update(state=LegState.CREATED, sent_at=None)
        if refusal is not None:
            news = partial(DialRefused, party, leg.attempt, refusal.reason, refusal.retry_at, refusal.final)
            _withdraw(leg, news, now)
            return False
        leg.state, leg.sent_at = LegState.SENT, now
        upwards.owner().report([(owner, LegDialling(party, leg.attempt))], now)
    return True


def _withdraw(leg: Leg, tell: Callable[[], CallEvent] | None, now: datetime, *, sent: bool = False) -> bool:
    """Close a leg that was never dialled, and tell its owner. True: it can no longer be dialled, by nobody.

    `sent`: it was sent by the caller, whose dial was refused.
    """
    state = LegState.SENT if sent else LegState.CREATED
    with transaction.atomic():
        closed = Leg.objects.filter(pk=leg.pk, state=state, dialling_seen=False).update(
            state=LegState.ENDED, cause=EndCause.CANCELLED
        )
        if closed and tell is not None:
            upwards.owner().report([(leg.call_id, tell())], now)
    leg.state = LegState.ENDED if closed else leg.state
    return bool(closed)


def _give_up(leg: Leg, now: datetime) -> None:
    """Withdraw a leg that is not wanted, or have the switch delete it; its end is then reported by the switch."""
    switch = switches.connect(leg.switch)
    if leg.state == LegState.CREATED and _withdraw(leg, None, now):
        # It may exist on the switch all the same; it rings nobody there.
        try:
            switch.delete_leg(leg.pk)
        except (Rejected, Unavailable):
            _delete_later(leg)
        return
    if leg.bridge:
        _quietly(switch.close_bridge, leg.bridge)
    switch.delete_leg(leg.pk)
    Leg.objects.filter(pk=leg.pk).update(deleting=True)
    leg.deleting = True


def _delete_later(leg: Leg) -> None:
    """The switch could not be asked: done before anything else when it is back."""
    UnconfirmedDeletion.objects.get_or_create(leg=leg.pk, defaults={"switch": leg.switch})


# Sounds


def _play(act: Play | SettlePlay, call: Call, now: datetime) -> None:
    """Start a list of sounds. One that must be heard once is never started twice: started and gone is finished."""
    leg, sounds = act.leg, act.sounds
    if isinstance(act, SettlePlay) and not sounds.loop:
        _finish(call, leg, now)
        return
    _mark(call, leg, sounds=sounds.number, sounds_taken=False, sounds_over=False)
    try:
        switches.connect(leg.switch).play(leg.pk, sounds)
    except Rejected as error:
        logger.warning("leg %s: list %s cannot be played: %s", leg.pk, sounds.number, error)
        if not sounds.loop:
            _finish(call, leg, now)
            return
    Leg.objects.filter(pk=leg.pk, sounds=sounds.number).update(sounds_taken=True)
    leg.sounds_taken = True


def _finish(call: Call, leg: Leg, now: datetime) -> None:
    with transaction.atomic():
        _mark(call, leg, guard=Q(sounds_over=False), sounds_over=True, sounds_taken=True)
        _report(call.owner, LegSoundsFinished(Party(leg.party), leg.attempt, leg.sounds, failed=True), now)


def _report(owner: str, event: CallEvent, now: datetime) -> None:
    with transaction.atomic():
        upwards.owner().report([(owner, event)], now)


# What the tick looks at


def kick_unsettled(now: datetime, *, owners: set[str] | None = None) -> int:
    """Calls that nobody settled in time: kicked again after 2, 4, 8 … seconds."""
    late = Call.objects.filter(settled=False, look_at__lte=now)
    if owners is not None:
        late = late.filter(owner__in=owners)
    found = list(late.order_by("look_at").values_list("owner", "looks")[: kicks_to_spare()])
    for owner, looks in found:
        Call.objects.filter(owner=owner).update(looks=F("looks") + 1, look_at=now + PATIENCE * 2 ** min(looks, 5))
        kick(CONVERGE, owner)
    return len(found)


def end_silent(now: datetime) -> int:
    """Legs that were sent and of which the switch says nothing for 2 s: deleted, and ended as UNKNOWN.

    Not while nobody listens: what the switch says is not heard then, and whoever takes over asks it for all legs.
    """
    silent = Leg.objects.filter(
        state=LegState.SENT, dialling_seen=False, sent_at__lte=now - PATIENCE, switch__in=lease.live_switches()
    )
    found = list(silent.select_related("switch")[:100])
    for leg in found:
        try:
            switches.connect(leg.switch).delete_leg(leg.pk)
        except (Rejected, Unavailable):
            _delete_later(leg)
        end_unknown(leg, "the switch did not report the call", now)
    return len(found)


def end_unknown(leg: Leg, detail: str, now: datetime, *, guard: Q | None = None) -> None:
    """Close a leg of which nobody can say what became of it, if it is still as `guard` says: not yet answered."""
    with transaction.atomic():
        call = Call.objects.select_for_update(no_key=True).filter(pk=leg.call_id).first()
        still = Leg.objects.filter(guard or Q(answered_at=None), ~Q(state=LegState.ENDED), pk=leg.pk)
        if call is not None and still.update(state=LegState.ENDED, cause=EndCause.UNKNOWN, bridge=""):
            Call.objects.filter(pk=call.pk).update(news=F("news") + 1, settled=False, look_at=now)
            if leg.agent_id is not None:
                agents.leg_ended(leg.agent_id, now)
            _report(call.owner, LegEnded(Party(leg.party), leg.attempt, EndCause.UNKNOWN, detail, rang=leg.rang), now)
