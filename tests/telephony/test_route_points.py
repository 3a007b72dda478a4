"""A service that names several route points: its calls are spread over the switches, and a dead one is skipped."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from callbacks.models import Callback
from services.kinds import BadValue
from services.models import ConfiguredService
from telephony import due, lease, matching, reports, trunks, uses
from telephony.kinds import ROUTE_POINT
from telephony.models import Agent, Leg, RoutePoint, Switch, UnconfirmedDeletion
from telephony.routes import Way
from telephony.simulator.engine import SimulatorSwitch
from telephony.simulator.listener import SimulatorListener
from telephony.simulator.models import SimulatedHappening, SimulatedLeg
from telephony.switch import EndCause, LegRequest, LegSeen, LegState, Snapshot, SwitchEvent, Unavailable
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

BOTH = "8999@SIP_Switch, 8999@SIP_B"
# Nobody answers within a test.
SLOW = "916504661291"


class TwoSwitches(World):
    """The world with a second simulated switch, and a service that names a route point on each."""

    def __init__(self, *, retry_seconds: int = 60) -> None:
        super().__init__(_route_point=BOTH, _dial_retry_timeout=str(retry_seconds))
        self.second = Switch.objects.create(name="SIP_B", kind=Switch.Kind.SIMULATOR)
        RoutePoint.objects.create(name="8999", switch=self.second)
        self.second_epoch = lease.acquire(switch=self.second.pk, holder="test") or 0
        self.second_stream: Iterator[SwitchEvent | None] | None = None
        self.alive = {self.switch.pk, self.second.pk}
        self.keep_lease()

    def keep_lease(self) -> None:
        if not hasattr(self, "alive"):
            return
        for switch, epoch in ((self.switch, self.epoch), (self.second, self.second_epoch)):
            lease.renew(switch=switch.pk, holder="test", epoch=epoch, connected=switch.pk in self.alive)

    def listen(self) -> bool:
        heard = super().listen() if self.switch.pk in self.alive else False
        if self.second.pk not in self.alive:
            return heard
        self.second_stream = self.second_stream or SimulatorListener(self.second.pk).events()
        batch = list(itertools.takewhile(lambda event: event is not None, self.second_stream))
        if events := [event for event in batch if event is not None]:
            reports.record(switch=self.second.pk, events=events, now=self.now())
        return heard or bool(batch)

    def switch_is_quiet(self) -> bool:
        return not SimulatedHappening.objects.filter(switch__in=self.alive).exists()

    def cut(self, switch: Switch, *, seconds: int = 10) -> None:
        """Nobody has reached it for some seconds."""
        self.alive.discard(switch.pk)
        Switch.objects.filter(pk=switch.pk).update(reachable_at=self.now() - timedelta(seconds=seconds))

    def on_switches(self) -> dict[str, int]:
        legs = Leg.objects.exclude(state=LegState.ENDED).values_list("switch__name", flat=True)
        return dict(Counter(legs))


@pytest.fixture
def world(settings: Any) -> TwoSwitches:
    settings.SIMULATOR_SPEED = 1.0
    return TwoSwitches()


def dialled(*callbacks: Callback) -> bool:
    legs = Leg.objects.filter(call__in=[callback.pk for callback in callbacks], sent_at__isnull=False)
    return legs.exclude(state=LegState.ENDED).count() == len(callbacks)


def used(callback: Callback) -> int:
    callback.refresh_from_db()
    return int(callback.session["attempts_used"])


def test_calls_are_spread_evenly(world: TwoSwitches) -> None:
    callbacks = [world.start(f"9165046{number:03}91") for number in range(8)]
    world.run(lambda: dialled(*callbacks))
    assert world.on_switches() == {"SIP_Switch": 4, "SIP_B": 4}


def test_a_dead_switch_is_skipped_at_once_and_no_attempt_is_used(world: TwoSwitches) -> None:
    world.cut(world.switch)
    callbacks = [world.start(f"9165046{number:03}91") for number in range(4)]
    world.run(lambda: dialled(*callbacks))
    assert world.on_switches() == {"SIP_B": 4}
    assert [callback.attempts.count() for callback in callbacks] == [1, 1, 1, 1]
    assert not Callback.objects.filter(journal__kind="put-off").exists()


def test_a_resting_trunk_is_skipped_at_once(world: TwoSwitches) -> None:
    rests = world.now() + timedelta(minutes=5)
    RoutePoint.objects.filter(switch=world.second).update(failures=3, unavailable_until=rests)
    callbacks = [world.start(f"9165046{number:03}91") for number in range(4)]
    world.run(lambda: dialled(*callbacks))
    assert world.on_switches() == {"SIP_Switch": 4}


def test_where_none_can_be_used_the_earliest_is_waited_for(world: TwoSwitches) -> None:
    now = world.now()
    RoutePoint.objects.filter(switch=world.switch).update(unavailable_until=now + timedelta(seconds=90))
    RoutePoint.objects.filter(switch=world.second).update(unavailable_until=now + timedelta(seconds=40))
    callback = world.start(SLOW)
    world.run(lambda: Callback.objects.filter(pk=callback.pk, stage="retrying").exists())
    [put_off] = callback.journal.filter(kind="put-off")
    assert f"Next try at {now + timedelta(seconds=40):%Y-%m-%d %H:%M:%S} UTC; no attempt was used." in put_off.text
    world.run(lambda: dialled(callback))
    assert world.on_switches() == {"SIP_B": 1}


def test_a_switch_that_does_not_answer_gives_way_to_the_other(world: TwoSwitches) -> None:
    """It is not yet known to be dead: the leg is closed as never dialled before the other switch hears of any."""
    real = SimulatorSwitch.create_leg
    asked: list[tuple[str, bool]] = []

    def create(switch: SimulatorSwitch, request: LegRequest) -> None:
        alive = list(Leg.objects.exclude(state=LegState.ENDED).values_list("pk", flat=True))
        asked.append((Leg.objects.get(pk=request.id).switch.name, alive == [request.id]))
        if len(asked) == 1:
            raise Unavailable("no answer")
        real(switch, request)

    callback = world.start(SLOW)
    begun = world.now()
    with mock.patch.object(SimulatorSwitch, "create_leg", create):
        world.run(lambda: dialled(callback))
    assert world.now() - begun < timedelta(seconds=5)
    assert sorted(asked) == [("SIP_B", True), ("SIP_Switch", True)]
    [put_off] = callback.journal.filter(kind="put-off")
    assert "(no answer)" in put_off.text
    assert used(callback) == 0


def test_a_switch_that_nobody_listens_to_any_more_gives_way_to_the_other(world: TwoSwitches) -> None:
    real = SimulatorSwitch.create_leg
    died: list[str] = []

    def create(switch: SimulatorSwitch, request: LegRequest) -> None:
        real(switch, request)
        if not died:
            died.append(request.id)
            world.cut(Leg.objects.get(pk=request.id).switch)

    callback = world.start(SLOW)
    with mock.patch.object(SimulatorSwitch, "create_leg", create):
        world.run(lambda: dialled(callback))
    [put_off] = callback.journal.filter(kind="put-off")
    assert "nobody listens to switch" in put_off.text
    assert used(callback) == 0
    assert not SimulatedLeg.objects.filter(pk__in=died, dialled_at__isnull=False).exists()


def test_nobody_is_dialled_again_before_the_leg_on_the_dead_switch_is_closed(settings: Any) -> None:
    """The ringing time ends on a switch out of reach: whether the phone still rings there, nobody can say."""
    settings.SIMULATOR_SPEED = 1.0
    world = TwoSwitches(retry_seconds=1)
    callback = world.start(SLOW)
    world.run(lambda: Leg.objects.filter(state=LegState.RINGING).exists())
    first = Leg.objects.get()
    world.cut(first.switch)
    reachable_at = Switch.objects.get(pk=first.switch_id).reachable_at
    assert reachable_at is not None
    # The second attempt is wanted, and has no leg.
    world.run(lambda: Callback.objects.filter(pk=callback.pk, session__attempt=2).exists())
    assert world.now() - reachable_at < timedelta(seconds=60)
    world.tick()
    assert [(leg.pk, leg.alive) for leg in Leg.objects.all()] == [(first.pk, True)]
    world.run(lambda: Leg.objects.filter(attempt=2, sent_at__isnull=False).exists())
    assert world.now() - reachable_at > timedelta(seconds=60)
    assert Leg.objects.get(attempt=2).switch != first.switch
    assert UnconfirmedDeletion.objects.get().leg == first.pk


def test_the_agent_is_rung_from_the_switch_of_the_customer(world: TwoSwitches) -> None:
    """A bridge lives on one switch, wherever the agent's phone was entered."""
    world.cut(world.switch)
    Agent.objects.update(state=Agent.State.READY)
    callback = world.start("916504661288")
    world.run(lambda: Leg.objects.filter(party="agent").exists())
    assert Agent.objects.get().switch == world.switch
    assert Leg.objects.get(party="agent").switch == world.second
    assert world.finish(callback).reason == "AGENT_CONNECTED"


