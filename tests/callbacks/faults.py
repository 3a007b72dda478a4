"""Faults, seeded by hand into a small contact centre, and what the auditor says to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import F

from callbacks import actions
from callbacks.models import Attempt, Callback, JournalEntry, Pending
from scheduling import timers
from scheduling.models import Booking, Timer
from telephony.models import Agent, Call, Leg, QueueEntry
from telephony.simulator.models import SimulatedHappening, SimulatedLeg
from tests.world import World

GONE = "369-gone"
LONG_AGO = timedelta(minutes=5)


def number(ending: str) -> str:
    """A customer of the simulator who behaves as the ending says (docs/simulator.md)."""
    return f"9165046612{ending}"


# Where the stories begin


class Slow(World):
    """A world that can be slowed down."""

    def __init__(self, settings: Any, **options: Any) -> None:
        super().__init__(**options)
        self._settings = settings

    def slow_down(self) -> None:
        self._settings.SIMULATOR_SPEED = 20.0


def scheduled(world: World) -> Callback:
    return world.start(desired_in="1000")


def cancelled(world: World) -> Callback:
    callback = scheduled(world)
    with world.patched():
        return actions.cancel(callback_id=callback.pk, actor="app", now=world.now())


def retrying(world: Slow) -> Callback:
    return reach(world, "retrying", number("80"))


def ringing(world: Slow) -> Callback:
    return reach(world, "ringing", number("91"))


def waiting(world: Slow) -> Callback:
    return reach(world, "waiting")


def talking(world: Slow) -> Callback:
    world.ready()
    return reach(world, "talking", number("89"))


def completed(world: World) -> Callback:
    world.ready()
    return world.finish(world.start())


def reach(world: Slow, stage: str, customer: str = number("32")) -> Callback:
    if stage != "retrying":
        # Long enough for the stage to be met.
        world.slow_down()
    callback = world.start(customer)
    world.run(lambda: Callback.objects.get().stage == stage)
    callback.refresh_from_db()
    return callback


# What goes wrong


def lose_timer(world: World, callback: Callback) -> None:
    Timer.objects.all().delete()


def lose_start(world: World, callback: Callback) -> None:
    Callback.objects.update(start_base=None)


def lose_booking(world: World, callback: Callback) -> None:
    Booking.objects.all().delete()


def keep_booking(world: World, callback: Callback) -> None:
    Booking.objects.create(
        owner=callback.pk,
        service_id=world.service.pk,
        slot_start=callback.desired_at,
        desired_at=callback.desired_at,
    )


def stop_the_clock(world: World, callback: Callback) -> None:
    world.offset += timedelta(hours=2)


def forget_event(world: World, callback: Callback) -> None:
    Pending.objects.create(
        callback=callback,
        event={"kind": "TimerFired", "name": "stage", "visit": 0},
        created_at=world.now() - LONG_AGO,
        look_at=world.now() + timedelta(seconds=30),
    )


def never_settle(world: World, callback: Callback) -> None:
    Call.objects.update(settled=False, looks=6, look_at=world.now() + timedelta(seconds=60))


def outlive(world: World, callback: Callback) -> None:
    Callback.objects.update(expires_at=world.now() - LONG_AGO)


def lose_the_call(world: World, callback: Callback) -> None:
    """The talk's call and legs are gone without a word, on the switch as well."""
    Call.objects.all().delete()
    SimulatedLeg.objects.all().delete()
    SimulatedHappening.objects.all().delete()
    world.offset += timedelta(minutes=2)


def leave_timer(world: World, callback: Callback) -> None:
    Timer.objects.create(owner=GONE, name="stage", due_at=world.now() + LONG_AGO)


def leave_place(world: World, callback: Callback) -> None:
    QueueEntry.objects.create(
        owner=callback.pk, queue="Billing_VQ", target_key="GA:Billing", visit=0, place_at=world.now(), reserve_seconds=1
    )


def leave_call(world: World, callback: Callback) -> None:
    Call.objects.create(owner=GONE, wish={}, settled=True, look_at=world.now())


def want_nothing(world: World, callback: Callback) -> None:
    Call.objects.update(wish={"customer": None, "agent": None, "joined": False}, settled=True)


def lose_place(world: World, callback: Callback) -> None:
    QueueEntry.objects.all().delete()


