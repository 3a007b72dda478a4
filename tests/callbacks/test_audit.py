"""The auditor: each fault seeded by hand is named, mended where it can be, and gone; a service at work has none."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.utils import timezone

from callbacks import actions, tasks
from callbacks.audit import run
from callbacks.audit.repair import repair
from callbacks.models import Attempt, AuditFinding, Callback, JournalEntry, Pending
from scheduling.models import Timer
from telephony.models import Agent, Call, Leg, QueueEntry
from telephony.simulator.models import SimulatedHappening, SimulatedLeg
from tests.factories import supervisor
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

GONE = "369-gone"
LONG_AGO = timedelta(minutes=5)


@pytest.fixture(autouse=True)
def _fast(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIMULATOR_SPEED = 200.0
    monkeypatch.setattr(run, "SECOND_LOOK_SECONDS", 0.0)


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
    Story(lose_timer, scheduled, {"overdue"}, "Nothing will ever wake it. Its timer stage for "),
    Story(stop_the_clock, scheduled, {"overdue"}, "Its timer stage was due at "),
    Story(stop_the_clock, waiting, {"overdue"}, "Its timer agent_wait was due at "),
    Story(forget_event, scheduled, {"overdue"}, "An event (TimerFired) has waited since "),
    Story(forget_event, completed, {"overdue"}, "An event (TimerFired) has waited since "),
    Story(never_settle, waiting, {"overdue"}, "For over a minute its call has not been brought to what it wants"),
    Story(outlive, scheduled, {"overdue"}, "and it has not ended (_ttl)."),
    Story(lose_the_call, talking, {"overdue", "reserved"}, "Nothing will ever wake it. What is wanted of the switch"),
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


@pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.seed.__name__}-{story.begin.__name__}")
def test_each_fault_is_named_mended_and_gone(story: Story, settings: Any) -> None:
    world = Slow(settings, agents=("kate", "omar"))
    callback = story.begin(world)
    callback.refresh_from_db()
    if story.seed is not ring_unknown:
        Agent.objects.filter(name="omar").update(state="not_ready")
    assert run.audit(now=world.now()) == []

    story.seed(world, callback)
    with mock.patch.object(run.logger, "error") as alarm:
        found = run.audit(now=world.now())
        run.audit(now=world.now())
    owner = story.owner or callback.pk
    assert {(finding.kind, finding.owner) for finding in found} == {(kind, owner) for kind in story.kinds}
    assert story.says in " ".join(finding.detail for finding in found)
    assert [called.args for called in alarm.call_args_list] == [("audit: %s", finding) for finding in found]
    assert {row.kind for row in AuditFinding.objects.open()} == story.kinds

    lines = JournalEntry.objects.filter(actor="auditor")
    with world.patched():
        done = repair([owner], listing=run.list_switches(), now=world.now())
    if story.by_hand:
        assert done == {}
        assert not lines.exists()
        assert story.by_hand in found[0].advice
        assert [str(finding) for finding in run.audit(now=world.now())] == [str(finding) for finding in found]
        return
    assert list(done) == [owner]
    if not story.owner:
        assert lines.get().text == f"Repaired: {' '.join(done[owner])}"
    if story.later:
        world.step()
        world.step()
    assert [str(finding) for finding in run.audit(now=world.now(), repaired=done)] == []
    assert not AuditFinding.objects.open().exists()
    assert {row.repaired_at for row in AuditFinding.objects.all()} == {AuditFinding.objects.all()[0].gone_at}


def test_a_joined_call_is_not_cut_by_a_repair(settings: Any) -> None:
    world = Slow(settings, agents=("kate", "omar"))
    callback = talking(world)
    Callback.objects.filter(pk=callback.pk).delete()
    found = run.audit(now=world.now())
    assert {(finding.kind, finding.owner) for finding in found} == {
        ("orphaned", callback.pk),
        ("reserved", callback.pk),
    }
    with world.patched():
        repair([callback.pk], listing=run.list_switches(), now=world.now())
    assert Leg.objects.filter(state="up", deleting=False).count() == 2
    assert Call.objects.get().wish["joined"]
    assert Agent.objects.get(name="kate").state == "on_call"


def test_a_lost_call_of_a_ringing_attempt_is_not_dialled_again(settings: Any) -> None:
    """The switch may have rung it: the attempt counts as used, and the next one waits for its time."""
    world = Slow(settings)
    callback = ringing(world)
    Call.objects.all().delete()
    with world.patched():
        repair([callback.pk], listing=run.list_switches(), now=world.now())
    callback.refresh_from_db()
    assert (callback.stage, callback.session["attempts_used"]) == ("retrying", 1)
    assert callback.attempts.get().result == "UNKNOWN"


def test_old_completed_callbacks_are_looked_at_by_the_command_and_then_kept() -> None:
    world = World()
    callback = completed(world)
    ring_again(world, callback)
    Callback.objects.update(completed_at=world.now() - timedelta(hours=5))
    assert run.audit(now=world.now()) == []
    assert [finding.kind for finding in run.audit(now=world.now(), thorough=True)] == ["rung_twice"]
    assert [finding.kind for finding in run.audit(now=world.now())] == ["rung_twice"]
    Callback.objects.all().delete()
    assert run.audit(now=world.now()) == []
    assert AuditFinding.objects.get().repaired_at is None


def test_the_command_names_repairs_and_answers_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    callback = scheduled(world)
    said = StringIO()
    call_command("audit", stdout=said)
    assert said.getvalue() == "No findings.\n"

    lose_timer(world, callback)
    said = StringIO()
    with pytest.raises(SystemExit) as stopped:
        call_command("audit", json=True, stdout=said)
    assert stopped.value.code == 1
    [finding] = json.loads(said.getvalue())["findings"]
    assert (finding["kind"], finding["callback"], finding["repairable"]) == ("overdue", callback.pk, True)

    said = StringIO()
    with world.patched():
        call_command("audit", repair=True, stdout=said)
    first, last = said.getvalue().splitlines()
    assert first.startswith(f"Repaired: {callback.pk}: Its timers")
    assert last == "No findings."
    assert Timer.objects.get().due_at.isoformat() == Callback.objects.get().session["deadline"].replace("Z", "+00:00")


def test_the_command_tells_what_a_person_should_do() -> None:
    world = World()
    ring_again(world, completed(world))
    said = StringIO()
    with pytest.raises(SystemExit):
        call_command("audit", repair=True, stdout=said)
    assert said.getvalue().startswith("Rung twice: ")
    assert said.getvalue().endswith("apologise where it is due, and report it as a fault.\n")


def test_one_audit_runs_at_a_time() -> None:
    World()
    running, finish = threading.Event(), threading.Event()

    def other() -> None:
        with run._alone():
            running.set()
            finish.wait(10)
        connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        assert running.wait(10)
        with pytest.raises(run.Busy):
            run.audit(now=timezone.now())
        tasks.audit()
    finally:
        finish.set()
        thread.join()
    assert run.audit(now=timezone.now()) == []


class Watched(World):
    """Audits after everything that anybody does."""

    audits = 0

    def step(self) -> bool:
        self.look()
        kicks, self.kicks = self.kicks[:1], self.kicks[1:]
        later, self.kicks = self.kicks, kicks
        busy = super().step()
        self.kicks = later + self.kicks
        return busy or bool(self.kicks)

    def look(self) -> None:
        found = run.audit(now=self.now())
        assert not found, f"{[str(finding) for finding in found]}\n{self.story()}"
        self.audits += 1


CUSTOMERS = ("32", "80", "81", "83", "85", "86", "87", "90", "92", "93")


@pytest.mark.parametrize("delayed", ["false", "true"])
def test_a_service_at_work_has_no_findings_at_any_step(delayed: str) -> None:
    world = Watched(
        agents=("kate", "omar?noanswer", "mia?busy"),
        _wait_for_agent=delayed,
        _dial_retry_timeout="30",
        _urs_queued_ttl="600",
    )
    world.ready()
    for ending in CUSTOMERS:
        world.start(number(ending))
    world.start(desired_in="400")
    world.run(lambda: not Callback.objects.exclude(stage="ended").exists() and not world.unsettled(), seconds=120)
    assert world.audits > 50
    assert not AuditFinding.objects.exists()
    assert run.audit(now=world.now() + timedelta(minutes=2), thorough=True) == []


def test_a_service_that_changes_under_its_eyes_raises_no_false_alarm() -> None:
    """Another connection audits without a pause while callbacks run: what it reads changes between its statements."""
    world = World(agents=("kate", "omar"), _dial_retry_timeout="30", _wrap_up_time="0")
    world.ready()
    found: list[str] = []
    audits: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            found.extend(str(finding) for finding in run.audit(now=world.now()))
            audits.append(1)
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for ending in CUSTOMERS * 2:
            world.start(number(ending))
        world.run(lambda: not Callback.objects.exclude(stage="ended").exists(), seconds=120)
    finally:
        over.set()
        thread.join()
    assert found == []
    assert len(audits) > 30


def test_supervisors_see_what_was_found(client: Client) -> None:
    world = World()
    callback = scheduled(world)
    client.force_login(supervisor())
    assert "attention" not in client.get("/callbacks/").content.decode()
    lose_timer(world, callback)
    leave_call(world, callback)
    run.audit(now=world.now())
    listed = client.get("/callbacks/").content.decode()
    assert "2 callbacks need attention" in listed
    assert f'<a id="attention-{callback.pk}" href="/callbacks/{callback.pk}/">' in listed
    assert f"<code>{GONE}</code>" in listed
    page = client.get(f"/callbacks/{callback.pk}/").content.decode()
    assert "<strong>Overdue</strong>" in page
    assert "Nothing will ever wake it. Its timer stage for" in page
    with world.patched():
        repair([callback.pk, GONE], listing=run.list_switches(), now=world.now())
    run.audit(now=world.now())
    assert "need attention" not in client.get("/callbacks/").content.decode()
    page = client.get(f"/callbacks/{callback.pk}/").content.decode()
    assert "Needs attention" not in page
    assert "by a repair, auditor" in page
