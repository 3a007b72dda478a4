"""Work on many callbacks in a real browser: ticked by the keyboard, watched by two people, stopped, downloaded."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.states import State
from callbacks.jobs import asking, cancelling
from callbacks.jobs.models import Job
from callbacks.models import Callback
from callbacks.pages.view import View
from tests.factories import CallbackFactory, UserFactory, supervisor
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

SECONDS = 30_000
PHONE: Any = {"width": 390, "height": 844}
WEEK = "range=last-7-days"


@pytest.fixture
def sign_in(live_server: LiveServer) -> Callable[[BrowserContext, User], Page]:
    def sign_in(context: BrowserContext, user: User) -> Page:
        client = Client()
        client.force_login(user)
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(SECONDS)
        return page

    expect.set_options(timeout=SECONDS)
    return sign_in


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A turn cancels one callback, and the test says when."""
    monkeypatch.setattr(cancelling, "MOST_SECONDS", 0)


def many(count: int) -> list[str]:
    return [CallbackFactory.create(created_at=timezone.now()).pk for _ in range(count)]


def asked(user: User, count: int) -> Job:
    ids, now = many(count), timezone.now()
    seen = list(Callback.objects.filter(pk__in=ids).order_by("created_at").values_list("pk", "desired_at"))
    view = View.read(QueryDict(WEEK), user=user, now=now)
    return asking.cancel_page(form=uuid.uuid4(), seen=seen, view=view, user=user, now=now)


def work(job: Job, turns: int) -> None:
    """The worker's turns; the last one finds that nothing is left."""
    job.refresh_from_db()
    claim = str(job.claim or "")
    for _ in range(turns):
        claim = cancelling.turn(job.pk, claim, now=timezone.now())


def test_two_people_watch_a_job_and_one_stops_it(
    browser: Browser, sign_in: Callable[[BrowserContext, User], Page], live_server: LiveServer
) -> None:
    sue, sam = supervisor(), supervisor(username="sam")
    job = asked(sue, 4)
    url = f"{live_server.url}/jobs/{job.pk}/"
    with browser.new_context() as hers, browser.new_context(color_scheme="dark", viewport=PHONE) as his:
        pages = [sign_in(hers, sue), sign_in(his, sam)]
        for page in pages:
            page.goto(url)
            expect(page.locator("#live")).to_have_text("Live")
            expect(page.get_by_text("0 of 4")).to_be_visible()
        # She may leave.
        pages[0].close()
        work(job, 2)
        expect(pages[1].get_by_text("2 of 4")).to_be_visible()
        expect(pages[1].get_by_role("progressbar")).to_have_attribute("value", "2")
        assert_accessible(pages[1])
        pages[1].get_by_role("button", name="Stop").click()
        expect(pages[1].get_by_text("Stopped. What was done until now stays done.")).to_be_visible()
        expect(pages[1].locator("#live")).to_have_count(0)
        assert_accessible(pages[1])
        back = sign_in(hers, sue)
        back.goto(url)
        expect(back.get_by_text("by sam")).to_be_visible()
        expect(back.get_by_text("Not yet")).to_have_count(2)
        assert_accessible(back)
    work(job, 1)
    assert Callback.objects.filter(state=State.QUEUED).count() == 2


def test_what_is_ticked_by_the_keyboard_is_confirmed_and_cancelled(
    context: BrowserContext, sign_in: Callable[[BrowserContext, User], Page], live_server: LiveServer
) -> None:
    sue = supervisor()
    ids = many(3)
    page = sign_in(context, sue)
    page.goto(f"{live_server.url}/callbacks/?{WEEK}")
    page.get_by_label("Tick all on this page").focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("Ticked: 3")).to_be_visible()
    # What arrives, arrives without a tick, and takes none away.
    fourth = many(1)[0]
    expect(page.locator(f'input[name="id"][value="{fourth}"]')).to_be_visible()
    expect(page.get_by_text("Ticked: 3")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Cancel callbacks").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cancel callbacks")).to_be_visible()
    boxes = page.locator('input[name="callback"]')
    expect(boxes).to_have_count(3)
    assert_accessible(page)
    boxes.first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Cancel them").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 of 2")).to_be_visible()
    job = Job.objects.get()
    assert set(job.rows.values_list("callback", flat=True)) < set(ids)
    work(job, 3)
    expect(page.get_by_text("2 of 2")).to_be_visible()
    expect(page.get_by_role("row", name="Cancelled 369-")).to_have_count(2)
    with page.expect_download() as download:
        page.get_by_role("link", name="CancelledCallbacks.csv").click()
    assert download.value.suggested_filename == "CancelledCallbacks.csv"
    assert Callback.objects.filter(state=State.QUEUED).count() == 2


def test_a_list_is_downloaded_with_one_click(
    context: BrowserContext, sign_in: Callable[[BrowserContext, User], Page], live_server: LiveServer, tmp_path: Path
) -> None:
    ids = many(3)
    page = sign_in(context, supervisor())
    page.goto(f"{live_server.url}/callbacks/?{WEEK}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download CSV").click()
    file = tmp_path / "callbacks.csv"
    download.value.save_as(file)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        assert {row["Service ID"] for row in csv.DictReader(lines)} == set(ids)
    expect(page.get_by_text("3 of 3")).to_be_visible()
    expect(page.get_by_role("button", name="Download now")).to_be_hidden()
    assert_accessible(page)
    page.get_by_role("link", name="Jobs").click()
    expect(page.get_by_role("cell", name="Done 3 of 3")).to_be_visible()
    assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_admin_in_our_colours(
    browser: Browser, sign_in: Callable[[BrowserContext, User], Page], live_server: LiveServer, scheme: str
) -> None:
    anna = UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    CallbackFactory.create()
    with browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 900}) as context:  # type: ignore[arg-type]
        page = sign_in(context, anna)
        for path in ("", "telephony/switch/add/", "callbacks/callback/"):
            page.goto(f"{live_server.url}/admin/{path}")
            expect(page.get_by_role("navigation", name="Site").get_by_role("link", name="Callbacks")).to_be_visible()
            assert_accessible(page)
        page.set_viewport_size(PHONE)
        page.goto(f"{live_server.url}/admin/")
        assert_fits(page)
        page.get_by_role("navigation", name="Site").get_by_role("link", name="Callbacks").click()
        expect(page).to_have_url(f"{live_server.url}/callbacks/")
