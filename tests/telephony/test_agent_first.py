"""The agent's leg comes first, on the simulator: where it is made, whom the customer is called from, hold and talk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from scheduling import kick
from telephony import agents, calls, converge, lease, reports, upwards
from telephony.events import (
    CallEvent,
    DialRefused,
    LegAnswered,
    LegDialling,
    LegEnded,
    LegsJoined,
    LegSoundsFinished,
    Party,
    TrunkUnavailable,
)
from telephony.models import Agent, Call, Leg, Place, RoutePoint, Switch
from telephony.simulator.engine import SimulatorSwitch
from telephony.simulator.listener import SimulatorListener
from telephony.simulator.models import SimulatedLeg
from telephony.switch import EndCause, LegRequest, LegState, Rejected, Sounds, Unavailable
from telephony.upwards import Refusal
from telephony.wanted import WantedCall, WantedLeg

pytestmark = pytest.mark.django_db(transaction=True)

OWNER = "369-ann"
PATIENCE = Sounds(1, ("callbacksite/agent-please-wait",), loop=True)
MUSIC = Sounds(1, ("music.wav",), loop=True)
KATE = WantedLeg(attempt=1, ring_seconds=20, agent="kate")
ANN = WantedLeg(attempt=1, ring_seconds=20, route_point="8999@SIP_Switch", number="916504661289")


@dataclass
class Owner:
    """Somebody who owns a call and writes down what it tells."""

    told: list[CallEvent] = field(default_factory=list)
    refusal: Refusal | None = None

    def report(self, events: list[tuple[str, CallEvent]], now: datetime) -> None:
        assert {owner for owner, _ in events} == {OWNER}
        self.told += [event for _, event in events]

    def permit(self, owner: str, party: Party, attempt: int, now: datetime) -> Refusal | None:
        return self.refusal

    def exists(self, owner: str) -> bool:
        return True


class Centre:
    """Two switches and a route point on each; kate sits at a desk on the first one. Nothing is kicked but by hand."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.wishes = 0
        self.switches: list[Switch] = []
        self.streams: dict[int, Iterator[Any]] = {}
        for name in ("SIP_Switch", "SIP_B"):
            switch = Switch.objects.create(name=name, kind=Switch.Kind.SIMULATOR)
            RoutePoint.objects.create(name="8999", switch=switch)
            epoch = lease.acquire(switch=switch.pk, holder="test") or 0
            lease.renew(switch=switch.pk, holder="test", epoch=epoch, connected=True)
            self.switches.append(switch)
        self.first, self.second = self.switches
        self.kate = Agent.objects.create(name="kate", switch=self.first, sip_address="sim:kate?answer=0")

    def now(self) -> datetime:
        return datetime.now(UTC)

    def want(self, customer: WantedLeg | None = None, agent: WantedLeg | None = None, *, joined: bool = False) -> None:
        """State a wish and make it so, as far as that goes without waiting."""
        self.wishes += 1
        calls.want(OWNER, WantedCall(customer, agent, joined=joined), number=self.wishes, now=self.now())
        converge.converge(OWNER, now=self.now())

    def until(self, event: CallEvent, *, count: int = 1, seconds: float = 30.0) -> None:
        """Read what the switches report, and act upon it, until the owner was told that for the `count`-th time."""
        deadline = self.now() + timedelta(seconds=seconds)
        while self.owner.told.count(event) < count:
            assert self.now() < deadline, f"{event} was not told, only {self.owner.told}"
            self.listen()

    def listen(self) -> None:
        for switch in self.switches:
            stream = self.streams.setdefault(switch.pk, SimulatorListener(switch.pk).events())
            batch = list(iter(lambda: next(stream), None))  # noqa: B023 (used up before the next round)
            if batch:
                reports.record(switch=switch.pk, events=batch, now=self.now())
        converge.converge(OWNER, now=self.now())

    def leg(self, party: Party, attempt: int = 1) -> Leg:
        return Leg.objects.select_related("switch").get(party=party, attempt=attempt)


