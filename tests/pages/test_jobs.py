"""The pages of jobs: what is confirmed, what is shown of it, files, stops, and who may what."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from callbacks import actions
from callbacks.flow.states import Reason, State
from callbacks.jobs import cancelling
from callbacks.jobs.models import Job, JobRow
from callbacks.models import Callback
from callbacks.pages.view import View
from callbacks.sections import DISABLE_BULK
from services.models import Section
from tests.factories import NOON, CallbackFactory, ServiceFactory, limited_supervisor, read_only_supervisor, supervisor

pytestmark = pytest.mark.django_db

VIEW = "range=custom&from=2026-03-02T00:00Z&to=2026-03-03T00:00Z"
CONFIRM, START, EXPORT = "/jobs/cancel/", "/jobs/cancel/start/", "/jobs/export/"
NUMBER = "916504661232"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def shown(client: Client, url: str) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def fields(page: str) -> dict[str, Any]:
    """What the confirmation sends as it stands there."""
    inputs = re.findall(r"<input ([^>]*)>", page[page.index('class="confirm') :])
    named = [(re.search(r'name="([^"]*)"', each), re.search(r'value="([^"]*)"', each), each) for each in inputs]
    sent: dict[str, Any] = {}
    for name, value, each in named:
        assert name is not None
        assert value is not None
        if 'type="hidden"' in each:
            sent[name[1]] = unescape(value[1])
        elif "checked" in each:
            sent.setdefault(name[1], []).append(unescape(value[1]))
    return sent


def confirmation(client: Client, *ids: str, view: str = VIEW) -> dict[str, Any]:
    response = client.post(CONFIRM, {"id": ids, "view": view})
    assert response.status_code == 200
    return fields(response.content.decode())


def started(client: Client, sent: dict[str, Any]) -> Job:
    response = client.post(START, sent)
    assert response.status_code == 302, response.content
    return Job.objects.get(pk=int(re.fullmatch(r"/jobs/(\d+)/", response["Location"])[1]))  # type: ignore[index]


def run(job: Job) -> Job:
    claim = cancelling.turn(job.pk, "", now=timezone.now())
    while claim:
        claim = cancelling.turn(job.pk, claim, now=timezone.now())
    job.refresh_from_db()
    return job


def table(response: Any) -> list[list[str]]:
    text = b"".join(response.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def toolbar(user: User) -> str:
    request = RequestFactory().get("/callbacks/")
    request.user = user
    view = View.read(RequestFactory().get(f"/?{VIEW}").GET, user=user, now=NOON)
    context = {"request": request, "view": view, "csrf_token": "token"}
    return Template('{% include "jobs/toolbar.html" %}').render(Context(context))


class TestTheToolbar:
    def test_it_sends_the_view_and_what_is_ticked(self, sue: User) -> None:
        page = toolbar(sue)
        assert 'name="view" value="range=custom&amp;from=2026-03-02T00%3A00Z&amp;to=2026-03-03T00%3A00Z"' in page
        assert f'formaction="{CONFIRM}"' in page
        assert f'formaction="{EXPORT}"' in page
        assert all('form="bulk"' in each for each in re.findall(r'<(?:button|input type="hidden")[^>]*>', page))

    def test_who_only_looks_cancels_nothing(self) -> None:
        page = toolbar(read_only_supervisor())
        assert CONFIRM not in page
        assert EXPORT in page

    def test_it_can_be_switched_off(self, as_sue: Client, sue: User) -> None:
        pk = CallbackFactory.create().pk
        sent = confirmation(as_sue, pk)
        Section.objects.create(name="lab", options={DISABLE_BULK: "true"})
        page = toolbar(sue)
        assert "<button" not in page
        assert DISABLE_BULK in page
        for url in (CONFIRM, START, EXPORT):
            assert as_sue.post(url, {**sent, "id": pk}).status_code == 403
        assert not Job.objects.exists()


class TestConfirming:
    def test_it_lists_what_was_ticked_and_changes_nothing(self, as_sue: Client) -> None:
        first, second = CallbackFactory.create(), CallbackFactory.create(customer_number="")
        other = CallbackFactory.create()
        page = as_sue.post(CONFIRM, {"id": [first.pk, second.pk], "view": VIEW}).content.decode()
        assert first.pk in page
        assert second.pk in page
        assert other.pk not in page
        assert "Queued" in text_of(page)
        assert "on all its pages and that are not over: 3." in text_of(page)
        assert not Job.objects.exists()
        assert set(Callback.objects.values_list("state", flat=True)) == {"QUEUED"}

    def test_those_that_are_ticked_there_are_cancelled(self, as_sue: Client) -> None:
        first, second = CallbackFactory.create().pk, CallbackFactory.create().pk
        sent = confirmation(as_sue, first, second)
        sent["callback"] = [each for each in sent["callback"] if each.endswith(second)]
        job = run(started(as_sue, sent))
        assert list(job.rows.values_list("callback", "outcome")) == [(second, "cancelled")]
        assert Callback.objects.get(pk=first).state == State.QUEUED
        assert Callback.objects.get(pk=second).reason == Reason.CANCELLED_BY_ADMIN

    def test_the_whole_range_instead(self, as_sue: Client) -> None:
        first, second = CallbackFactory.create().pk, CallbackFactory.create().pk
        elsewhere = CallbackFactory.create(service=ServiceFactory.create(name="other")).pk
        sent = confirmation(as_sue, first, view=f"{VIEW}&service=voice-userterm-immediate")
        job = run(started(as_sue, {**sent, "range": "all"}))
        assert set(job.rows.values_list("callback", flat=True)) == {first, second}
        assert job.whole_range
        assert Callback.objects.get(pk=elsewhere).state == State.QUEUED

    def test_what_came_in_after_it_was_shown_is_not_meant(self, as_sue: Client) -> None:
        shown_one = CallbackFactory.create().pk
        sent = confirmation(as_sue)
        later = CallbackFactory.create(created_at=timezone.now(), desired_at=NOON).pk
        job = run(started(as_sue, {**sent, "range": "all"}))
        assert list(job.rows.values_list("callback", flat=True)) == [shown_one]
        assert Callback.objects.get(pk=later).state == State.QUEUED

    def test_what_was_rescheduled_after_it_was_shown_is_not_cancelled(self, as_sue: Client) -> None:
        pk = CallbackFactory.create().pk
        sent = confirmation(as_sue, pk)
        Callback.objects.update(desired_at=NOON + timedelta(hours=1))
        job = run(started(as_sue, sent))
        assert list(job.rows.values_list("callback", "outcome")) == [(pk, "changed")]
        assert Callback.objects.get().state == State.QUEUED
        assert "changed meanwhile" in text_of(shown(as_sue, f"/jobs/{job.pk}/"))

    def test_sent_twice_it_is_one_job(self, as_sue: Client) -> None:
        sent = confirmation(as_sue, CallbackFactory.create().pk)
        assert started(as_sue, sent) == started(as_sue, sent)
        assert JobRow.objects.count() == 1

    def test_nothing_ticked_is_said(self, as_sue: Client) -> None:
        CallbackFactory.create()
        assert "No callback was ticked" in as_sue.post(CONFIRM, {"view": VIEW}).content.decode()
        sent = confirmation(as_sue)
        answer = as_sue.post(START, sent)
        assert answer["Location"].startswith("/callbacks/?range=custom&")
        assert not Job.objects.exists()

    @pytest.mark.parametrize(
        "broken",
        [
            {"callback": "nonsense"},
            {"callback": ["1.x"] * 251},
            {"callback": "9" * 30 + ".x"},
            {"form": "nonsense"},
            {"view": "range=nonsense", "range": "all"},
        ],
    )
    def test_what_cannot_be_read_cancels_nothing(self, as_sue: Client, broken: dict[str, Any]) -> None:
        CallbackFactory.create()
        answer = as_sue.post(START, {"form": str(uuid.uuid4()), "view": VIEW, "callback": "1.x", **broken})
        assert answer.status_code == 302
        assert answer["Location"].startswith("/callbacks/")
        assert not Job.objects.exists()

    def test_a_limited_person_is_shown_only_theirs(self) -> None:
        hers = CallbackFactory.create(service=ServiceFactory.create(name="voice")).pk
        other = CallbackFactory.create(service=ServiceFactory.create(name="mail")).pk
        page = signed_in(limited_supervisor("voice")).post(CONFIRM, {"id": [hers, other], "view": VIEW})
        assert hers in page.content.decode()
        assert other not in page.content.decode()
        assert "that are not over: 1." in text_of(page.content.decode())


class TestTheJob:
    def test_each_result_is_said_in_words(self, as_sue: Client) -> None:
        first, second = CallbackFactory.create().pk, CallbackFactory.create().pk
        sent = confirmation(as_sue, first, second)
        actions.cancel(callback_id=first, actor="sam", now=timezone.now())
        job = started(as_sue, sent)
        assert "It is about to begin" not in (waiting := text_of(shown(as_sue, f"/jobs/{job.pk}/")))
        assert "0 of 2" in waiting
        assert waiting.count("Not yet") == 2
        run(job)
        page = shown(as_sue, f"/jobs/{job.pk}/")
        said = text_of(page)
        assert "2 of 2, 1 not cancelled" in said
        assert "✗ Not cancelled: Cancelled" in said
        assert "✓ Cancelled" in said
        assert f'href="/callbacks/{second}/"' in page
        assert f'hx-get="/jobs/{job.pk}/"' not in page

    def test_a_second_person_sees_it_and_may_stop_it(self, as_sue: Client) -> None:
        pk = CallbackFactory.create().pk
        job = started(as_sue, confirmation(as_sue, pk))
        sam = signed_in(supervisor(username="sam"))
        page = shown(sam, f"/jobs/{job.pk}/")
        assert "every 1s" in page
        assert "By sue" in text_of(page)
        assert sam.post(f"/jobs/{job.pk}/stop/").status_code == 302
        assert run(job).state == "stopped"
        assert Callback.objects.get(pk=pk).state == State.QUEUED
        assert "Stopped 0 of 1 by sam" in text_of(shown(as_sue, f"/jobs/{job.pk}/"))
        assert "It was over already" in sam.post(f"/jobs/{job.pk}/stop/", follow=True).content.decode()

    def test_who_only_looks_does_not_stop_what_others_asked_for(self, as_sue: Client) -> None:
        job = started(as_sue, confirmation(as_sue, CallbackFactory.create().pk))
        rita = signed_in(read_only_supervisor())
        assert 'id="stop"' not in shown(rita, f"/jobs/{job.pk}/")
        assert rita.post(f"/jobs/{job.pk}/stop/").status_code == 403
        job.refresh_from_db()
        assert job.state == "waiting"

    def test_who_is_limited_sees_their_own(self, as_sue: Client) -> None:
        CallbackFactory.create(service=ServiceFactory.create(name="voice"))
        job = started(as_sue, confirmation(as_sue, CallbackFactory.create().pk))
        lisa = signed_in(limited_supervisor("voice"))
        for url in (f"/jobs/{job.pk}/", f"/jobs/{job.pk}/summary/", f"/jobs/{job.pk}/cancelled/"):
            assert lisa.get(url).status_code == 404
        assert lisa.post(f"/jobs/{job.pk}/stop/").status_code == 404
        hers = started(lisa, {**confirmation(lisa), "range": "all"})
        assert re.findall(r'id="job-(\d+)"', shown(lisa, "/jobs/")) == [str(hers.pk)]
        assert re.findall(r'id="job-(\d+)"', shown(as_sue, "/jobs/")) == [str(hers.pk), str(job.pk)]

    def test_the_page_of_jobs(self, as_sue: Client) -> None:
        assert "No jobs yet" in shown(as_sue, "/jobs/")
        job = run(started(as_sue, confirmation(as_sue, CallbackFactory.create().pk)))
        said = text_of(shown(as_sue, "/jobs/"))
        assert f"Cancel callbacks {job.pk} Done 1 of 1" in said
        assert "2026-03-02 00:00 UTC \N{EN DASH} 2026-03-03 00:00 UTC ticked ones sue" in said

    def test_however_many_rows_the_queries_are_as_many(self, as_sue: Client) -> None:
        asked = []
        for count in (1, 20):
            job = run(started(as_sue, confirmation(as_sue, *(CallbackFactory.create().pk for _ in range(count)))))
            with CaptureQueriesContext(connection) as queries:
                shown(as_sue, f"/jobs/{job.pk}/")
            asked.append(len(queries))
        # Session, user, their permissions, groups' and limits; the job, its figures, its rows; the head of the page.
        assert asked[0] == asked[1] <= 12

    @pytest.mark.parametrize("pk", ["0", "9" * 30])
    def test_a_job_that_is_not_there(self, as_sue: Client, pk: str) -> None:
        assert as_sue.get(f"/jobs/{pk}/").status_code == 404


class TestReports:
    def test_the_summary_has_one_result_per_id(self, as_sue: Client) -> None:
        first, second = CallbackFactory.create().pk, CallbackFactory.create().pk
        sent = confirmation(as_sue, first, second)
        actions.served(callback_id=first, actor="sam", now=timezone.now())
        job = run(started(as_sue, sent))
        response = as_sue.get(f"/jobs/{job.pk}/summary/")
        assert response["Content-Disposition"] == f'attachment; filename="CancellationSummaryReport-{job.pk}.csv"'
        header, *rows = table(response)
        assert header == ["Service ID", "Result", "Why", "When", "Service", "Desired"]
        assert {row[0]: row[1:3] for row in rows} == {
            first: ["Not cancelled", "Served another way"],
            second: ["Cancelled", ""],
        }
        assert rows[0][4:] == ["voice-userterm-immediate", "2026-03-02T12:00:00.000Z"]

    def test_the_csv_of_those_that_were_cancelled(self, as_sue: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        gone, there, refused = (CallbackFactory.create().pk for _ in range(3))
        sent = confirmation(as_sue, gone, there, refused)
        actions.cancel(callback_id=refused, actor="sam", now=timezone.now())
        job = run(started(as_sue, sent))
        Callback.objects.get(pk=gone).delete()
        for number, client in (("9165***32", signed_in(read_only_supervisor())), (NUMBER, as_sue)):
            response = client.get(f"/jobs/{job.pk}/cancelled/")
            assert response["Content-Disposition"] == 'attachment; filename="CancelledCallbacks.csv"'
            header, *rows = table(response)
            assert header == [
                "_service_id",
                "_service_name",
                "_callback_state",
                "_callback_reason",
                "_desired_time",
                "_customer_number",
            ]
            said = ["COMPLETED", "CANCELLED_BY_ADMIN", "2026-03-02T12:00:00.000Z", number]
            assert {row[0]: row[1:] for row in rows} == {
                there: ["voice-userterm-immediate", *said],
                gone: ["voice-userterm-immediate", "", "", "", ""],
            }


class TestFiles:
    def test_a_list_is_asked_for_and_fetched(self, as_sue: Client) -> None:
        made = [CallbackFactory.create().pk for _ in range(3)]
        asked = as_sue.post(EXPORT, {"view": VIEW})
        job = Job.objects.get()
        assert asked["Location"] == f"/jobs/{job.pk}/"
        page = shown(as_sue, asked["Location"])
        assert f'action="/jobs/{job.pk}/file/" data-fetch-at-once' in page
        response = as_sue.post(f"/jobs/{job.pk}/file/")
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        name = f"callbacks-{timezone.localtime(job.as_of):%Y-%m-%d-%H%M}.csv"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
        header, *rows = table(response)
        assert header == ["Service ID", "State", "Reason", "Desired", "Number", "Service", "Agent", "Created"]
        assert sorted(row[0] for row in rows) == sorted(made)
        after = shown(as_sue, f"/jobs/{job.pk}/")
        assert "data-fetch-at-once" not in after
        assert "Done 3 of 3" in text_of(after)
        assert (job.actor, Job.objects.get().state) == ("sue", "done")

    def test_it_is_fetched_once_and_by_nobody_else(self, as_sue: Client) -> None:
        CallbackFactory.create()
        as_sue.post(EXPORT, {"view": VIEW})
        job = Job.objects.get()
        sam = signed_in(supervisor(username="sam"))
        assert "data-fetch-at-once" not in shown(sam, f"/jobs/{job.pk}/")
        assert sam.post(f"/jobs/{job.pk}/file/")["Location"] == f"/jobs/{job.pk}/"
        assert len(table(as_sue.post(f"/jobs/{job.pk}/file/"))) == 2
        again = as_sue.post(f"/jobs/{job.pk}/file/", follow=True)
        assert "was downloaded before" in again.content.decode()

    def test_a_list_that_cannot_be_read_is_not_given_out(self, as_sue: Client) -> None:
        CallbackFactory.create()
        assert as_sue.post(EXPORT, {"view": "range=nonsense"})["Location"].startswith("/callbacks/")
        assert not Job.objects.exists()

    def test_who_only_looks_may_have_what_they_see(self) -> None:
        CallbackFactory.create(customer_number=NUMBER)
        rita = signed_in(read_only_supervisor())
        rita.post(EXPORT, {"view": VIEW})
        rows = table(rita.post(f"/jobs/{Job.objects.get().pk}/file/"))
        assert rows[1][4] == "9165***32"