def test_a_customer_meets_an_agent_who_is_already_on_a_switch(world: TwoSwitches) -> None:
    for switch in (world.switch, world.second):
        point = trunks.choose(Way(BOTH, switch.pk), seed="cb-1", now=world.now())
        assert point is not None
        assert point.switch == switch
    assert trunks.choose(Way("8999@SIP_B", world.switch.pk), seed="cb-1", now=world.now()) is None


# The option


@pytest.mark.parametrize("text", ["8999", "@SIP_B", "8999@", ",", "8999@SIP_Switch, 8999"])
def test_a_route_point_needs_a_name_and_a_switch(text: str) -> None:
    with pytest.raises(BadValue, match="NAME@SWITCH, with commas between"):
        ROUTE_POINT.read(text)


def test_the_unknown_ones_are_named(world: TwoSwitches) -> None:
    assert ROUTE_POINT.check is not None
    ROUTE_POINT.check(BOTH)
    with pytest.raises(BadValue, match="'7000@SIP_B, 8999@Gone' was given"):
        ROUTE_POINT.check("8999@SIP_Switch, 7000@SIP_B,8999@Gone")


def test_every_one_of_them_is_in_use(world: TwoSwitches) -> None:
    RoutePoint.objects.create(name="899", switch=world.second)
    service = ConfiguredService.objects.get()
    used_by = {str(point): uses.of_route_point(point) for point in RoutePoint.objects.select_related("switch")}
    named = [f"service {service.name}, option _route_point"]
    assert used_by == {"8999@SIP_Switch": named, "8999@SIP_B": named, "899@SIP_B": []}