@pytest.fixture
def owner() -> Iterator[Owner]:
    owner = Owner()
    with (
        mock.patch.object(upwards, "_owner", owner),
        mock.patch.multiple(kick, _carry_out=lambda task, args: None, broker_is_down=lambda: True),
    ):
        yield owner


@pytest.fixture
def centre(owner: Owner, settings: Any) -> Centre:
    settings.SIMULATOR_SPEED = 20.0
    return Centre(owner)


def test_the_agent_hears_patience_then_the_customer_is_called_and_both_talk_and_hold(centre: Centre) -> None:
    told = centre.owner.told
    patient = replace(KATE, hears=PATIENCE)
    centre.want(agent=patient)
    centre.until(LegAnswered(Party.AGENT, 1))
    agent = SimulatedLeg.objects.get()
    assert (agent.endpoint, agent.sounds) == ("sim:kate?answer=0", 1)
    centre.want(ANN, patient)
    centre.until(LegAnswered(Party.CUSTOMER, 1))
    assert centre.leg(Party.AGENT).up
    for times in (1, 2, 3):
        centre.want(ANN, KATE, joined=True)
        centre.until(LegsJoined(1), count=times)
        assert {leg.bridge for leg in SimulatedLeg.objects.all()} == {calls.bridge_id(OWNER, 1)}
        centre.want(replace(ANN, hears=replace(MUSIC, number=times)), KATE)
        centre.listen()
        assert {leg.bridge for leg in Leg.objects.all()} == {""}
        assert {leg.bridge for leg in SimulatedLeg.objects.all()} == {""}
        customer = centre.leg(Party.CUSTOMER)
        assert (customer.sounds, customer.sounds_taken, customer.sounds_over) == (times, True, False)
    centre.want()
    while Call.objects.exists() or SimulatedLeg.objects.exists():
        centre.listen()
    answered = [LegDialling(Party.AGENT, 1), LegAnswered(Party.AGENT, 1)]
    answered += [LegDialling(Party.CUSTOMER, 1), LegAnswered(Party.CUSTOMER, 1)]
    assert told == [*answered, *[LegsJoined(1)] * 3]


def test_they_are_joined_again_at_once_before_the_switch_said_that_they_had_parted(centre: Centre) -> None:
    centre.want(ANN, KATE)
    centre.until(LegAnswered(Party.CUSTOMER, 1))
    centre.until(LegAnswered(Party.AGENT, 1))
    centre.want(ANN, KATE, joined=True)
    centre.until(LegsJoined(1))
    centre.want(replace(ANN, hears=MUSIC), KATE)
    centre.want(ANN, KATE, joined=True)
    centre.until(LegsJoined(1), count=2)
    assert {leg.bridge for leg in SimulatedLeg.objects.all()} == {calls.bridge_id(OWNER, 1)}
    assert centre.leg(Party.CUSTOMER).sounds_over


@pytest.mark.parametrize("at_a_place", [False, True])
def test_the_customer_is_called_from_the_switch_of_the_agents_phone(centre: Centre, at_a_place: bool) -> None:
    if at_a_place:
        desk = Place.objects.create(name="Desk1", switch=centre.second, phone="sim:desk1?answer=0")
        Agent.objects.update(place=desk)
    both = replace(ANN, route_point="8999@SIP_Switch, 8999@SIP_B")
    centre.want(agent=KATE)
    centre.until(LegAnswered(Party.AGENT, 1))
    centre.want(both, KATE)
    centre.until(LegAnswered(Party.CUSTOMER, 1))
    where = centre.second if at_a_place else centre.first
    assert [centre.leg(party).switch for party in Party] == [where, where]
    assert centre.leg(Party.AGENT).endpoint == ("sim:desk1?answer=0" if at_a_place else "sim:kate?answer=0")


