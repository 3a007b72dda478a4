"""Many callbacks cancelled by one job: what becomes of each, stops, killed workers, and who may."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks

from callbacks import actions
from callbacks.flow.states import Reason, State
from callbacks.jobs import asking, cancelling, due
from callbacks.jobs.models import Job, JobRow
from callbacks.jobs.records import end
from callbacks.models import Callback, JournalEntry
from callbacks.pages.view import View
from scheduling import tick
from tests.factories import NOON, CallbackFactory, ServiceFactory, limited_supervisor, supervisor

pytestmark = pytest.mark.django_db

DAY = "range=custom&from=2026-03-02T00:00Z&to=2026-03-03T00:00Z"
LATER = NOON + timedelta(minutes=1)
Outcome = JobRow.Outcome


@pytest.fixture
def sue(db: None) -> User:
    return supervisor()


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn does all that there is, however slow the machine is."""
    monkeypatch.setattr(cancelling, "MOST_SECONDS", 60)


class SlowView:
    """Of which every statement takes longer than it may."""

    def rows(self, user: User) -> Any:
        return Callback.objects.extra(where=["pg_sleep(60) IS NOT NULL"])


def many(count: int, **fields: object) -> list[str]:
    """Callbacks a second apart, oldest first."""
    return [CallbackFactory.create(created_at=NOON + timedelta(seconds=n), **fields).pk for n in range(count)]


def of_page(user: User, *ids: str, seen_at: datetime | None = None) -> Job:
    rows = Callback.objects.in_bulk(ids)
    seen = [(pk, seen_at or (rows[pk].desired_at if pk in rows else NOON)) for pk in ids]
    view = View.read(QueryDict(DAY), user=user, now=LATER)
    return asking.cancel_page(form=uuid.uuid4(), seen=seen, view=view, user=user, now=LATER)


def of_range(user: User, query: str = DAY) -> Job:
    view = View.read(QueryDict(query), user=user, now=LATER)
    assert not view.errors
    return asking.cancel_range(form=uuid.uuid4(), view=view, user=user, as_of=LATER, now=LATER)


def run(job: Job, now: datetime = LATER) -> Job:
    """Turn after turn, as the worker would."""
    claim = cancelling.turn(job.pk, "", now=now)
    while claim:
        claim = cancelling.turn(job.pk, claim, now=now)
    job.refresh_from_db()
    return job


def outcomes(job: Job) -> dict[str, str]:
    return {row.callback: row.outcome for row in job.rows.order_by("pk")}


def states(*ids: str) -> list[str]:
    rows = Callback.objects.in_bulk(ids)
    return [rows[pk].state for pk in ids]


def ends(callback: str) -> list[str]:
    """Who ended it, as often as the journal says that it was."""
    return list(JournalEntry.objects.filter(callback=callback, kind="ended").values_list("actor", flat=True))


def test_those_that_were_ticked_are_cancelled_and_no_others(sue: User) -> None:
    first, second, other = many(3)

    job = run(of_page(sue, first, second))

    assert (job.state, job.total, job.done, job.failed) == ("done", 2, 2, 0)
    assert outcomes(job) == {first: Outcome.CANCELLED, second: Outcome.CANCELLED}
    assert states(first, second, other) == ["COMPLETED", "COMPLETED", "QUEUED"]
    assert Callback.objects.get(pk=first).reason == Reason.CANCELLED_BY_ADMIN
    assert ends(first) == ["sue"]
    assert ends(other) == []