# A switch that is out of reach


def test_no_agent_is_rung_for_a_customer_on_a_switch_that_nobody_listens_to(world: TwoSwitches) -> None:
    callback = world.start("916504661289")
    world.run(lambda: Callback.objects.filter(pk=callback.pk, stage="waiting").exists())
    switch = Leg.objects.get().switch
    world.cut(switch)
    world.ready()
    assert matching.match_all(world.now()) == 0
    assert matching.match_entry(callback.pk, now=world.now()) is False
    world.alive.add(switch.pk)
    world.keep_lease()
    assert matching.match_entry(callback.pk, now=world.now()) is True


@pytest.mark.parametrize(
    ("state", "bridge", "seconds", "listened", "closed"),
    [
        (LegState.RINGING, "", 61, True, True),
        (LegState.RINGING, "", 61, False, True),
        (LegState.RINGING, "", 55, True, False),
        (LegState.UP, "", 61, True, True),
        (LegState.UP, "", 55, True, False),
        # Nobody tries to reach it: the switch may be well, and the customer hears their music.
        (LegState.UP, "", 601, False, False),
        (LegState.UP, "cb-bridge", 61, True, False),
        (LegState.UP, "cb-bridge", 599, True, False),
        (LegState.UP, "cb-bridge", 601, True, True),
        (LegState.UP, "cb-bridge", 601, False, False),
    ],
)
def test_what_is_closed_on_a_switch_out_of_reach(
    world: TwoSwitches, state: LegState, bridge: str, seconds: int, listened: bool, closed: bool
) -> None:
    world.start(SLOW)
    world.run(lambda: Leg.objects.filter(sent_at__isnull=False).exists())
    leg = Leg.objects.get()
    now = datetime.now(UTC)
    then = now - timedelta(seconds=seconds)
    answered = then if state == LegState.UP else None
    Leg.objects.update(state=state, bridge=bridge, sent_at=then, answered_at=answered)
    until = now + timedelta(seconds=5) if listened else now - timedelta(seconds=5)
    Switch.objects.filter(pk=leg.switch_id).update(reachable_at=then, lease_until=until)
    assert due.end_on_unreachable(now) == closed
    leg.refresh_from_db()
    assert (leg.state, leg.cause) == ((LegState.ENDED, EndCause.UNKNOWN) if closed else (state, ""))
    assert UnconfirmedDeletion.objects.filter(leg=leg.pk, switch=leg.switch_id).exists() == closed


def test_what_was_given_up_is_deleted_first_thing_when_the_switch_is_back(world: TwoSwitches) -> None:
    now = datetime.now(UTC)
    for leg in ("cb-1-customer-1", "cb-2-customer-1"):
        UnconfirmedDeletion.objects.create(switch=world.second, leg=leg)
    UnconfirmedDeletion.objects.create(switch=world.switch, leg="cb-3-customer-1")
    still_there = LegSeen("cb-1-customer-1", LegState.RINGING, now - timedelta(seconds=1))
    young = LegSeen("cb-4-customer-1", LegState.CREATED, now - timedelta(seconds=1))
    unknown = reports.record(switch=world.second.pk, events=[Snapshot((still_there, young), now)], now=now)
    assert unknown == ["cb-1-customer-1"]
    left = UnconfirmedDeletion.objects.order_by("leg").values_list("leg", flat=True)
    assert list(left) == ["cb-1-customer-1", "cb-3-customer-1"]
    assert reports.record(switch=world.second.pk, events=[Snapshot((young,), now)], now=now) == []
    assert UnconfirmedDeletion.objects.get().leg == "cb-3-customer-1"