def test_a_customer_cannot_be_called_where_the_service_has_no_route_point_on_the_agents_switch(centre: Centre) -> None:
    centre.want(agent=KATE)
    centre.until(LegAnswered(Party.AGENT, 1))
    centre.want(replace(ANN, route_point="8999@SIP_B"), KATE)
    told = centre.owner.told[-1]
    assert isinstance(told, TrunkUnavailable)
    assert (told.party, told.attempt) == (Party.CUSTOMER, 1)
    assert told.detail == "route point 8999@SIP_B is not configured on the switch of the other party"
    assert not Leg.objects.filter(party=Party.CUSTOMER).exists()


def test_an_agent_is_called_at_their_number_through_the_route_point_and_told_nothing(centre: Centre) -> None:
    Agent.objects.update(number="4030123")
    asked: list[LegRequest] = []
    real = SimulatorSwitch.create_leg

    def create(switch: SimulatorSwitch, request: LegRequest) -> None:
        asked.append(request)
        real(switch, request)

    through = replace(KATE, route_point="8999@SIP_B", attached=(("GMS_UserData", "{}"),))
    with mock.patch.object(SimulatorSwitch, "create_leg", create):
        centre.want(agent=through)
        centre.until(LegAnswered(Party.AGENT, 1))
        centre.want()
        centre.want(agent=replace(through, attempt=2, route_point=""))
        while not Leg.objects.filter(attempt=2).exists():
            centre.listen()
    assert [(request.endpoint, request.attached) for request in asked] == [
        ("4030123", ()),
        ("sim:kate?answer=0", (("GMS_UserData", "{}"),)),
    ]
    first = LegDialling(Party.AGENT, 1)
    assert centre.owner.told[0] == first


def test_without_a_number_the_agents_own_phone_rings(centre: Centre, caplog: pytest.LogCaptureFixture) -> None:
    # The route point rests, which is nothing to a phone that is not called through it.
    RoutePoint.objects.update(unavailable_until=centre.now() + timedelta(minutes=5))
    centre.want(agent=replace(KATE, route_point="8999@SIP_B"))
    centre.until(LegAnswered(Party.AGENT, 1))
    leg = centre.leg(Party.AGENT)
    assert (leg.endpoint, leg.route_point, leg.switch) == ("sim:kate?answer=0", None, centre.first)
    assert "agent kate has no number to be called at through a route point: their own phone rings" in caplog.messages


def test_an_own_phone_on_a_slow_switch_is_waited_for_although_a_trunk_would_be_free(centre: Centre) -> None:
    with mock.patch.object(SimulatorSwitch, "create_leg", side_effect=Unavailable("no answer")):
        centre.want(agent=replace(KATE, route_point="8999@SIP_B"))
    assert centre.leg(Party.AGENT).state == LegState.CREATED
    assert centre.owner.told == []
    centre.until(LegAnswered(Party.AGENT, 1))


def test_a_trunk_that_does_not_carry_the_agents_leg_rests(centre: Centre) -> None:
    Agent.objects.update(number="4030190")
    centre.want(agent=replace(KATE, route_point="8999@SIP_B", ring_seconds=1))
    while not any(isinstance(event, TrunkUnavailable) for event in centre.owner.told):
        centre.listen()
    told = centre.owner.told[-1]
    point = RoutePoint.objects.get(switch=centre.second)
    assert isinstance(told, TrunkUnavailable)
    assert (told.party, told.retry_at, point.failures) == (Party.AGENT, point.unavailable_until, 1)
    centre.want(agent=replace(KATE, route_point="8999@SIP_B", attempt=2))
    told = centre.owner.told[-1]
    assert isinstance(told, TrunkUnavailable)
    assert told.detail == "it rests after a failure"
    assert not Leg.objects.filter(sent_at__isnull=False, attempt=2).exists()


