"""The page of estimates in a real browser: live, without serious faults of accessibility, from a phone to a wall."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from telephony.models import Prediction, QueueAccuracy, QueueMeasure
from tests.factories import PASSWORD, VirtualQueueFactory, supervisor
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def furnish() -> None:
    now = timezone.now()
    for name, ewt, bias in (("Billing_VQ", 185.0, -12.0), ("Sales_of_everything_that_there_is_VQ", 20.0, 3.0)):
        VirtualQueueFactory.create(name=name)
        told: dict[str, Any] = {"plain_ewt": ewt, "plain_p90": 2 * ewt, "earliest": 20, "ewt": ewt, "p90": 2 * ewt}
        Prediction.objects.create(queue=name, owner=name, made_at=now, hour=1, ahead=3, agents=4, **told)
        for what, value in (("handling", 245), ("reach", 22), ("no_show", 0.31), ("abandoned", 0.08)):
            QueueMeasure.objects.create(queue=name, what=what, seconds=value, measured_at=now)
        figures = {"bias": bias, "mean_absolute": 31, "p90_absolute": 75, "within_p90": 0.88}
        for hours in (24, 168):
            QueueAccuracy.objects.create(
                queue=name, hours=hours, judged=120, abandoned=7, put_off=4, computed_at=now, **figures
            )


@pytest.fixture
def signed_in(live_server: LiveServer, page: Page) -> Page:
    supervisor(username="sue")
    page.goto(live_server.url)
    page.get_by_label("Username").fill("sue")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    return page


def test_it_is_found_from_the_head_and_keeps_itself_up_to_date(signed_in: Page) -> None:
    furnish()
    signed_in.get_by_role("link", name="Estimates").click()
    expect(signed_in.get_by_role("heading", name="How right they were")).to_be_visible()
    expect(signed_in.locator("#live")).to_have_text("Live")
    expect(signed_in.get_by_text("12 s too short").first).to_be_visible()
    QueueAccuracy.objects.filter(queue="Billing_VQ").update(bias=44)
    expect(signed_in.get_by_text("44 s too long").first).to_be_visible(timeout=15_000)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280, 2560])
def test_it_can_be_read_by_everybody(signed_in: Page, live_server: LiveServer, scheme: Any, width: int) -> None:
    furnish()
    signed_in.emulate_media(color_scheme=scheme)
    signed_in.set_viewport_size({"width": width, "height": 900})
    signed_in.goto(f"{live_server.url}/estimates/")
    expect(signed_in.get_by_role("heading", name="Queues now")).to_be_visible()
    assert_accessible(signed_in)
    assert_fits(signed_in)
