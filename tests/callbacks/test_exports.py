"""A list given out as a file: every callback once, as the person may see it, and the job says how far it is."""

from __future__ import annotations

import csv
import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from callbacks import spreadsheets
from callbacks.flow.states import State
from callbacks.jobs import asking, due, exporting
from callbacks.jobs.models import Job
from callbacks.jobs.records import Unreadable, end
from callbacks.pages.view import View
from services.models import Section
from tests.factories import NOON, CallbackFactory, ServiceFactory, limited_supervisor, supervisor

pytestmark = pytest.mark.django_db

DAY = "range=custom&from=2026-03-02T00:00Z&to=2026-03-03T00:00Z"
LATER = NOON + timedelta(hours=1)
NUMBER = "916504661232"


@pytest.fixture
def sue(db: None) -> User:
    return supervisor()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "BATCH", 3)


def asked(user: User, query: str = DAY) -> Job:
    view = View.read(QueryDict(query), user=user, now=LATER)
    assert not view.errors
    return asking.export(form=uuid.uuid4(), view=view, user=user, now=LATER)


def begun(user: User, query: str = DAY) -> Job:
    job = exporting.begin(asked(user, query).pk, user, now=LATER)
    assert job is not None
    return job


def fetched(user: User, query: str = DAY) -> list[dict[str, str]]:
    text = "".join(exporting.stream(begun(user, query), user))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline="")))


def facts(job: Job) -> tuple[Any, ...]:
    job.refresh_from_db()
    return job.state, job.total, job.done, job.stopped_by, job.error


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_every_callback_of_the_view_stands_in_the_file_once(sue: User, count: int) -> None:
    # Of one moment, as in a burst of requests.
    made = {CallbackFactory.create().pk for _ in range(count)}
    CallbackFactory.create(desired_at=NOON + timedelta(days=1))
    CallbackFactory.create(created_at=LATER + timedelta(seconds=1))
    job = begun(sue)
    lines = "".join(exporting.stream(job, sue)).splitlines()
    ids = [line.partition(",")[0] for line in lines[1:]]
    assert sorted(ids) == sorted(made)
    assert facts(job) == ("done", count, count, "", "")
    assert (job.query, job.ended_at is None) == ("", False)


def test_it_has_the_columns_of_the_view_behind_the_id(sue: User) -> None:
    made = CallbackFactory.create(
        user_data={"first_name": "Ada", "plan": "gold"}, properties={"_device_os": "ios"}, agent="kate"
    )
    CallbackFactory.create(state=State.COMPLETED, created_at=NOON - timedelta(minutes=5))
    Section.objects.create(name="callback", options={"callback_column_alias": '{"plan": "Tariff"}'})
    columns = ["state", "reason", "desired", "agent", "created", "completed", "key.plan", "key._device_os"]
    rows = fetched(sue, DAY + "".join(f"&column={column}" for column in columns))
    assert list(rows[0]) == [
        "Service ID", "State", "Reason", "Desired", "Agent", "Created", "Completed", "Tariff", "_device_os"
    ]  # fmt: skip
    assert list(rows[0].values()) == [
        made.pk, "QUEUED", "", "2026-03-02T12:00:00.000Z", "kate", "2026-03-02T12:00:00.000Z", "", "gold", "ios"
    ]  # fmt: skip
    assert rows[1]["Reason"] == "AGENT_CONNECTED"
    assert rows[1]["Completed"] == "2026-03-02T11:57:00.000Z"


def test_numbers_are_masked_for_who_may_not_see_them(sue: User) -> None:
    CallbackFactory.create(customer_number=NUMBER, properties={"_customer_number": NUMBER})
    query = f"{DAY}&column=number&column=key._customer_number"
    reader = User.objects.create_user("rita")
    reader.user_permissions.add(Permission.objects.get(codename="view_callback"))
    assert [list(row.values())[2:] for row in fetched(reader, query)] == [["9165***32", "9165***32"]]
    reader.user_permissions.add(Permission.objects.get(codename="see_numbers"))
    reader = User.objects.get(pk=reader.pk)
    assert [list(row.values())[2:] for row in fetched(reader, query)] == [[NUMBER, NUMBER]]


