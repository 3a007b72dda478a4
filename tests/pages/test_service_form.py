"""The admin in a real browser: the form of a service, and an admin's first day from an empty database."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from callbacks.models import Callback
from services.models import Change, ConfiguredService, NamedList, Section
from tests.factories import (
    PASSWORD,
    AgentFactory,
    AgentGroupFactory,
    RoutePointFactory,
    ServiceFactory,
    UserFactory,
    VirtualQueueFactory,
)
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

Open = Callable[[str], Page]


@pytest.fixture
def anna(page: Page, live_server: LiveServer) -> Open:
    """An admin, signed in; opens a page of the admin."""
    UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    page.goto(f"{live_server.url}/admin/login/")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Site administration")).to_be_visible()

    def open_page(path: str) -> Page:
        page.goto(f"{live_server.url}/admin/{path}")
        return page

    return open_page


@pytest.fixture
def service() -> ConfiguredService:
    AgentGroupFactory.create().agents.add(AgentFactory.create(name="kate"))
    RoutePointFactory.create()
    VirtualQueueFactory.create()
    made: ConfiguredService = ServiceFactory.create(name="voice")
    return made


def path_of(service: ConfiguredService) -> str:
    return f"services/configuredservice/{service.pk}/change/"


def row(page: Page, option: str) -> Locator:
    return page.locator(f'.option-row[data-option="{option}"]')


def field(page: Page, option: str) -> Locator:
    return page.locator(f"#id_option{option}")


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_the_filter_finds_options_by_name_and_help_from_the_keyboard(anna: Open, service: ConfiguredService) -> None:
    page = anna(path_of(service))
    expect(page.locator("#option-count")).to_have_text(re.compile(r"^\d+ of \d+ options$"))
    all_shown = page.locator("#option-count").inner_text()
    page.keyboard.press("/")
    expect(page.get_by_label("Filter options")).to_be_focused()
    page.keyboard.type("dial attempts")
    expect(row(page, "_max_dial_attempts")).to_be_visible()
    expect(row(page, "_ttl")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(page.locator("#option-count")).to_have_text(all_shown)
    page.keyboard.type("rocket")
    expect(page.get_by_text("No option matches “rocket”.")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text("No option matches “rocket”.")).to_be_visible()
    page.keyboard.press("Escape")
    expect(row(page, "_ttl")).to_be_visible()


def test_advanced_options_wait_until_they_are_asked_for(anna: Open, service: ConfiguredService) -> None:
    page = anna(path_of(service))
    expect(row(page, "_agent_reserve_timeout")).to_be_hidden()
    page.get_by_label("Show advanced options").check()
    expect(row(page, "_agent_reserve_timeout")).to_be_visible()
    page.reload()
    expect(row(page, "_agent_reserve_timeout")).to_be_visible()
    field(page, "_agent_reserve_timeout").fill("31")
    page.get_by_label("Show advanced options").uncheck()
    # It differs: an admin must see it.
    expect(row(page, "_agent_reserve_timeout")).to_be_visible()
    expect(row(page, "_type")).to_be_hidden()


def test_what_differs_is_said_and_can_be_reset(anna: Open, service: ConfiguredService) -> None:
    service.options["_ttl"] = "604800"
    service.save()
    page = anna(path_of(service))
    expect(row(page, "_ttl")).to_contain_text(
        "Set here. Otherwise: 86400 (the configuration User Terminated Immediate)."
    )
    expect(row(page, "_max_dial_attempts")).to_contain_text("Comes from the built-in default.")
    page.get_by_label("Only what differs").check()
    expect(page.locator(".option-row:visible")).to_have_count(4)
    row(page, "_ttl").get_by_role("button", name="Reset _ttl").press("Enter")
    expect(field(page, "_ttl")).to_have_value("86400")
    expect(page.locator(".option-row:visible")).to_have_count(3)
    page.get_by_label("Why").fill("A week was too long")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    service.refresh_from_db()
    assert "_ttl" not in service.options
    change = Change.objects.get()
    assert (change.actor, change.reason) == ("anna", "A week was too long")
    assert change.before is not None
    assert change.before["options"]["_ttl"] == "604800"


def test_a_slip_is_told_while_typing_and_nothing_is_saved(anna: Open, service: ConfiguredService) -> None:
    page = anna(path_of(service))
    field(page, "_ttl").fill("a week")
    sentence = "Option _ttl: 'a week' was given, allowed is a whole number from"
    expect(row(page, "_ttl").locator(".errorlist")).to_contain_text(sentence)
    expect(page.locator("#option-news")).to_contain_text(sentence)
    expect(field(page, "_ttl")).to_have_attribute("aria-invalid", "true")
    field(page, "_ttl").fill("60")
    expect(row(page, "_ttl").locator(".errorlist")).to_have_count(0)
    # A rule that binds two options: the one at fault speaks, whichever was changed.
    field(page, "_request_execution_time_buffer").fill("180")
    expect(row(page, "_desired_connect_time_threshold").locator(".errorlist")).to_contain_text(
        "allowed is more than _request_execution_time_buffer"
    )
    before = dict(service.options)
    service.refresh_from_db()
    assert service.options == before
    assert not Change.objects.exists()


def test_sections_fold_and_stay_folded(anna: Open, service: ConfiguredService) -> None:
    page = anna(path_of(service))
    page.get_by_role("heading", name="General").click()
    expect(row(page, "_ttl")).to_be_hidden()
    expect(row(page, "_target")).to_be_visible()
    page.reload()
    expect(row(page, "_ttl")).to_be_hidden()
    # What the filter finds is shown all the same, and folded again afterwards.
    page.get_by_label("Filter options").fill("_ttl")
    expect(row(page, "_ttl")).to_be_visible()
    page.get_by_label("Filter options").fill("")
    expect(row(page, "_ttl")).to_be_hidden()
    page.get_by_role("button", name="Fold all").press("Enter")
    expect(row(page, "_target")).to_be_hidden()
    page.get_by_role("button", name="Unfold all").press("Enter")
    expect(row(page, "_ttl")).to_be_visible()


def test_a_numbered_family_grows_by_a_row(anna: Open) -> None:
    office = ConfiguredService.objects.create(
        name="office", type="office-hours", configuration="Custom", options={"_bh_regular1": "Mon-Fri 09:00-17:00"}
    )
    page = anna(path_of(office))
    expect(row(page, "_bh_regular3")).to_have_count(0)
    field(page, "_bh_regular2").fill("Sat 10:00-14:00")
    field(page, "_bh_regular3").fill("Sun 10:00-12:00")
    expect(field(page, "_bh_regular4")).to_have_value("")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    office.refresh_from_db()
    assert office.options == {
        "_bh_regular1": "Mon-Fri 09:00-17:00",
        "_bh_regular2": "Sat 10:00-14:00",
        "_bh_regular3": "Sun 10:00-12:00",
    }


def test_without_scripts_the_form_is_a_plain_one(
    browser: Any, live_server: LiveServer, service: ConfiguredService
) -> None:
    UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/login/?next=/admin/{path_of(service)}")
    page.get_by_label("Username").fill("anna")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#option-tools")).to_be_hidden()
    field(page, "_agent_reserve_timeout").fill("31")
    save(page)
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    service.refresh_from_db()
    assert service.options["_agent_reserve_timeout"] == "31"
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible(anna: Open, service: ConfiguredService, scheme: Any, width: int) -> None:
    other = ServiceFactory.create(name="other", options={"_ttl": "60", "_odd": "1"})
    section = Section.objects.create(name="callback", options={"_throttle_ttl_1": "600", "mine": "x"})
    named = NamedList.objects.create(name="GMS_Resources", sections={"DNIS": {"_allocation": "RANDOM", "1": "5001"}})
    change = Change.objects.create(
        part="services",
        name="voice",
        at=service.created_at,
        actor="anna",
        before=None,
        after={"options": {"_ttl": "1"}},
    )
    page = anna("")
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    for path in (
        "",
        "services/configuredservice/",
        "services/configuredservice/add/",
        "callbacks/callback/",
        path_of(service),
        path_of(other),
        f"services/configuredservice/{service.pk}/copy/",
        f"services/configuredservice/{service.pk}/delete/",
        "services/configuredservice/compare/?a=voice&b=other",
        f"services/section/{section.pk}/change/",
        f"services/namedlist/{named.pk}/change/",
        "services/change/",
        f"services/change/{change.pk}/change/",
        f"services/change/{change.pk}/restore/",
    ):
        page = anna(path)
        assert_accessible(page, context="#content")
        assert_fits(page)


def test_an_admins_first_day(anna: Open, live_server: LiveServer) -> None:
    """From nothing to an accepted callback, in the admin alone, led by the list on its start page."""
    page = anna("")
    steps = page.get_by_role("region", name="Getting started")

    steps.get_by_role("link", name="A switch").click()
    page.get_by_label("Name").fill("SIP_Switch")
    page.get_by_label("Kind").select_option("simulator")
    save(page)

    anna("")
    steps.get_by_role("link", name="A route point").click()
    page.get_by_label("Name").fill("8999")
    page.get_by_label("Switch").select_option("SIP_Switch")
    save(page)

    anna("")
    steps.get_by_role("link", name="A virtual queue").click()
    page.get_by_label("Name").fill("Billing_VQ")
    save(page)

    anna("")
    steps.get_by_role("link", name="An agent", exact=True).click()
    page.locator("#id_name").fill("kate")
    page.get_by_label("Switch").select_option("SIP_Switch")
    page.get_by_label("Sip address").fill("sim:kate")
    save(page)

    anna("")
    steps.get_by_role("link", name="An agent group with an agent in it").click()
    page.get_by_label("Name").fill("Billing")
    page.get_by_role("listbox", name="Available agents").select_option("kate")
    page.get_by_role("button", name=re.compile("Choose selected agents")).click()
    save(page)

    anna("")
    steps.get_by_role("link", name="A callback service that is ready").click()
    page.get_by_label("Service Name").fill("voice-billing")
    page.get_by_label("Common Default Configurations").select_option("User Terminated Immediate")
    save(page)
    expect(page.get_by_text("It cannot work yet.")).to_be_visible()
    expect(page.get_by_text("_target, _urs_virtual_queue and _route_point are empty").first).to_be_visible()
    field(page, "_target").fill("Billing@StatServer.GA")
    field(page, "_urs_virtual_queue").select_option("Billing_VQ")
    row(page, "_route_point").get_by_label("8999@SIP_Switch").check()
    save(page)
    expect(page.locator(".field-state")).to_have_text("ready")

    anna("")
    steps.get_by_role("link", name="An API key with the scope start").click()
    page.get_by_label("Name").fill("web site")
    page.get_by_label("start: start, change and cancel callbacks").check()
    save(page)
    key = page.locator(".api-key").inner_text()

    anna("")
    expect(steps).to_have_count(0)
    request = urllib.request.Request(  # noqa: S310 (the test's own server)
        f"{live_server.url}/genesys/1/service/callback/voice-billing",
        data=json.dumps({"_customer_number": "5115"}).encode(),
        headers={"x-api-key": key, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        started = json.loads(answer.read())
    assert Callback.objects.get().pk == started["_id"]
    parts = Change.objects.order_by("pk").values_list("part", "name", "actor")
    assert list(parts) == [
        ("switches", "SIP_Switch", "anna"),
        ("route_points", "8999@SIP_Switch", "anna"),
        ("virtual_queues", "Billing_VQ", "anna"),
        ("agents", "kate", "anna"),
        ("agent_groups", "Billing", "anna"),
        ("services", "voice-billing", "anna"),
        ("services", "voice-billing", "anna"),
    ]


def test_many_boxes_are_folded_named_found_and_ticked_by_keyboard(anna: Open, service: ConfiguredService) -> None:
    page = anna(path_of(service))
    fold = row(page, "_overwritable_options").locator("summary")
    expect(fold).to_have_text("none chosen")
    fold.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("ttl")
    expect(row(page, "_overwritable_options").locator("label:visible")).to_have_text(
        [re.compile("Find"), re.compile("_ttl"), re.compile("_urs_queued_ttl")]
    )
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(fold).to_have_text("1 chosen: _ttl")
    save(page)
    expect(page.locator(".messagelist")).to_contain_text("changed successfully")
    service.refresh_from_db()
    assert service.options["_overwritable_options"] == "_ttl"
    expect(row(anna(path_of(service)), "_overwritable_options").locator("summary")).to_have_text("1 chosen: _ttl")


def test_options_without_effect_say_so_and_are_found(anna: Open, service: ConfiguredService) -> None:
    page = anna(path_of(service))
    expect(row(page, "_return_pool_health").locator(".option-effect")).to_have_text(
        "no effect For the answers of request-interaction and request-access services."
    )
    expect(row(page, "_ttl").locator(".option-effect")).to_have_count(0)
    page.get_by_label("Filter options").fill("no effect answers")
    expect(row(page, "_return_pool_health")).to_be_visible()
    expect(row(page, "_ttl")).to_be_hidden()
    Section.objects.create(name="callback")
    page = anna(f"services/section/{Section.objects.get().pk}/change/")
    expect(page.locator("#id_known-queue-polling-rate_effect")).to_contain_text("no effect")
