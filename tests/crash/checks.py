"""What must be true after every performance."""

from __future__ import annotations

from django.db.models import Sum

from callbacks.flow import projections
from callbacks.flow.session import SESSION
from callbacks.flow.states import MOVES, State
from callbacks.models import Attempt, Callback, JournalEntry, Pending
from callbacks.push.models import Notice
from scheduling.models import Booking, SlotCounter, Timer
from telephony.calls import leg_id
from telephony.events import Party
from telephony.models import Agent, Call, Leg, QueueEntry
from telephony.simulator.models import SimulatedHappening, SimulatedLeg
from tests.crash.scenarios import Scenario
from tests.crash.theatre import Theatre


def check(world: Theatre, scenario: Scenario) -> None:
    assert not world.mishaps.texts, world.mishaps.texts
    callback = Callback.objects.get()
    assert (callback.state, callback.reason) == ("COMPLETED", scenario.reason)
    _nobody_was_bothered_twice(world, callback)
    _the_record_is_true(world, callback)
    _nothing_is_left()
    _the_customer_was_tried_as_often_as_agreed(world, callback, scenario)


def _the_customer_was_tried_as_often_as_agreed(world: Theatre, callback: Callback, scenario: Scenario) -> None:
    """Whoever stops between the mark and the dial leaves one attempt that never rang: nobody knows, or, when they come
    back to a leg that is gone, the switch says so and no attempt was used."""
    rang: list[str] = []
    silent: list[str] = []
    for attempt in callback.attempts.filter(party="customer").order_by("number"):
        leg = leg_id(callback.pk, Party.CUSTOMER, attempt.number)
        (rang if world.points.telephones.rings[leg] else silent).append(attempt.result)
    expected = scenario.results
    if scenario.as_often_as_there_is_time and world.points.struck:
        expected = expected[: len(rang)]
    allowed = [expected]
    if silent == ["UNKNOWN"] and world.points.struck:
        allowed += [expected[:n] + expected[n + 1 :] for n in range(len(expected))]
    elif silent == ["CREATE_CALL_ERROR"] and world.points.struck:
        # The simulator's first attempt is the one with the first number, whether it was dialled or not.
        allowed += [expected[1:]] if scenario.ending == "92" else []
    else:
        assert not silent, f"never rang: {silent}"
    assert tuple(rang) in allowed, f"{rang}, and never rang: {silent}"


def _nobody_was_bothered_twice(world: Theatre, callback: Callback) -> None:
    telephones = world.points.telephones
    assert not (twice := {leg: n for leg, n in telephones.rings.items() if n > 1}), f"rung twice: {twice}"
    assert not telephones.two_at_once, telephones.two_at_once
    assert not (again := {k: n for k, n in telephones.lists.items() if n > 1}), f"started twice: {again}"


def _the_record_is_true(world: Theatre, callback: Callback) -> None:
    """The journal leads by allowed moves to where the callback is, and knows every attempt that rang.

    A number is missing only where the journal says that a dial was put off, which it says once in a row.
    """
    journal = list(JournalEntry.objects.filter(callback=callback).order_by("id"))
    states = [State(entry.state) for entry in journal]
    for before, after in zip([State.SCHEDULED, *states], states, strict=False):
        assert after == before or after in MOVES[before], f"{before} to {after}"
    assert (journal[-1].state, journal[-1].stage) == (callback.state, callback.stage)
    for party in Party:
        attempts = list(Attempt.objects.filter(callback=callback, party=party).order_by("number"))
        numbers = [attempt.number for attempt in attempts]
        missing = set(range(1, max(numbers, default=0))) - set(numbers)
        put_off = any(entry.kind in {"put-off", "agent-failed"} for entry in journal)
        assert put_off or not missing, f"{party}: {numbers}"
        for attempt in attempts:
            rang = world.points.telephones.rings[leg_id(callback.pk, party, attempt.number)]
            assert not rang or attempt.dialled_at, f"{attempt} rang and is not recorded as dialled"
    legs = {leg_id(callback.pk, Party(a.party), a.number) for a in callback.attempts.all()}
    assert set(world.points.telephones.rings) <= legs


def _nothing_is_left() -> None:
    """Agents are given back, hot tables are empty, and so is the switch."""
    assert not Agent.objects.filter(reserved_for__isnull=False).exists()
    for table in (Pending, Notice, Timer, Call, Leg, QueueEntry, SimulatedLeg, SimulatedHappening):
        assert table.objects.count() == 0, f"{table.__name__} is not empty"
    # A place in a slot is counted where it is booked, and booked where the callback has one.
    booked = Booking.objects.count()
    assert (SlotCounter.objects.aggregate(taken=Sum("booked"))["taken"] or 0) == booked
    slots = [projections.booked_slot(SESSION.validate_python(row.session)) for row in Callback.objects.all()]
    assert booked == len([slot for slot in slots if slot is not None])