def test_only_what_the_person_may_see_is_given_out() -> None:
    hers = CallbackFactory.create(service=ServiceFactory.create(name="voice"))
    CallbackFactory.create(service=ServiceFactory.create(name="mail"))
    assert [row["Service ID"] for row in fetched(limited_supervisor("voice"))] == [hers.pk]


def test_what_may_not_be_seen_any_more_is_no_empty_file() -> None:
    lisa = limited_supervisor("voice", "mail")
    for name in ("voice", "mail"):
        CallbackFactory.create(service=ServiceFactory.create(name=name))
    job = begun(lisa, f"{DAY}&service=voice")
    lisa.scopes.filter(name="voice").delete()
    with pytest.raises(Unreadable):
        list(exporting.stream(job, User.objects.get(pk=lisa.pk)))
    assert facts(job)[0] == "failed"
    assert facts(job)[4] == "The list can no longer be read as it was asked for: a service of it may be gone."


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_becomes_a_formula(sue: User, text: str) -> None:
    CallbackFactory.create(user_data={"plan": text, text: "x"})
    row = fetched(sue, f"{DAY}&column=key.plan")[0]
    assert row["plan"] == f"'{text}"


def test_it_says_how_far_it_is_while_it_is_fetched(sue: User) -> None:
    for _ in range(7):
        CallbackFactory.create()
    job = begun(sue)
    lines = exporting.stream(job, sue)
    next(lines)
    assert facts(job)[:3] == ("running", 7, 0)
    next(lines)
    assert facts(job)[:3] == ("running", 7, 3)
    next(lines)
    assert facts(job)[:3] == ("running", 7, 6)


def test_who_closes_the_browser_stops_it(sue: User) -> None:
    for _ in range(7):
        CallbackFactory.create()
    job = begun(sue)
    lines = exporting.stream(job, sue)
    next(lines)
    next(lines)
    lines.close()
    assert facts(job) == ("stopped", 7, 3, "sue", "")


def test_a_stopped_one_breaks_off_and_never_looks_whole(sue: User) -> None:
    for _ in range(7):
        CallbackFactory.create()
    job = begun(sue)
    lines = exporting.stream(job, sue)
    next(lines)
    end(job.pk, Job.State.STOPPED, LATER, stopped_by="sam")
    with pytest.raises(exporting.Interrupted):
        next(lines)
    assert facts(job) == ("stopped", 7, 0, "sam", "")


def test_what_breaks_is_said(sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    CallbackFactory.create()
    job = begun(sue)
    lines = exporting.stream(job, sue)
    next(lines)
    monkeypatch.setattr(spreadsheets, "lines", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        next(lines)
    assert facts(job) == ("failed", 1, 1, "", exporting.BROKE)


def test_it_is_fetched_once_and_by_who_asked(sue: User) -> None:
    job = asked(sue)
    assert exporting.begin(job.pk, supervisor(username="sam"), now=LATER) is None
    assert exporting.begin(job.pk, sue, now=LATER) is not None
    assert exporting.begin(job.pk, sue, now=LATER) is None


def test_what_nobody_fetches_ends(sue: User) -> None:
    unfetched, broken_off = asked(sue), begun(sue)
    assert due.go_on(LATER + exporting.CLAIM - timedelta(seconds=1)) == 0
    assert due.go_on(LATER + exporting.CLAIM) == 2
    assert facts(unfetched) == ("failed", None, 0, "", "It was not downloaded.")
    assert facts(broken_off) == ("failed", None, 0, "", "The download broke off.")


def test_a_batch_is_one_statement_that_reads_only_what_is_shown(sue: User) -> None:
    for _ in range(7):
        CallbackFactory.create()
    job = begun(sue)
    with CaptureQueriesContext(connection) as queries:
        list(exporting.stream(job, sue))
    reads = [query["sql"] for query in queries if "SELECT" in query["sql"] and "customer_number" in query["sql"]]
    assert len(reads) == 3
    for read in reads:
        assert "LIMIT 3" in read
        for unread in ("session", "options", "user_data", "properties"):
            assert f'"{unread}"' not in read