def move_place(world: World, callback: Callback) -> None:
    QueueEntry.objects.update(place_at=F("place_at") + timedelta(hours=1))


def arm_another_timer(world: World, callback: Callback) -> None:
    Timer.objects.create(owner=callback.pk, name="stage", due_at=world.now() + LONG_AGO)


def never_hang_up(world: World, callback: Callback) -> None:
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="customer", now=world.now())
    world.kicks.clear()
    world.offset += timedelta(minutes=2)


def ring_unknown(world: World, callback: Callback) -> None:
    SimulatedLeg.objects.create(
        id=f"cb-{callback.pk}-customer-9",
        switch=world.switch,
        endpoint="sim",
        detect=False,
        created_at=datetime.now(UTC) - LONG_AGO,
    )


def forget_on_the_switch(world: World, callback: Callback) -> None:
    SimulatedLeg.objects.all().delete()
    SimulatedHappening.objects.all().delete()
    Leg.objects.update(sent_at=world.now() - LONG_AGO)


def ring_again(world: World, callback: Callback) -> None:
    entry = JournalEntry.objects.get(kind="ringing")
    last = JournalEntry.objects.order_by("id").last()
    assert last is not None
    entry.pk, entry.state, entry.stage = None, last.state, last.stage
    entry.save(force_insert=True)


def overlap(world: World, callback: Callback) -> None:
    first = Attempt.objects.get(party="customer")
    Attempt.objects.filter(pk=first.pk).update(ended_at=first.began_at + timedelta(seconds=9))
    Attempt.objects.create(
        callback=callback, party="customer", number=2, began_at=first.began_at, dialled_at=first.dialled_at
    )
    Callback.objects.filter(pk=callback.pk).update(session={**callback.session, "attempt": 2})


def call_too_often(world: World, callback: Callback) -> None:
    Attempt.objects.filter(party="customer").delete()
    for tried in range(1, 5):
        at = callback.created_at + timedelta(seconds=tried)
        Attempt.objects.create(
            callback=callback, party="customer", number=tried, began_at=at, dialled_at=at, ended_at=at, result="BUSY"
        )
    Callback.objects.filter(pk=callback.pk).update(session={**callback.session, "attempt": 4})


def show_another_state(world: World, callback: Callback) -> None:
    Callback.objects.update(state="QUEUED", stage="retrying")


def complete_in_the_column(world: World, callback: Callback) -> None:
    Callback.objects.update(state="COMPLETED", reason="CANCELLED", completed_at=world.now(), stage="ended")


def lose_the_journal(world: World, callback: Callback) -> None:
    JournalEntry.objects.all().delete()


def lose_the_last_entry(world: World, callback: Callback) -> None:
    JournalEntry.objects.order_by("-id")[:1].get().delete()


def come_back_to_life(world: World, callback: Callback) -> None:
    last = JournalEntry.objects.order_by("-id")[:1].get()
    for state, stage in [("QUEUED", "retrying"), (last.state, last.stage)]:
        last.pk, last.state, last.stage = None, state, stage
        last.save(force_insert=True)


def garble_the_session(world: World, callback: Callback) -> None:
    Callback.objects.update(session={"stage": "nowhere"})


def garble_the_journal(world: World, callback: Callback) -> None:
    JournalEntry.objects.filter(pk=JournalEntry.objects.order_by("id")[:1].get().pk).update(state="NOWHERE")


def lose_the_attempt(world: World, callback: Callback) -> None:
    Attempt.objects.all().delete()


def invent_an_attempt(world: World, callback: Callback) -> None:
    Attempt.objects.create(callback=callback, party="agent", number=7, agent="kate", began_at=world.now())


def reserve(owner: str, world: World, **fields: Any) -> None:
    Agent.objects.filter(name="omar").update(
        **{
            "state": "reserved",
            "reserved_for": owner,
            "reservation": "r-1",
            "reserved_until": world.now() + LONG_AGO,
            **fields,
        }
    )


def reserve_for_nobody(world: World, callback: Callback) -> None:
    reserve(GONE, world)


def reserve_in_vain(world: World, callback: Callback) -> None:
    reserve(callback.pk, world)


def reserve_for_too_long(world: World, callback: Callback) -> None:
    reserve(callback.pk, world, reserved_until=world.now() - LONG_AGO)
    Pending.objects.create(
        callback=callback,
        event={"kind": "AgentReserved", "agent": "omar", "reservation": "r-1", "visit": 0},
        created_at=world.now(),
        look_at=world.now(),
    )


