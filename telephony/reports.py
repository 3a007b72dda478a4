"""Writing down what a switch reported, and telling the owners. Only the holder of the switch's lease gets here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from scheduling.kick import kick
from telephony import agents, inbound, trunks, upwards
from telephony.calls import CONVERGE, PATIENCE, bridge_id, owner_of
from telephony.convergence import names, wanted_of, way_of
from telephony.events import CallEvent, LegAnswered, LegEnded, LegProgress, LegsJoined, LegSoundsFinished, Party
from telephony.inbound_models import ArrivedCall
from telephony.models import Call, Leg, UnconfirmedDeletion
from telephony.switch import (
    Answered,
    Arrived,
    Dialling,
    EndCause,
    Ended,
    EnteredBridge,
    LeftBridge,
    LegEvent,
    LegSeen,
    LegState,
    Progress,
    Ringing,
    Snapshot,
    SoundsFinished,
    SwitchEvent,
)
from telephony.wanted import WISH

# A channel of ours that no row knows is deleted once it is that old; a younger one may be about to be written down.
ORPHAN_AGE = timedelta(seconds=30)
# A leg sent that recently may be missing from a list that was taken meanwhile.
LIST_LAG = timedelta(seconds=2)


def record(*, switch: int, events: list[SwitchEvent], now: datetime) -> list[str]:
    """Write events in the order received, in the caller's transaction, which holds the switch's lease. Safe to repeat.

    Returns the ids of legs that no open row knows; the caller deletes them on the switch.
    """
    unknown: list[str] = []
    by_owner: dict[str, list[LegEvent]] = defaultdict(list)
    for event in events:
        if isinstance(event, Snapshot):
            for leg_event in _reconcile(switch, event, unknown):
                by_owner[owner_of(leg_event.leg)].append(leg_event)
        else:
            by_owner[owner_of(event.leg)].append(event)
    # Whose leg that arrived it is, its id does not say.
    arrived = by_owner.pop("", [])
    # In one batch with the list that shows them.
    coming = {event.leg for event in arrived if isinstance(event, Arrived)}
    unknown = [leg for leg in unknown if leg not in coming]
    for owner, its_events in by_owner.items():
        unknown += _record_of(owner, its_events, now)
    # Those that nobody has taken yet first: who takes one deletes the row that is looked for.
    rest = inbound.record(switch=switch, events=arrived, now=now) if arrived else []
    owners = dict(Leg.objects.filter(pk__in=[event.leg for event in rest]).values_list("pk", "call_id")) if rest else {}
    for owner in dict.fromkeys(owners.values()):
        unknown += _record_of(owner, [event for event in rest if owners.get(event.leg) == owner], now)
    unknown += [event.leg for event in rest if event.leg not in owners and not isinstance(event, Ended | LeftBridge)]
    return unknown


def _reconcile(switch: int, snapshot: Snapshot, unknown: list[str]) -> list[LegEvent]:
    """What must have happened, so that our rows and the switch's list differ as they do.

    Legs sent well before the list was taken and missing from it have ended; states are taken over from the list. What
    was given up while the switch was out of reach is deleted now, and off the delete list once it is gone.
    """
    seen = {leg.id: leg for leg in snapshot.legs}
    rows = {leg.pk: leg for leg in Leg.objects.filter(~Q(state=LegState.ENDED), switch=switch)}
    happened: list[LegEvent] = []
    for pk, row in rows.items():
        if pk in seen:
            happened += _catch_up(row, seen[pk])
        elif _was_there(row, snapshot.taken_at):
            cause = EndCause.HANGUP if row.up else EndCause.UNKNOWN
            happened.append(Ended(pk, cause, "gone from the switch"))
    # A list that was asked for a moment before somebody called does not show them.
    waiting = ArrivedCall.objects.filter(switch=switch)
    for pk, arrived_at in waiting.values_list("pk", "arrived_at"):
        if pk not in seen and arrived_at < snapshot.taken_at - LIST_LAG:
            happened.append(Ended(pk, EndCause.HANGUP, "gone from the switch"))
    known = {*rows, *waiting.values_list("pk", flat=True)}
    given_up = UnconfirmedDeletion.objects.filter(switch=switch)
    to_delete = set(given_up.values_list("leg", flat=True))
    given_up.exclude(leg__in=seen).delete()
    unknown += [
        leg.id
        for leg in snapshot.legs
        if leg.id not in known and (leg.id in to_delete or leg.created_at < snapshot.taken_at - ORPHAN_AGE)
    ]
    return happened


def _was_there(row: Leg, when: datetime) -> bool:
    """Whether the leg surely was on the switch at that moment: heard from before, or sent well before."""
    if row.answered_at is not None:
        return row.answered_at < when
    return row.sent_at is not None and row.sent_at < when - LIST_LAG


def _catch_up(row: Leg, seen: LegSeen) -> list[LegEvent]:
    happened: list[LegEvent] = []
    if seen.state == LegState.UP and row.state in {LegState.SENT, LegState.RINGING}:
        happened.append(Answered(row.pk))
    if seen.state == LegState.RINGING and row.state == LegState.SENT:
        happened.append(Ringing(row.pk))
    if row.up and seen.bridge and seen.bridge != row.bridge:
        happened.append(EnteredBridge(row.pk, seen.bridge))
    if row.up and row.bridge and not seen.bridge:
        happened.append(LeftBridge(row.pk, row.bridge))
    return happened


def _record_of(owner: str, events: Sequence[LegEvent], now: datetime) -> list[str]:
    unknown: list[str] = []
    with transaction.atomic(savepoint=False):
        # The call before its legs: the order in which everybody locks them.
        its_legs = Leg.objects.filter(call=owner).select_related("call", "route_point")
        legs = {leg.pk: leg for leg in its_legs.select_for_update(of=("call",), no_key=True)}
        report = _Report(owner, list(legs.values()), now)
        for event in events:
            leg = legs.get(event.leg)
            if leg is None or not leg.alive:
                if not isinstance(event, Ended | LeftBridge):
                    unknown.append(event.leg)
                continue
            report.take(leg, event)
        report.write()
    return unknown


class _Report:
    """What the events of one owner change in its legs, and what the owner is told."""

    def __init__(self, owner: str, legs: list[Leg], now: datetime) -> None:
        self.owner = owner
        self.legs = legs
        self.now = now
        self.told: list[CallEvent] = []
        self.changed: dict[str, set[str]] = defaultdict(set)
        self.needs_act = False
        self.agents: list[int] = []

    def take(self, leg: Leg, event: LegEvent) -> None:
        handlers: dict[type, Callable[[Leg, LegEvent], None]] = {
            Dialling: self._dialling,
            Ringing: self._ringing,
            Answered: self._answered,
            Progress: self._progress,
            SoundsFinished: self._sounds_finished,
            EnteredBridge: self._entered,
            LeftBridge: self._left,
            Ended: self._ended,
        }
        if handler := handlers.get(type(event)):
            handler(leg, event)

    def write(self) -> None:
        for leg in self.legs:
            if fields := self.changed.get(leg.pk):
                leg.save(update_fields=sorted(fields))
        if self.needs_act:
            Call.objects.filter(pk=self.owner).update(
                news=F("news") + 1, settled=False, look_at=self.now + PATIENCE, looks=0
            )
            if not self.told:
                # What the owner is told leads to a new wish, and that to a kick.
                kick(CONVERGE, self.owner)
        for agent in self.agents:
            agents.leg_ended(agent, self.now)
        if self.told:
            upwards.owner().report([(self.owner, event) for event in self.told], self.now)

    def _set(self, leg: Leg, **changes: object) -> None:
        for name, value in changes.items():
            if getattr(leg, name) != value:
                setattr(leg, name, value)
                self.changed[leg.pk].add(name)

    def _dialling(self, leg: Leg, event: LegEvent) -> None:
        self._set(leg, dialling_seen=True)

    def _ringing(self, leg: Leg, event: LegEvent) -> None:
        if leg.state == LegState.SENT:
            self._set(leg, state=LegState.RINGING)
            trunks.carried(leg)
        self._set(leg, dialling_seen=True, rang=True)

    def _answered(self, leg: Leg, event: LegEvent) -> None:
        if leg.up:
            return
        self._set(leg, state=LegState.UP, dialling_seen=True, rang=True, answered_at=self.now)
        self.told.append(LegAnswered(Party(leg.party), leg.attempt))
        # What it is to hear from the first moment on does not wait for what its owner makes of the answer.
        wanted = wanted_of(WISH.validate_python(leg.call.wish), leg)
        self.needs_act = self.needs_act or (wanted is not None and wanted.hears is not None)

    def _progress(self, leg: Leg, event: LegEvent) -> None:
        if isinstance(event, Progress):
            self.told.append(LegProgress(Party(leg.party), leg.attempt, event.verdict, event.detail))

    def _sounds_finished(self, leg: Leg, event: LegEvent) -> None:
        if isinstance(event, SoundsFinished) and event.number == leg.sounds and not leg.sounds_over:
            self._set(leg, sounds_over=True, sounds_taken=True)
            self.told.append(LegSoundsFinished(Party(leg.party), leg.attempt, event.number, event.failed))
            # A looped list that ended is played again; one that cannot be played would only fail again.
            self.needs_act = self.needs_act or not event.failed

    def _entered(self, leg: Leg, event: LegEvent) -> None:
        if not isinstance(event, EnteredBridge) or leg.bridge == event.bridge:
            return
        self._set(leg, bridge=event.bridge)
        agent = next((other for other in self.legs if other.party == Party.AGENT and other.alive), None)
        if agent is None or event.bridge != bridge_id(self.owner, agent.attempt):
            return
        inside = [other for other in self.legs if other.alive and other.bridge == event.bridge]
        if {other.party for other in inside} == set(Party):
            self.told.append(LegsJoined(agent.attempt))

    def _left(self, leg: Leg, event: LegEvent) -> None:
        if isinstance(event, LeftBridge) and leg.bridge == event.bridge:
            self._set(leg, bridge="")
            self.needs_act = not leg.deleting

    def _ended(self, leg: Leg, event: LegEvent) -> None:
        if not isinstance(event, Ended):
            return
        cause = event.cause
        if cause == EndCause.CANCELLED and not leg.deleting:
            # Not by us: the switch or the network gave up.
            cause = EndCause.NO_ANSWER
        if cause == EndCause.NO_ANSWER and not leg.rang:
            # No phone rang: that is the trunk, not the party.
            cause = EndCause.UNREACHABLE
        self._set(leg, state=LegState.ENDED, cause=cause, bridge="")
        self.needs_act = True
        if leg.agent_id is not None:
            self.agents.append(leg.agent_id)
        wish = WISH.validate_python(leg.call.wish)
        if not names(wish, leg):
            # Its owner gave it up and has no use for its end; an attempt that was given up is never wanted again.
            return
        if cause == EndCause.UNREACHABLE:
            way = way_of(wish, self.legs, Party(leg.party))
            self.told.append(trunks.refused(leg, way, event.detail, self.now))
        else:
            self.told.append(LegEnded(Party(leg.party), leg.attempt, cause, event.detail, rang=leg.rang))