def test_of_a_page_what_moved_on_meanwhile_is_said_of_each_and_the_rest_is_cancelled(sue: User) -> None:
    gone_first, talks, moved, fine, served = many(5)
    job = of_page(sue, gone_first, talks, moved, fine, served, "369-nobody")
    actions.cancel(callback_id=gone_first, actor="sam", now=LATER)
    Callback.objects.filter(pk=talks).delete()
    CallbackFactory.create(pk=talks, state=State.PROCESSING, created_at=NOON + timedelta(seconds=1))
    Callback.objects.filter(pk=moved).update(desired_at=NOON + timedelta(hours=5))
    actions.served(callback_id=served, actor="sam", now=LATER)

    job = run(job)

    assert {row.callback: (row.outcome, row.detail) for row in job.rows.all()} == {
        gone_first: (Outcome.REFUSED, "CANCELLED"),
        talks: (Outcome.REFUSED, "PROCESSING"),
        moved: (Outcome.CHANGED, ""),
        fine: (Outcome.CANCELLED, ""),
        served: (Outcome.REFUSED, "CANCELLED_SERVED"),
        "369-nobody": (Outcome.GONE, ""),
    }
    assert (job.state, job.done, job.failed) == ("done", 6, 5)
    assert states(talks, moved, fine) == ["PROCESSING", "QUEUED", "COMPLETED"]
    assert ends(gone_first) == ["sam"]


def test_of_a_whole_range_one_that_was_cancelled_meanwhile_is_as_it_was_wished(sue: User) -> None:
    first, second = many(2)
    job = of_range(sue)
    with mock.patch.object(cancelling, "_cancel_some", return_value=False):
        cancelling.turn(job.pk, "", now=LATER)
    actions.cancel(callback_id=first, actor="sam", now=LATER)

    job = run(job, LATER + cancelling.CLAIM)

    assert outcomes(job) == {first: Outcome.ALREADY, second: Outcome.CANCELLED}
    assert (job.total, job.done, job.failed) == (2, 2, 0)


def test_a_whole_range_is_what_the_view_showed_on_all_its_pages(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "FOUND_AT_ONCE", 3)
    voice = ServiceFactory.create(name="voice")
    meant = {CallbackFactory.create(service=voice).pk for _ in range(4)} | set(many(4, service=voice))
    over = CallbackFactory.create(service=voice, state=State.COMPLETED).pk
    kept = [
        CallbackFactory.create(service=voice, state=State.SCHEDULED).pk,
        CallbackFactory.create(service=voice, desired_at=NOON + timedelta(days=1)).pk,
        CallbackFactory.create().pk,
        # It came after the page was shown.
        CallbackFactory.create(service=voice, created_at=LATER + timedelta(seconds=1)).pk,
    ]

    job = run(of_range(sue, f"{DAY}&service=voice&state=QUEUED"))

    assert outcomes(job) == dict.fromkeys(meant, Outcome.CANCELLED)
    assert job.total == 8
    assert states(*kept) == ["SCHEDULED", "QUEUED", "QUEUED", "QUEUED"]
    assert Callback.objects.get(pk=over).reason == Reason.AGENT_CONNECTED


@pytest.mark.parametrize("zone", ["Etc/GMT-3", "EST", "Europe/Berlin"])
def test_days_begin_in_the_zone_of_who_asked_also_where_its_clocks_never_change(sue: User, zone: str) -> None:
    callback = CallbackFactory.create(desired_at=NOON).pk
    with timezone.override(zone):
        job = of_range(sue, "range=today")
    assert job.zone == zone
    assert run(job).state == "done"
    assert outcomes(job) == {callback: Outcome.CANCELLED}


def test_one_that_was_ticked_twice_is_one_row(sue: User) -> None:
    callback = CallbackFactory.create().pk
    job = of_page(sue, callback, callback)
    assert (run(job).state, job.total, outcomes(job)) == ("done", 1, {callback: Outcome.CANCELLED})


def test_an_empty_range_is_done_at_once(sue: User) -> None:
    job = run(of_range(sue))
    assert (job.state, job.total, job.done) == ("done", 0, 0)