def never_give_back(world: World, callback: Callback) -> None:
    reserve(callback.pk, world, release_as="ready", state_since=world.now() - LONG_AGO)
    JournalEntry.objects.update(at=world.now() - LONG_AGO)


def lose_the_options(world: World, callback: Callback) -> None:
    Callback.objects.update(options={})


def leave_place_for_nobody(world: World, callback: Callback) -> None:
    leave_place(world, Callback(pk=GONE))


def want_again(world: World, callback: Callback) -> None:
    """What a callback wanted that is over now."""
    agent = {"attempt": 3, "ring_seconds": 5, "agent": "omar"}
    Call.objects.create(owner=callback.pk, wish={"agent": agent}, settled=True, look_at=world.now())


def leave_settled_call(world: World, callback: Callback) -> None:
    Call.objects.create(owner=callback.pk, wish={}, settled=True, look_at=world.now())


def put_the_timer_off(world: World, callback: Callback) -> None:
    Timer.objects.update(due_at=F("due_at") + timedelta(hours=9))
    world.offset += timedelta(hours=2)


def arm_for_another_visit(world: World, callback: Callback) -> None:
    Timer.objects.filter(name="stage").update(data={"visit": 99})


def give_the_agent_away(world: World, callback: Callback) -> None:
    Agent.objects.filter(name="kate").update(state="ready", reserved_for=None, reservation="", reserved_until=None)


def give_up_and_stop(world: World, callback: Callback) -> None:
    """The ringing took too long, the next attempt waits, and nobody tells the switch."""
    with world.patched():
        Timer.objects.filter(name="stage").update(due_at=world.now())
        timers.fire_due(world.now())
        actions.advance(callback.pk, now=world.now())
    world.kicks.clear()
    Call.objects.update(settled=True)
    world.offset += timedelta(minutes=2)


@dataclass(frozen=True)
class Story:
    """`kinds` and `says`: which findings there are, for `owner` or the callback, and a sentence among what they say.

    `later`: the repair asks somebody who acts a moment later. `by_hand`: what a person is told instead of a repair.
    """

    seed: Callable[[World, Callback], None]
    begin: Callable[[Slow], Callback]
    kinds: set[str]
    says: str
    owner: str = ""
    later: bool = False
    by_hand: str = ""


