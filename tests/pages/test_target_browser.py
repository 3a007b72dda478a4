"""A target as an admin writes it, in a browser: checked and drawn while it is typed, in every light and width."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from telephony.models import Agent, AgentGroup, AgentSkill, Skill
from tests.factories import AgentFactory, ServiceFactory, UserFactory, VirtualQueueFactory
from tests.pages.browser import assert_accessible, assert_fits, without_policy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

LIST = """[
  {'target': 'Billing@StatServer.GA', 'timeout': '30', 'clear': false,
   'stat_to_check': 'RStatAgentsReadyvoice', 'stat_operator': '<', 'stat_value': '1'},
  {'target': '?:English>=20&Loans>2@StatServer.GA', 'timeout': '45', 'clear': true},
  {'target': 'tom@StatServer.A'}
]"""


@pytest.fixture
def form(page: Page, live_server: LiveServer) -> Iterator[Page]:
    """The page of a service, opened by an admin; in the end the browser has complained of nothing."""
    VirtualQueueFactory.create()
    kate = AgentFactory.create(name="kate", state=Agent.State.READY)
    omar = AgentFactory.create(name="omar", state=Agent.State.NOT_READY, reason="lunch")
    AgentFactory.create(name="tom")
    AgentGroup.objects.create(name="Billing").agents.set([kate, omar])
    for name in ("English", "Loans"):
        AgentSkill.objects.create(agent=kate, skill=Skill.objects.create(name=name), level=20)
    service = ServiceFactory.create(name="voice")
    client = Client()
    client.force_login(UserFactory.create(username="anna", is_staff=True, is_superuser=True))
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])

    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{live_server.url}/admin/services/configuredservice/{service.pk}/change/")
    yield page
    assert [said for said in complaints if "404" not in said] == []


def row(page: Page) -> Locator:
    return page.locator('.option-row[data-option="_target"]')


def shown(page: Page) -> Locator:
    return page.get_by_role("group", name="What _target amounts to now")


def picture(page: Page, name: str) -> None:
    """Kept for looking at where a folder is named."""
    if folder := os.environ.get("SCREENSHOTS"):
        row(page).scroll_into_view_if_needed()
        row(page).screenshot(path=Path(folder) / f"{name}.png")


def test_a_target_is_checked_and_drawn_as_it_is_typed(form: Page) -> None:
    expect(shown(form)).to_contain_text("2 agents, 2 logged in, 1 ready: kate ready, omar not ready (lunch)")
    target = form.get_by_label("_target:", exact=True)
    target.fill("")
    target.press_sequentially("?:English>=20&Loans")
    expect(row(form).locator(".errorlist")).to_contain_text("allowed is one of = != < > <= >= at column 20")
    expect(shown(form)).to_contain_text("the text cannot be read yet")
    expect(target).to_have_attribute("aria-invalid", "true")
    picture(form, "target-error")
    target.press_sequentially(">2@StatServer.GA")
    expect(row(form).locator(".errorlist")).to_have_count(0)
    expect(shown(form)).to_contain_text("1 agent, 1 logged in, 1 ready: kate ready")
    target.fill("?:French=1")
    expect(row(form).locator(".warninglist")).to_contain_text("there is no skill French")
    target.fill(LIST)
    expect(shown(form)).to_contain_text("Looked for from 0:30 to 1:15.")
    bars = shown(form).locator("svg rect:not(.ground)")
    expect(bars).to_have_count(3)
    boxes = [box for each in bars.all() if (box := each.bounding_box())]
    # The first is kept when the second is added; the third replaces both, and has no end.
    assert boxes[0]["x"] < boxes[1]["x"] < boxes[2]["x"]
    assert boxes[0]["x"] + boxes[0]["width"] == pytest.approx(boxes[1]["x"] + boxes[1]["width"], abs=2)
    assert boxes[2]["x"] == pytest.approx(boxes[1]["x"] + boxes[1]["width"], abs=2)
    picture(form, "target-list")
    Agent.objects.update(state=Agent.State.LOGGED_OUT)
    target.press("End")
    target.press_sequentially(" ")
    expect(shown(form)).to_contain_text("Skipped: RStatAgentsReadyvoice < 1, it is 0 now.")
    expect(bars).to_have_count(2)
    picture(form, "target-skipped")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_on_a_phone_and_in_the_dark(form: Page, scheme: Any) -> None:
    without_policy(form)
    form.reload()
    form.emulate_media(color_scheme=scheme)
    form.set_viewport_size({"width": 360, "height": 740})
    form.get_by_label("_target:", exact=True).fill(LIST)
    expect(shown(form)).to_contain_text("Looked for from 1:15 on.")
    picture(form, f"target-phone-{scheme}")
    assert_fits(form)
    assert_accessible(form, context=".option-preview")
    form.set_viewport_size({"width": 1280, "height": 900})
    picture(form, f"target-wide-{scheme}")