def test_a_killed_worker_leaves_nothing_half_done_and_the_sweep_goes_on(
    sue: User, monkeypatch: pytest.MonkeyPatch, kicks: list[tuple[str, tuple[str, ...]]]
) -> None:
    ids = many(5)
    job = of_page(sue, *ids)
    decide, decided = actions.decide_now, []

    def killed_at_the_third(callback_id: str, *args: object) -> Callback:
        callback = decide(callback_id, *args)  # type: ignore[arg-type]
        decided.append(callback_id)
        if len(decided) == 3:
            raise KeyboardInterrupt
        return callback

    monkeypatch.setattr(actions, "decide_now", killed_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        cancelling.turn(job.pk, "", now=LATER)
    job.refresh_from_db()
    assert (job.state, job.done) == ("running", 2)
    assert states(*ids) == ["COMPLETED", "COMPLETED", "QUEUED", "QUEUED", "QUEUED"]

    assert due.go_on(LATER + timedelta(seconds=19)) == 0
    assert due.go_on(LATER + cancelling.CLAIM) == 1
    assert kicks == [(cancelling.TASK, (str(job.pk),))]
    job = run(job, LATER + cancelling.CLAIM)

    assert outcomes(job) == dict.fromkeys(ids, Outcome.CANCELLED)
    assert (job.state, job.done, job.failed) == ("done", 5, 0)
    assert [ends(each) for each in ids] == [["sue"]] * 5


def test_a_worker_that_slept_finds_its_claim_gone(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "MOST_SECONDS", 0)
    ids = many(3)
    job = of_page(sue, *ids)
    slept = cancelling.turn(job.pk, "", now=LATER)
    assert cancelling.turn(job.pk, "", now=LATER) == ""
    other = cancelling.turn(job.pk, "", now=LATER + cancelling.CLAIM)
    assert other
    assert other != slept
    # A turn without time does one step.
    assert states(*ids) == ["COMPLETED", "COMPLETED", "QUEUED"]

    monkeypatch.setattr(cancelling, "MOST_SECONDS", 60)
    assert cancelling.turn(job.pk, slept, now=LATER + cancelling.CLAIM) == ""
    assert states(*ids) == ["COMPLETED", "COMPLETED", "QUEUED"]


def test_a_turn_is_short_and_another_follows(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "CANCELLED_AT_ONCE", 2)
    ids = many(5)
    job = of_page(sue, *ids)
    clock = iter(range(100))
    monkeypatch.setattr(cancelling, "MOST_SECONDS", 0.2)
    monkeypatch.setattr("callbacks.jobs.cancelling.time.monotonic", lambda: next(clock) * 0.09)

    claim = cancelling.turn(job.pk, "", now=LATER)

    job.refresh_from_db()
    assert claim == str(job.claim)
    assert 0 < job.done < 5


def test_where_workers_are_behind_the_sweep_goes_on(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancelling, "kicks_to_spare", lambda: 0)
    monkeypatch.setattr(cancelling, "MOST_SECONDS", 0)
    job = of_page(sue, *many(2))
    assert cancelling.turn(job.pk, "", now=LATER) == ""
    job.refresh_from_db()
    assert (job.state, job.claimed_until) == ("running", LATER)
    assert cancelling.take_up(LATER) == 0


def test_stopped_what_is_done_stays_and_the_rest_is_left_alone(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = many(4)
    job = of_page(sue, *ids)
    settle, turns = cancelling._settle, []

    def stopped_before_the_second(*args: Any) -> None:
        turns.append(args)
        if len(turns) == 2:
            assert end(job.pk, Job.State.STOPPED, LATER, stopped_by="sam")
        settle(*args)

    monkeypatch.setattr(cancelling, "_settle", stopped_before_the_second)
    job = run(job)

    # The second one's cancel is taken back with what was to be written down of it.
    assert (job.state, job.stopped_by, job.done, job.query) == ("stopped", "sam", 1, "")
    assert states(*ids) == ["COMPLETED", "QUEUED", "QUEUED", "QUEUED"]
    assert list(outcomes(job).values()) == [Outcome.CANCELLED, "", "", ""]
    assert not end(job.pk, Job.State.DONE, LATER)
    assert cancelling.turn(job.pk, "", now=LATER + timedelta(days=1)) == ""


def test_who_may_not_steer_any_more_cancels_no_more(sue: User) -> None:
    ids = many(2)
    job = of_page(sue, *ids)
    sue.groups.clear()
    job = run(job)
    assert (job.state, job.error) == ("failed", "Who asked for it may not steer callbacks any more.")
    assert states(*ids) == ["QUEUED", "QUEUED"]


def test_what_takes_too_long_to_be_found_is_said(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    pk = CallbackFactory.create().pk
    job = of_range(sue)
    monkeypatch.setattr(cancelling, "view_of", lambda job, user: SlowView())
    monkeypatch.setattr(cancelling, "MOST_MILLISECONDS", 50)
    job = run(job)
    assert (job.state, job.error) == ("failed", cancelling.NOT_FOUND)
    assert states(pk) == ["QUEUED"]


def test_only_what_the_person_may_see_is_cancelled() -> None:
    voice, mail = ServiceFactory.create(name="voice"), ServiceFactory.create(name="mail")
    lisa = limited_supervisor("voice")
    hers, others = CallbackFactory.create(service=voice).pk, CallbackFactory.create(service=mail).pk
    page = run(of_page(lisa, others))
    assert outcomes(page) == {others: Outcome.GONE}
    assert page.rows.get().service_name == ""
    assert outcomes(run(of_range(lisa))) == {hers: Outcome.CANCELLED}
    assert states(hers, others) == ["COMPLETED", "QUEUED"]


def test_a_range_that_may_not_be_seen_any_more_fails_and_cancels_nothing() -> None:
    lisa = limited_supervisor("voice", "mail")
    hers = CallbackFactory.create(service=ServiceFactory.create(name="voice")).pk
    ServiceFactory.create(name="mail")
    job = of_range(lisa, f"{DAY}&service=voice")
    lisa.scopes.filter(name="voice").delete()
    job = run(job)
    assert (job.state, job.error) == (
        "failed",
        "The list can no longer be read as it was asked for: a service of it may be gone.",
    )
    assert states(hers) == ["QUEUED"]


def test_one_that_breaks_does_not_keep_the_others(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, held, fine = many(3)
    decide = actions.decide_now

    def breaks(callback_id: str, *args: object) -> Callback:
        if callback_id == broken:
            raise RuntimeError
        if callback_id == held:
            raise actions.Busy
        return decide(callback_id, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(actions, "decide_now", breaks)
    job = run(of_page(sue, broken, held, fine))
    assert outcomes(job) == {broken: Outcome.ERROR, held: Outcome.BUSY, fine: Outcome.CANCELLED}
    assert (job.done, job.failed) == (3, 2)


def test_a_form_sent_twice_is_one_job(
    sue: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    pk = CallbackFactory.create().pk
    view, form = View.read(QueryDict(DAY), user=sue, now=LATER), uuid.uuid4()
    with django_capture_on_commit_callbacks() as kicked:
        made = [asking.cancel_page(form=form, seen=[(pk, NOON)], view=view, user=sue, now=LATER) for _ in range(2)]
    assert made[0] == made[1]
    assert JobRow.objects.count() == 1
    assert len(kicked) == 1


def test_what_may_be_a_customers_goes_with_the_end(sue: User) -> None:
    CallbackFactory.create()
    job = of_range(sue, f"{DAY}&number=916504661232&data=first_name=Ada")
    assert "916504661232" in job.query
    assert job.view == "2026-03-02 00:00 UTC \N{EN DASH} 2026-03-03 00:00 UTC · number 9165***32 · first_name=***"
    job = run(job)
    assert (job.state, job.total, job.query) == ("done", 1, "")


def test_old_jobs_are_removed_with_their_rows(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due, "BATCH", 2)
    old, young = of_page(sue, *many(3)), of_page(sue, *many(1))
    Job.objects.filter(pk=young.pk).update(asked_at=LATER + timedelta(seconds=1))
    now = LATER + due.KEPT
    assert [due.remove_old(now), due.remove_old(now), due.remove_old(now)] == [2, 2, 0]
    assert list(Job.objects.all()) == [young]
    assert JobRow.objects.count() == 1
    assert not Job.objects.filter(pk=old.pk).exists()


def test_the_sweep_does_both() -> None:
    assert due.go_on in tick._sources.slow
    assert due.remove_old in tick._sources.repeated


@pytest.fixture
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    kept: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(cancelling, "publish", lambda task, args: kept.append((task, args)))
    return kept