STORIES = [
    Story(lose_start, scheduled, {"overdue"}, "Nothing will ever wake it."),
    Story(lose_timer, retrying, {"overdue"}, "Nothing will ever wake it. Its timer stage for "),
    Story(stop_the_clock, scheduled, {"overdue"}, "It should have started at "),
    Story(stop_the_clock, retrying, {"overdue"}, "Its timer stage was due at "),
    Story(stop_the_clock, waiting, {"overdue"}, "Its timer agent_wait was due at "),
    Story(forget_event, scheduled, {"overdue"}, "An event (TimerFired) has waited since "),
    Story(forget_event, completed, {"overdue"}, "An event (TimerFired) has waited since "),
    Story(never_settle, waiting, {"overdue"}, "For over a minute its call has not been brought to what it wants"),
    Story(outlive, scheduled, {"overdue"}, "and it has not ended (_ttl)."),
    Story(lose_the_call, talking, {"overdue", "reserved"}, "Nothing will ever wake it. What is wanted of the switch"),
    Story(put_the_timer_off, retrying, {"orphaned"}, "Its timer stage is set to "),
    Story(arm_for_another_visit, retrying, {"orphaned"}, "Its timer stage was armed for an earlier stage."),
    Story(keep_booking, cancelled, {"orphaned"}, "It still has a place in the slot of "),
    Story(lose_booking, scheduled, {"orphaned"}, "Its place in the slot of ", by_hand="the slot may take one more"),
    Story(give_up_and_stop, ringing, {"orphaned"}, "A call to the customer that was given up at ", later=True),
    Story(
        give_the_agent_away,
        talking,
        {"orphaned"},
        "Agent kate, on whom it counts, is not reserved for it.",
        by_hand="Find out who gave the agent away",
    ),
    Story(want_again, completed, {"orphaned"}, "It still wants a call although it is over."),
    Story(leave_settled_call, completed, {"orphaned"}, "Its call is still stored although it is over."),
    Story(leave_place, scheduled, {"orphaned"}, "It has a place in queue Billing_VQ that its stage does not have."),
    Story(leave_place_for_nobody, scheduled, {"orphaned"}, "A place in queue Billing_VQ of a call", owner=GONE),
    Story(lose_the_options, waiting, {"inconsistent"}, "without the options that it runs with.", by_hand="Cancel it"),
    Story(leave_timer, scheduled, {"orphaned"}, "Timer stage of a callback that does not exist is armed.", owner=GONE),
    Story(leave_call, scheduled, {"orphaned"}, "A call of a callback that does not exist is stored.", owner=GONE),
    Story(leave_place, completed, {"orphaned"}, "It still has a place in queue Billing_VQ although it is over."),
    Story(arm_another_timer, completed, {"orphaned"}, "Its timer stage is armed although it is over."),
    Story(arm_another_timer, waiting, {"orphaned"}, "Its timer stage is armed and nothing asks for it."),
    Story(lose_timer, waiting, {"orphaned"}, "Its timer agent_wait for "),
    Story(want_nothing, waiting, {"orphaned"}, "What is wanted of the switch is not what its stage wants."),
    Story(lose_place, waiting, {"orphaned"}, "Its place in queue Billing_VQ is missing."),
    Story(move_place, waiting, {"orphaned"}, "Its place in queue Billing_VQ is not the one of its stage."),
    Story(lose_the_call, ringing, {"overdue", "orphaned"}, "What is wanted of the switch is not what its stage wants."),
    Story(never_hang_up, ringing, {"orphaned"}, "A call to the customer is still up although it is over.", later=True),
    Story(ring_unknown, scheduled, {"orphaned"}, "The switch has a call (cb-", later=True),
    Story(
        forget_on_the_switch,
        waiting,
        {"orphaned"},
        "The switch no longer has the call to the customer that is stored as up.",
        by_hand="The telephony process writes its end down within a minute.",
    ),
    Story(ring_again, completed, {"rung_twice"}, "Attempt 1 rang the customer's phone 2 times.", by_hand="apologise"),
    Story(ring_again, waiting, {"rung_twice"}, "Attempt 1 rang the customer's phone 2 times.", by_hand="apologise"),
    Story(overlap, completed, {"rung_twice"}, "began before attempt 1 was over.", by_hand="apologise"),
    Story(call_too_often, completed, {"rung_twice"}, "The customer was called 4 times; 3 is the most.", by_hand="apol"),
    Story(
        show_another_state, waiting, {"inconsistent"}, "It is shown as QUEUED (retrying), but its flow is at ROUTING"
    ),
    Story(complete_in_the_column, waiting, {"inconsistent"}, "It is shown as COMPLETED (ended, CANCELLED), but"),
    Story(lose_the_journal, scheduled, {"inconsistent"}, "Its timeline is empty."),
    Story(lose_the_last_entry, completed, {"inconsistent"}, "Its timeline ends at COMPLETED (talking), but"),
    Story(come_back_to_life, completed, {"inconsistent"}, "goes from COMPLETED to QUEUED", by_hand="report it"),
    Story(garble_the_session, waiting, {"inconsistent"}, "flow cannot be read.", by_hand="from a backup"),
    Story(garble_the_journal, completed, {"inconsistent"}, "cannot be read (ValueError).", by_hand="The log names"),
    Story(lose_the_attempt, completed, {"inconsistent"}, "Its timeline says that attempt 1 rang", by_hand="timeline"),
    Story(lose_the_attempt, ringing, {"inconsistent"}, "was rung in attempt 1, of which its record knows nothing."),
    Story(invent_an_attempt, completed, {"inconsistent"}, "an attempt 7 to reach the agent", by_hand="switch's own"),
    Story(reserve_for_nobody, waiting, {"reserved"}, "reserved for a callback that does not exist.", owner=GONE),
    Story(reserve_in_vain, completed, {"reserved"}, "Agent omar is reserved, but the callback is over."),
    Story(reserve_in_vain, waiting, {"reserved"}, "Agent omar is reserved, but the callback does not want them."),
    Story(reserve_for_too_long, waiting, {"reserved"}, "Agent omar should have been given back at "),
    Story(never_give_back, waiting, {"reserved"}, "Agent omar was to be given back and still is not."),
]
