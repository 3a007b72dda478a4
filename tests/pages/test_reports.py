"""The page of reports: figures of a period, beside those before, for whom they are visible."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from callbacks.reporting import sweep
from callbacks.reporting.models import CallbackFact
from services.people_models import PersonScope
from tests import reports
from tests.factories import AttemptFactory, CallbackFactory, ServiceFactory

pytestmark = pytest.mark.django_db

PAGE = "/reports/"


def shown(client: Client, url: str = PAGE) -> str:
    """The page as people read it: a blank between all words."""
    response = client.get(url)
    assert response.status_code == 200
    body = response.content.decode().partition("<main")[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def completed(days_ago: float = 0, service: str = "billing", **fields: Any) -> Callback:
    at = timezone.now() - timedelta(days=days_ago, minutes=5)
    callback: Callback = CallbackFactory.create(
        service=ServiceFactory.create(name=service),
        state=State.COMPLETED,
        created_at=at,
        completed_at=at + timedelta(minutes=2),
        **fields,
    )
    return callback


def report() -> None:
    while sweep.report_batch(100):
        pass


def table(client: Client, name: str, query: str = "") -> list[list[str]]:
    response = client.get(f"/reports/{name}.csv?{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.reader(io.StringIO(response.content.decode())))


def test_an_empty_period_says_what_to_do(as_sue: Client) -> None:
    text = shown(as_sue)
    assert "Nothing ended in this period" in text
    assert "Choose another period or service." in text
    assert "How far callbacks came" not in text


def test_a_period_beside_the_one_before(as_sue: Client) -> None:
    for days_ago in (0, 1, 2):
        AttemptFactory.create(
            callback=completed(days_ago), dialled_at=timezone.now(), answered_at=timezone.now(), result="PERSON"
        )
    completed(1, reason=Reason.CANCELLED)
    completed(8)
    report()
    assert table(as_sue, "funnel") == [
        ["Step", "Number", "Of offered", "Before", "Change"],
        ["Offered", "4", "1.0", "1", "3"],
        ["Accepted", "4", "1.0", "1", "3"],
        ["Started", "0", "0.0", "0", "0"],
        ["Rung", "3", "0.75", "0", "3"],
        ["Reached", "3", "0.75", "0", "3"],
        ["Connected", "0", "0.0", "0", "0"],
    ]
    assert table(as_sue, "outcomes")[1:] == [
        ["Connected to an agent", "3", "0.75", "1", "2"],
        ["Cancelled", "1", "0.25", "0", "1"],
    ]
    text = shown(as_sue)
    assert "Offered 4 100.0% 1 +3" in text
    assert "Rung 3 75.0% 0 +3" in text
    assert "Connected to an agent 3 75.0% 1 +2" in text


def test_by_day_by_week_and_by_service(as_sue: Client) -> None:
    completed(0, "billing")
    completed(0, "sales")
    completed(3, "sales")
    report()
    by_day = table(as_sue, "course", "period=7d&by=day")
    assert len(by_day) == 1 + 7
    assert [row[2] for row in by_day[1:]] == ["0", "0", "0", "1", "0", "0", "2"]
    by_week = table(as_sue, "course", "period=28d&by=week")
    assert sum(int(row[2]) for row in by_week[1:]) == 3
    assert len(by_week) in {5, 6}
    by_service = table(as_sue, "course", "by=service")
    assert [row[:3] for row in by_service] == [
        ["Service", "Offered", "Accepted"],
        ["sales", "2", "2"],
        ["billing", "1", "1"],
    ]
    only = table(as_sue, "funnel", "service=billing")
    assert only[2][:2] == ["Accepted", "1"]


def test_a_year_is_told_by_week(as_sue: Client) -> None:
    completed()
    report()
    assert table(as_sue, "course", "period=52w")[0][0] == "Week from"


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("from=2026-03-02&to=2026-03-01", "The last day is before the first one."),
        ("period=custom", "Give the first and the last day, each as YYYY-MM-DD."),
        ("from=x&to=%00", "Give the first and the last day, each as YYYY-MM-DD."),
        ("by=colour", "Figures can be told by day, week, service."),
    ],
)
def test_a_period_that_is_none_says_what_was_wrong(as_sue: Client, query: str, why: str) -> None:
    assert why in shown(as_sue, f"{PAGE}?{query}")
    assert as_sue.get(f"/reports/funnel.csv?{query}").status_code == 404
    assert as_sue.get(f"/reports/callbacks.csv?{query}").status_code == 404


def test_a_table_that_is_none(as_sue: Client) -> None:
    assert as_sue.get("/reports/nothing.csv").status_code == 404


def test_it_says_up_to_when(as_sue: Client) -> None:
    waiting = completed(0.5)
    assert waiting.completed_at
    assert f"Up to {timezone.localtime(waiting.completed_at).day} " in shown(as_sue)
    assert f"{timezone.localtime(waiting.completed_at):%H:%M}" in shown(as_sue).partition("Period")[0]


def test_who_is_limited_sees_their_services_alone(as_sue: Client, sue: User) -> None:
    completed(0, "billing", agent="kate")
    completed(0, "sales")
    report()
    PersonScope.objects.create(user=sue, kind="service", name="billing")
    assert [row[0] for row in table(as_sue, "course", "by=service")] == ["Service", "billing"]
    assert table(as_sue, "funnel")[2][1] == "1"
    assert table(as_sue, "funnel", "service=sales")[2][1] == "0"
    assert "sales" not in shown(as_sue)
    found = b"".join(as_sue.get("/reports/callbacks.csv")).decode()
    assert found.count("billing") == 1
    assert "sales" not in found


def test_how_many_statements(as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    """However much there is to tell."""
    reports.make(8, 30, start=timezone.now() - timedelta(days=8), days=7)
    report()
    shown(as_sue)
    with django_assert_num_queries(STATEMENTS):
        shown(as_sue)


# The session, the user, two for permissions, limits, services, the pauses, and seven of the report.
STATEMENTS = 14


class TestExport:
    def test_every_callback_of_the_period_in_the_vendors_words(self, as_sue: Client) -> None:
        callback = completed(agent="=kate")
        AttemptFactory.create(callback=callback, dialled_at=callback.created_at, result="BUSY")
        completed(40)
        report()
        response = as_sue.get("/reports/callbacks.csv?period=today")
        rows = list(csv.DictReader(io.StringIO(b"".join(response).decode())))
        assert [row["_CB_SERVICE_ID"] for row in rows] == [callback.pk]
        row = rows[0]
        assert row["_CB_T_CALLBACK_ACCEPTED"].endswith("Z")
        assert (row["_CB_DIAL_1_RESULT"], row["_CB_DIAL_2_RESULT"], row["_CB_FINAL_RECORD"]) == ("BUSY", "", "1")
        assert (row["AGENT"], row["REASON"]) == ("'=kate", "AGENT_CONNECTED")
        assert "916504661232" not in str(rows)

    def test_the_command_goes_on_from_the_last_one(self) -> None:
        for _ in range(3):
            completed()
        report()
        first = told("--format=jsonl")
        assert [record["SEQ"] for record in first] == sorted(fact.seq for fact in CallbackFact.objects.all())
        completed()
        report()
        further = told("--format=jsonl", f"--after={first[-1]['SEQ']}")
        assert len(further) == 1
        assert further[0]["SEQ"] > first[-1]["SEQ"]
        assert len(told("--format=jsonl", "--since=2020-01-01", "--until=2020-02-01")) == 0

    def test_it_is_streamed_in_pieces(
        self, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        monkeypatch.setattr("callbacks.reporting.export.CHUNK", 2)
        for _ in range(5):
            completed()
        report()
        with django_assert_num_queries(3):
            assert len(told("--format=jsonl")) == 5


def told(*arguments: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("callback_facts", *arguments, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_fields_are_those_of_the_docs() -> None:
    """docs/reports.md lists each field of the export, in its order."""
    from django.conf import settings

    from callbacks.reporting.export import _EMPTY, record

    page = (settings.BASE_DIR / "docs" / "reports.md").read_text()
    listed = re.findall(r"^\| `([A-Z_0-9]+)` \|", page, re.MULTILINE)
    assert listed == list(record(_EMPTY))


def test_times_are_of_the_office(as_sue: Client, settings: Any) -> None:
    """A callback that ended at 23:30 UTC ended on the next day in Berlin."""
    settings.TIME_ZONE = "Europe/Berlin"
    today = timezone.localtime(timezone.now(), timezone.get_default_timezone()).date()
    yesterday = datetime(today.year, today.month, today.day, 12, tzinfo=UTC) - timedelta(days=1)
    CallbackFactory.create(
        state=State.COMPLETED,
        created_at=yesterday,
        completed_at=yesterday.replace(hour=23, minute=30) - timedelta(days=1),
    )
    report()
    assert table(as_sue, "funnel", "period=yesterday")[2][1] == "1"