def test_an_agents_own_phone_that_cannot_be_reached_blames_no_trunk(centre: Centre) -> None:
    Agent.objects.update(sip_address="sim:kate?unreachable")
    centre.want(agent=replace(KATE, ring_seconds=1))
    while len(centre.owner.told) < 2:
        centre.listen()
    assert centre.owner.told[-1] == LegEnded(Party.AGENT, 1, EndCause.UNREACHABLE, "no route to the number")
    assert set(RoutePoint.objects.values_list("failures", flat=True)) == {0}


def test_a_customer_is_not_rung_for_an_agent_who_hangs_up_at_that_very_moment(centre: Centre) -> None:
    """The agent's leg ends after the acts were read and before the customer's leg is sent."""
    centre.want(agent=KATE)
    centre.until(LegAnswered(Party.AGENT, 1))
    real = SimulatorSwitch.create_leg

    def create(switch: SimulatorSwitch, request: LegRequest) -> None:
        real(switch, request)
        Leg.objects.filter(party=Party.AGENT).update(state=LegState.ENDED)

    with mock.patch.object(SimulatorSwitch, "create_leg", create):
        centre.want(ANN, KATE)
    assert centre.leg(Party.CUSTOMER).state == LegState.CREATED
    assert not SimulatedLeg.objects.filter(detect=False, dialled_at__isnull=False).exclude(endpoint__startswith="sim:")
    assert not any(isinstance(event, DialRefused) for event in centre.owner.told)
    centre.want()
    assert not Leg.objects.exists()


def test_an_agents_leg_alone_is_sent_once_and_only_with_a_permit(centre: Centre) -> None:
    centre.owner.refusal = Refusal("the service is paused")
    centre.want(agent=KATE)
    assert centre.owner.told == [DialRefused(Party.AGENT, 1, "the service is paused")]
    assert centre.leg(Party.AGENT).state == LegState.ENDED
    assert not SimulatedLeg.objects.filter(dialled_at__isnull=False).exists()
    centre.owner.refusal = None
    converge.converge(OWNER, now=centre.now())
    assert not SimulatedLeg.objects.filter(dialled_at__isnull=False).exists(), "an ended attempt is never made again"
    centre.want(agent=replace(KATE, attempt=2))
    centre.until(LegAnswered(Party.AGENT, 2))


def test_an_agent_with_a_leg_of_their_own_is_not_released_before_it_has_ended(centre: Centre) -> None:
    Agent.objects.update(state=Agent.State.RESERVED, reserved_for=OWNER, reservation="r1")
    centre.want(agent=KATE)
    centre.until(LegAnswered(Party.AGENT, 1))
    agents.on_call("r1", centre.now())
    agents.release("r1", centre.now())
    centre.kate.refresh_from_db()
    assert (centre.kate.state, centre.kate.reserved_for) == (Agent.State.ON_CALL, OWNER)
    centre.want()
    while Leg.objects.exclude(state=LegState.ENDED).exists():
        centre.listen()
    centre.kate.refresh_from_db()
    assert (centre.kate.state, centre.kate.reserved_for) == (Agent.State.READY, None)


def test_a_treatment_that_cannot_be_played_to_the_agent_is_told(centre: Centre) -> None:
    once = replace(KATE, hears=Sounds(1, ("whisper.wav",)))
    with mock.patch.object(SimulatorSwitch, "play", side_effect=Rejected("no such sound")):
        centre.want(agent=once)
        centre.until(LegSoundsFinished(Party.AGENT, 1, 1, failed=True))
    assert centre.leg(Party.AGENT).up


def test_nothing_wanted_any_more_takes_a_ringing_agents_phone_back(centre: Centre) -> None:
    Agent.objects.update(sip_address="sim:kate?noanswer")
    centre.want(agent=KATE)
    centre.want()
    while Call.objects.exists() or SimulatedLeg.objects.exists():
        centre.listen()
    assert centre.owner.told == [LegDialling(Party.AGENT, 1)]
