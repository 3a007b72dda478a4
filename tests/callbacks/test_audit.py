"""The auditor: each fault seeded by hand is named, mended where it can be, and gone; a service at work has none."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from io import StringIO
from typing import Any
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from callbacks import tasks
from callbacks.audit import run
from callbacks.audit.repair import repair
from callbacks.models import AuditFinding, Callback, JournalEntry
from telephony.models import Agent, Call, Leg
from tests.callbacks.faults import (
    GONE,
    STORIES,
    Slow,
    Story,
    completed,
    leave_call,
    lose_start,
    number,
    ring_again,
    ring_unknown,
    ringing,
    scheduled,
    talking,
)
from tests.factories import supervisor
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fast(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SIMULATOR_SPEED = 200.0
    monkeypatch.setattr(run, "SECOND_LOOK_SECONDS", 0.0)


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

    lose_start(world, callback)
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
    mended = Callback.objects.get()
    assert mended.start_base == mended.desired_at - timedelta(seconds=120)


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
        kicks, self.kicks = self.kicks[:1], self.kicks[1:]
        later, self.kicks = self.kicks, kicks
        busy = super().step()
        self.kicks = later + self.kicks
        if busy:
            self.look()
        return busy or bool(self.kicks)

    def tick(self) -> None:
        super().tick()
        self.look()

    def look(self) -> None:
        found = run.audit(now=self.now())
        assert not found, f"{[str(finding) for finding in found]}\n{self.story()}"
        self.audits += 1


# For a machine that is busy with other things.
PATIENCE = 600.0
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
    world.run(lambda: not Callback.objects.exclude(stage="ended").exists() and not world.unsettled(), seconds=PATIENCE)
    assert world.audits > 50
    assert not AuditFinding.objects.exists()
    assert run.audit(now=world.now() + timedelta(minutes=2), thorough=True) == []


def test_a_service_that_changes_under_its_eyes_raises_no_false_alarm() -> None:
    """Another connection audits again and again while callbacks run: what it reads changes between its statements."""
    world = World(agents=("kate", "omar"), _dial_retry_timeout="30", _wrap_up_time="0")
    world.ready()
    found: list[str] = []
    audits: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            found.extend(str(finding) for finding in run.audit(now=world.now()))
            audits.append(1)
            # Long enough for callbacks to get on, however slow the machine is.
            over.wait(0.02)
        connection.close()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        # Again, should the machine have had no time for audits.
        while len(audits) < 30 and thread.is_alive():
            for ending in CUSTOMERS:
                world.start(number(ending))
            world.run(lambda: not Callback.objects.exclude(stage="ended").exists(), seconds=PATIENCE)
    finally:
        over.set()
        thread.join()
    assert found == []
    assert len(audits) >= 30


def test_supervisors_see_what_was_found(client: Client) -> None:
    world = World()
    callback = scheduled(world)
    client.force_login(supervisor())
    assert "attention" not in client.get("/callbacks/").content.decode()
    lose_start(world, callback)
    leave_call(world, callback)
    run.audit(now=world.now())
    listed = client.get("/callbacks/").content.decode()
    assert "2 callbacks need attention" in listed
    assert f'<a id="attention-{callback.pk}" href="/callbacks/{callback.pk}/">' in listed
    assert f"<code>{GONE}</code>" in listed
    page = client.get(f"/callbacks/{callback.pk}/").content.decode()
    assert "<strong>Overdue</strong>" in page
    assert "Nothing will ever wake it." in page
    with world.patched():
        repair([callback.pk, GONE], listing=run.list_switches(), now=world.now())
    run.audit(now=world.now())
    assert "need attention" not in client.get("/callbacks/").content.decode()
    page = client.get(f"/callbacks/{callback.pk}/").content.decode()
    assert "Needs attention" not in page
    assert "by a repair, auditor" in page
