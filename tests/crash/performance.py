"""One scenario, played from the request until nothing is left to happen."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.db import connections

from callbacks import actions, desk
from callbacks.models import Callback
from telephony import agents
from telephony.models import Agent, Call, Leg
from telephony.simulator.models import SimulatedLeg
from telephony.switch import LegState
from telephony.upwards import TooLate
from tests.crash.checks import check
from tests.crash.scenarios import Scenario, number
from tests.crash.theatre import Theatre

NEVER = 1_000_000
# What scenarios have in common is tried in the first of them only, unless CRASH=full.
FULL = os.environ.get("CRASH") == "full"


@contextmanager
def an_eye() -> Iterator[Callable[[], str]]:
    """A connection of its own sees the committed stage, also while a process is about to commit another one."""
    wrapper = connections["default"].copy()
    wrapper.inc_thread_sharing()

    def stage() -> str:
        with wrapper.cursor() as cursor:
            cursor.execute("SELECT stage FROM callbacks_callback")
            row = cursor.fetchone()
        return str(row[0]) if row else ""

    try:
        yield stage
    finally:
        wrapper.close()


def perform(world: Theatre, scenario: Scenario) -> None:
    """Play it, whoever stops, and check what must be true afterwards."""
    try:
        _perform(world, scenario)
    except AssertionError as error:
        point = f"point {world.points.at}, {world.points.struck}" if world.points.struck else "nobody stopped"
        raise AssertionError(f"{scenario.name}; {point}: {error}\n{world.story()}") from error


def _perform(world: Theatre, scenario: Scenario) -> None:
    for name in scenario.ready:
        world.ready(name)
    with world.performance(), an_eye() as watched_stage:
        world.listen()
        if world.points.at == NEVER:
            world.points.stage = watched_stage
        parameters = {"_customer_number": number(scenario.ending), **scenario.parameters}
        accepted = world.request(parameters, scenario.desired_in)
        callback = Callback.objects.first()
        if callback is None:
            # Nobody was told that it was accepted, and nothing was stored.
            assert accepted is None
            assert world.points.struck
            return
        if scenario.turns_ready_at:
            world.run(lambda: world.stage() == scenario.turns_ready_at)
            while not Agent.objects.filter(state=Agent.State.READY).exists():
                world.play("web", lambda: agents.go_ready(Agent.objects.get(), world.now()))
        if scenario.moved_to is not None:
            move(world, callback.pk, world.now() + timedelta(seconds=scenario.moved_to))
        if scenario.confirms_at:
            world.run(lambda: world.stage() == scenario.confirms_at)
            while world.stage() == scenario.confirms_at:
                world.play("web", lambda: actions.connect(callback_id=callback.pk, actor="customer", now=world.now()))
        for accepts in itertools.chain(scenario.previews, itertools.repeat(True)) if scenario.previews else ():
            world.run(lambda: world.stage() in {"previewing", "ended"})
            if world.stage() == "ended":
                break
            decide(world, callback.pk, accepts=accepts)
        if scenario.held:
            hold_and_talk_again(world, callback.pk)
        if scenario.cancel_at:
            world.run(lambda: world.stage() == scenario.cancel_at)
            while not world.has_ended(callback.pk):
                world.play("web", lambda: actions.cancel(callback_id=callback.pk, actor="customer", now=world.now()))
            # Of these nobody can say whether they have rung already: a dial may be on its way.
            sent = set(Leg.objects.filter(state=LegState.SENT).values_list("pk", flat=True))
            rung = world.points.telephones.rings.copy()
        world.run()
        if scenario.cancel_at:
            rings = world.points.telephones.rings - rung
            assert set(rings) <= sent, f"rung after the confirmed cancel: {rings}"
    check(world, scenario)


def move(world: Theatre, callback_id: str, desired_at: datetime) -> None:
    """Give it another time, and again until that is what it has: whoever asks may die as well."""
    while Callback.objects.get().desired_at != desired_at:
        world.play(
            "web",
            lambda: actions.reschedule(
                callback_id=callback_id, desired_at=desired_at, properties={}, actor="customer", now=world.now()
            ),
        )


def decide(world: Theatre, callback_id: str, *, accepts: bool) -> None:
    """Accept or reject what an agent is shown, and again until it is no longer theirs to decide."""
    reservation = Agent.objects.get(reserved_for=callback_id).reservation
    decide = desk.accept if accepts else desk.reject

    def press() -> None:
        with suppress(TooLate):
            decide(callback_id, reservation, now=world.now())

    while world.stage() == "previewing" and Agent.objects.filter(reservation=reservation).exists():
        world.play("web", press)


def hold_and_talk_again(world: Theatre, callback_id: str) -> None:
    world.run(lambda: world.stage() == "talking" and bridges() != {""})
    reservation = Agent.objects.get(reserved_for=callback_id).reservation
    for on in (True, False):
        while Callback.objects.get().session["on_hold"] is not on:
            world.play("web", lambda: desk.hold(callback_id, reservation, on=on, now=world.now()))  # noqa: B023
        if on:
            world.run(lambda: bridges() == {""} and not Call.objects.filter(settled=False).exists())


def bridges() -> set[str]:
    """Where the people on the switch are: an empty text for nobody else's ear."""
    return set(SimulatedLeg.objects.values_list("bridge", flat=True))


def own_points(world: Theatre, scenario: Scenario) -> range:
    """The numbers of the points that a scenario does not share with the first one."""
    names, stages = world.points.names, world.points.stages
    begins, ends = 1, len(names)
    if not FULL and scenario.since:
        begins = stages.index(scenario.since) + 1
    if not FULL and scenario.until:
        ends = stages.index(scenario.until, begins)
    return range(begins, ends + 1)
