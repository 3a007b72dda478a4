"""A supervisor's first ten minutes, as docs/supervisors.md tells them: from signing in to why nobody was called."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.flow.decision import DialResult
from callbacks.flow.session import Session, Stage
from callbacks.flow.states import Reason, State
from tests.factories import PASSWORD, AttemptFactory, CallbackFactory, JournalEntryFactory, supervisor

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

NUMBER = "+493012345681"


class Clicks:
    """Counts what the hand does; typing is not clicking."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, what: Locator) -> None:
        what.click()
        self.number += 1


@pytest.fixture
def tourist(page: Page, live_server: LiveServer) -> Iterator[Page]:
    supervisor(username="tina")
    page.goto(live_server.url)
    yield page
    # No refresh is left that would ask while the tables are emptied.
    page.goto("about:blank")


def test_why_was_this_customer_not_called(tourist: Page) -> None:
    now = timezone.now()
    session = Session(number=NUMBER, desired_at=now, stage=Stage.ENDED, reason=Reason.FAIL_CALL_TO_CUSTOMER)
    callback = CallbackFactory.create(
        customer_number=NUMBER,
        state=State.COMPLETED,
        reason=session.reason,
        created_at=now - timedelta(minutes=5),
        desired_at=now - timedelta(minutes=5),
    )
    for number, result in enumerate((DialResult.BUSY, DialResult.NO_ANSWER, DialResult.ANSWERING_MACHINE), start=1):
        AttemptFactory.create(callback=callback, number=number, result=result, began_at=now, ended_at=now)
    JournalEntryFactory.create(callback=callback, at=now, text="Attempt 3 of 3 failed: an answering machine.")
    click = Clicks()

    tourist.get_by_label("Username").fill("tina")
    tourist.get_by_label("Password").fill(PASSWORD)
    click(tourist.get_by_role("button", name="Sign in"))
    expect(tourist.get_by_role("heading", name="Board")).to_be_visible()
    click(tourist.get_by_role("link", name="Callbacks", exact=True))
    click(tourist.get_by_label("Callback id or number"))
    tourist.keyboard.type(NUMBER)
    tourist.keyboard.press("Enter")
    expect(tourist.get_by_text("1 callback found")).to_be_visible()
    click(tourist.locator(f"#row-{callback.pk}"))

    expect(tourist.locator(".because")).to_contain_text("Not reached: 3 of 3 attempts: busy, no answer")
    assert click.number <= 5
