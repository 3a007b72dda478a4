"""The editors of office hours and capacity in a browser: by mouse, keyboard and finger; what is saved is text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from services.models import ConfiguredService
from tests.factories import UserFactory
from tests.pages.browser import assert_accessible, assert_fits, until, without_policy

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ZONE = {"_timezone": "Europe/Berlin"}
Open = Callable[..., Page]


@pytest.fixture
def anna(live_server: LiveServer) -> Iterator[Open]:
    """An admin, signed in, with the page of a service open; in the end the browser has complained of nothing."""
    client = Client()
    client.force_login(UserFactory.create(username="anna", is_staff=True, is_superuser=True))
    complaints: list[str] = []

    def open_page(page: Page, service: ConfiguredService) -> Page:
        if not page.context.cookies():
            session = client.cookies["sessionid"].value
            page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{live_server.url}/admin/services/configuredservice/{service.pk}/change/")
        expect(page.locator(".schedule-editor")).to_be_visible()
        return page

    yield open_page
    assert [said for said in complaints if "404" not in said] == []


def office(name: str = "office", **options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name=name, type="office-hours", configuration="Custom", options={**ZONE, **options}
    )


def places(**options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name="places", type="capacity", configuration="Custom", options={**ZONE, **options}
    )


def cell(page: Page, day: str, time: str, grid: str = "Office hours of the week") -> Locator:
    return page.get_by_role("grid", name=grid).get_by_role("gridcell", name=re.compile(rf"^{day} {time} to "))


def drag(page: Page, start: Locator, end: Locator) -> None:
    start.hover()
    page.mouse.down()
    end.hover()
    page.mouse.up()


def field(page: Page, option: str) -> Locator:
    return page.locator(f"#id_option{option}")


def list_of(page: Page, heading: str) -> Locator:
    return page.locator(".exceptions").filter(has=page.get_by_role("heading", name=heading, exact=True))


def saved(page: Page, service: ConfiguredService) -> dict[str, str]:
    """What is stored after saving, but for the zone."""
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    service.refresh_from_db()
    return {name: text for name, text in service.options.items() if name not in ZONE}


def test_a_week_is_painted_and_saved_as_one_text(anna: Open, page: Page) -> None:
    service = office()
    anna(page, service)
    expect(page.locator(".week-words")).to_have_text("never open")
    drag(page, cell(page, "Monday", "09:00"), cell(page, "Friday", "16:30"))
    expect(page.locator(".week-words")).to_have_text("Mon-Fri 09:00-17:00")
    expect(field(page, "_bh_regular1")).to_have_value("Mon-Fri 09:00-17:00")
    expect(page.locator(".editor-preview")).to_contain_text("09:00-17:00")
    assert saved(page, service) == {"_bh_regular1": "Mon-Fri 09:00-17:00"}


def test_what_was_written_stays_where_nothing_was_painted(anna: Open, page: Page) -> None:
    service = office(
        _bh_regular1="Mon-Fri 9:00-17:00",
        _bh_regular2="Sat 08:10-12:20",
        _bh_regular3="$hours$",
        _bh_regular4="Sun 20:00-2:00",
    )
    anna(page, service)
    expect(cell(page, "Saturday", "08:00")).to_have_attribute(
        "aria-label", "Saturday 08:00 to 08:30, open from 08:10 to 08:30"
    )
    expect(page.locator(".week-kept")).to_contain_text(
        "_bh_regular3 $hours$ is not shown in the week and stays as it is."
    )
    drag(page, cell(page, "Wednesday", "12:00"), cell(page, "Wednesday", "12:30"))
    drag(page, cell(page, "Saturday", "11:30"), cell(page, "Saturday", "13:30"))
    assert saved(page, service) == {
        "_bh_regular1": "Mon-Tue 09:00-17:00",
        "_bh_regular2": "Sat 08:10-11:30",
        "_bh_regular3": "$hours$",
        "_bh_regular4": "Sun 20:00-2:00",
        "_bh_regular5": "Wed 09:00-12:00",
        "_bh_regular6": "Wed 13:00-17:00",
        "_bh_regular7": "Thu-Fri 09:00-17:00",
    }


def test_the_grid_follows_the_text(anna: Open, page: Page) -> None:
    anna(page, office(_bh_regular1="Mon 09:00-17:00"))
    field(page, "_bh_regular1").fill("Sat-Mon 19:00-7:00")
    expect(cell(page, "Tuesday", "06:30")).to_have_attribute("aria-label", re.compile("open$"))
    expect(cell(page, "Tuesday", "07:00")).to_have_attribute("aria-label", re.compile("closed$"))
    expect(cell(page, "Saturday", "18:30")).to_have_attribute("aria-label", re.compile("closed$"))
    expect(page.locator(".week-bar")).to_have_count(6)
    field(page, "_bh_regular1").fill("Sat-Mon 19-7")
    expect(page.locator(".week-bar")).to_have_count(0)
    expect(page.locator(".week-kept")).to_contain_text("Sat-Mon 19-7 is not shown in the week")
    expect(page.locator(".preview-wrong")).to_contain_text("Option _bh_regular1: 'Sat-Mon 19-7' was given, allowed is")
    page.locator(".week-kept").get_by_role("button", name="Go to _bh_regular1").click()
    expect(field(page, "_bh_regular1")).to_be_focused()


def test_painted_and_saved_with_the_keyboard_alone(anna: Open, page: Page) -> None:
    service = office(_bh_regular1="Mon-Fri 09:00-17:00")
    anna(page, service)
    page.locator("#hours-editor").evaluate("editor => { editor.tabIndex = -1; editor.focus(); }")
    page.keyboard.press("Tab")
    expect(cell(page, "Monday", "00:00")).to_be_focused()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    expect(cell(page, "Saturday", "10:00")).to_be_focused()
    for _ in range(7):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    news = page.locator(".editor-news")
    expect(news).to_have_text("Chosen: Saturday to Sunday 10:00 to 14:00. Space opens.")
    page.keyboard.press("Space")
    expect(news).to_have_text(
        "Saturday to Sunday 10:00 to 14:00: open. Saturday is open 10:00 to 14:00. Sunday is open 10:00 to 14:00."
    )
    page.keyboard.press("End")
    expect(cell(page, "Saturday", "23:30")).to_be_focused()
    page.keyboard.press("Control+Home")
    expect(cell(page, "Monday", "00:00")).to_be_focused()
    # Out of the grid with one key, and back at the cell that was left.
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Add hours")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("12242026")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("9")
    page.keyboard.press("Tab")
    page.keyboard.type("24:00")
    page.keyboard.press("Enter")
    expect(news).to_have_text("Additional hours: 2026-12-24 09:00-24:00.")
    page.get_by_role("button", name="Save", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    service.refresh_from_db()
    assert service.options == {
        **ZONE,
        "_bh_regular1": "Mon-Fri 09:00-17:00",
        "_bh_regular2": "Sat-Sun 10:00-14:00",
        "_bh_add1": "2026-12-24 09:00-24:00",
    }


# Paints at random and compares with a week of minutes; the texts, read again, must say the same.
AGAINST_MINUTES = """seed => {
  const random = () => { seed = (seed * 1103515245 + 12345) % 2147483648; return seed / 2147483648; };
  const below = (n) => Math.floor(random() * n);
  const minutes = Array(7 * 1440).fill(false);
  let shifts = [];
  const mark = (from, length, open) => {
    for (let m = 0; m < length; m += 1) minutes[(from + m) % minutes.length] = open;
  };
  for (const text of ["Sat-Mon 19:00-7:00", "Wed 08:10-12:25", "Thu 00:00-24:00"]) {
    for (const shift of shiftsOf(text)) { shifts.push(shift); mark(shift.start, shift.length, true); }
  }
  for (let turn = 0; turn < 40; turn += 1) {
    const from = below(7) * 1440 + below(48) * 30, length = Math.min((1 + below(48)) * 30, 1440 - (from % 1440));
    const open = random() < 0.6;
    shifts = open ? withOpen(shifts, from, from + length) : withClosed(shifts, from, from + length);
    mark(from, length, open);
    const texts = textsOf(shifts), again = texts.flatMap(shiftsOf);
    for (let day = 0; day < 7; day += 1) {
      const shown = Array(1440).fill(false);
      for (const [start, end] of openOn(again, day)) shown.fill(true, start, end);
      if (shown.some((is, m) => is !== minutes[day * 1440 + m])) return { turn, day, texts };
    }
  }
  return null;
}"""


def test_any_painting_amounts_to_its_texts(anna: Open, page: Page) -> None:
    anna(page, office())
    for seed in range(1, 60):
        assert page.evaluate(AGAINST_MINUTES, seed) is None, seed
    painted: list[tuple[str, tuple[int, int, int], list[str]]] = [
        ("Fri 19:00-24:00", (5, 0, 120), ["Fri 19:00-02:00"]),
        ("Sun 22:00-24:00", (0, 0, 60), ["Sun 22:00-01:00"]),
        ("Mon-Sun 00:00-24:00", (2, 720, 780), ["Mon-Sun 00:00-24:00"]),
        ("Mon 09:00-24:00", (1, 0, 1440), ["Mon 09:00-24:00", "Tue 00:00-24:00"]),
    ]
    script = "([given, from, to]) => textsOf(withOpen(shiftsOf(given), from, to))"
    for given, (day, start, end), texts in painted:
        assert page.evaluate(script, [given, day * 1440 + start, day * 1440 + end]) == texts


def test_what_differs_is_listed_added_and_removed(anna: Open, page: Page) -> None:
    office("night", _bh_regular1="Mon-Sun 20:00-23:00")
    service = office(
        _bh_regular1="Mon-Fri 09:00-17:00", _effective_dates1="2026-01-01 to 2027-12-31", _holiday1="01-06"
    )
    anna(page, service)
    closed = list_of(page, "Closed days")
    expect(closed.get_by_label("every year")).to_be_checked()
    closed.get_by_role("button", name="Remove closed day, _holiday1").click()
    expect(closed.get_by_role("button", name="Add a day")).to_be_focused()
    closed.get_by_role("button", name="Add a day").click()
    closed.get_by_label("Day: Closed day").fill("2026-12-24")
    closed.get_by_label("every year").check()
    closed.get_by_role("button", name="Add a day").click()
    closed.get_by_label("Day: Closed day").last.fill("2026-12-31")
    expect(closed.locator("li").last).to_contain_text("Thu")
    added = list_of(page, "Additional hours")
    added.get_by_role("button", name="Add hours").click()
    added.get_by_label("Day: Additional hours").fill("2026-11-29")
    added.get_by_label("Opens: Additional hours").fill("1000")
    added.get_by_label("Closes: Additional hours").fill("25:00")
    added.get_by_label("Closes: Additional hours").press("Tab")
    expect(added.locator(".exception-wrong")).to_have_text(
        "Say when it closes: 00:00 to 24:00, another time than it opens."
    )
    added.get_by_label("Closes: Additional hours").fill("14")
    added.get_by_label("Closes: Additional hours").press("Enter")
    replaced = list_of(page, "Replaced by")
    replaced.get_by_role("button", name="Add a service").click()
    replaced.get_by_label("Service that counts instead").select_option("night")
    replaced.get_by_label("First day: the other service").fill("2026-12-01")
    replaced.get_by_label("Last day: the other service").fill("2026-12-05")
    weekly = list_of(page, "With the weekly hours of")
    weekly.get_by_role("button", name="Add a service").click()
    weekly.get_by_label("Weekly hours of").select_option("night")
    page.get_by_label("Closed on those of").select_option("Germany")
    page.get_by_label("Part of the country").select_option("DE-BY")
    expect(page.locator(".holidays-next")).to_contain_text("Christmas Day")
    # The dates of the other service are not those in which this one is in force.
    expect(list_of(page, "In force").get_by_role("listitem")).to_have_count(1)
    assert saved(page, service) == {
        "_bh_regular1": "Mon-Fri 09:00-17:00",
        "_bh_add1": "2026-11-29 10:00-14:00",
        "_holiday1": "12-24",
        "_holiday2": "2026-12-31",
        "_holidays_country": "DE-BY",
        "_effective_dates1": "2026-01-01 to 2027-12-31",
        "_effective_dates2": "2026-12-01 to 2026-12-05",
        "_use_alternative2": "night",
        "_include_regular1": "night",
    }


def test_the_lists_follow_the_text(anna: Open, page: Page) -> None:
    anna(page, office(_holiday1="2026-12-24"))
    closed = list_of(page, "Closed days")
    field(page, "_holiday1").fill("2026-12-25")
    expect(closed.get_by_label("Day: Closed day")).to_have_value("2026-12-25")
    field(page, "_holiday2").fill("at Easter")
    expect(closed.get_by_role("listitem").last).to_contain_text("at Easter cannot be shown here and stays as it is.")
    field(page, "_holiday1").fill("")
    expect(closed.get_by_role("listitem")).to_have_count(1)
    field(page, "_holidays_country").fill("us-ca")
    expect(page.get_by_label("Closed on those of")).to_have_value("US")
    expect(page.get_by_label("Part of the country")).to_have_value("CA")


def test_a_finger_taps_holds_and_scrolls(anna: Open, browser: Browser) -> None:
    service = office()
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page = anna(context.new_page(), service)
    cell(page, "Monday", "09:00").scroll_into_view_if_needed()
    cell(page, "Monday", "09:00").tap()
    expect(field(page, "_bh_regular1")).to_have_value("Mon 09:00-09:30")
    fingers = context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})

    def middle(at: Locator) -> tuple[float, float]:
        box = at.bounding_box()
        assert box is not None
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    # Beside each other stand the days here, below each other the times.
    start, end = middle(cell(page, "Tuesday", "09:00")), middle(cell(page, "Thursday", "11:30"))
    touch("touchStart", start)
    page.wait_for_timeout(600)
    for step in (0.25, 0.5, 0.75, 1):
        touch("touchMove", (start[0] + (end[0] - start[0]) * step, start[1] + (end[1] - start[1]) * step))
    touch("touchEnd")
    expect(page.locator(".week-words")).to_have_text("Mon 09:00-09:30, Tue-Thu 09:00-12:00")

    # A finger that does not wait scrolls, and paints nothing.
    before = page.evaluate("scrollY")
    touch("touchStart", end)
    for step in range(1, 11):
        touch("touchMove", (end[0], end[1] - 20 * step))
    touch("touchEnd")
    until(page, f"scrollY > {before}")
    assert_fits(page)
    assert saved(page, service) == {"_bh_regular1": "Mon 09:00-09:30", "_bh_regular2": "Tue-Thu 09:00-12:00"}
    context.close()


WEEK_OF_PLACES = "Places of the week"


def test_places_are_typed_over_a_range_and_copied(anna: Open, page: Page) -> None:
    service = places(_capacity_6='{"6": {"1000": 2}}')
    anna(page, service)
    drag(page, cell(page, "Monday", "09:00", WEEK_OF_PLACES), cell(page, "Monday", "11:00", WEEK_OF_PLACES))
    page.keyboard.type("10")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("6")
    said = page.locator(".editor-said")
    expect(said).to_have_text("Monday 12:00 to 13:00: 6 places.")
    page.keyboard.type("000")
    expect(said).to_have_text("6000 is too many: _max_capacity allows at most 1000.")
    expect(cell(page, "Monday", "12:00", WEEK_OF_PLACES)).to_have_text("600")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.get_by_label("Copy Monday to").select_option("Monday to Friday")
    page.get_by_role("button", name="Copy", exact=True).first.click()
    expect(said).to_have_text("Monday was copied to Tuesday, Wednesday, Thursday, Friday.")
    cell(page, "Friday", "10:00", WEEK_OF_PLACES).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Delete")
    hours = '"0900": 10, "1000": 10, "1100": 10, "1200": 6'
    assert saved(page, service) == {
        **{f"_capacity_{day}": f'{{"{day}": {{{hours}}}}}' for day in range(1, 5)},
        "_capacity_5": '{"5": {"0900": 10, "1200": 6}}',
        "_capacity_6": '{"6": {"1000": 2}}',
    }


def test_days_of_places_that_differ(anna: Open, page: Page) -> None:
    service = places(_capacity_4='{"4": {"0900": 10}}', _capacity_add='{"12-31": {"1000": 3}}')
    anna(page, service)
    page.get_by_role("button", name="Add a day").click()
    page.get_by_label("Day: A day that differs").fill("2026-12-24")
    differing = "Places of days that differ"
    first = cell(page, "Thursday 2026-12-24", "09:00", differing)
    # It starts with the numbers of its day of the week.
    expect(first).to_have_text("10")
    first.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.type("5")
    page.get_by_role("button", name="Remove 12-31").click()
    expect(page.locator(".editor-preview")).to_contain_text("A slot that begins now takes")
    assert saved(page, service) == {
        "_capacity_4": '{"4": {"0900": 10}}',
        "_capacity_add": '{"2026-12-24": {"0900": 5, "1000": 5}}',
    }


def test_the_numbers_follow_the_text(anna: Open, page: Page) -> None:
    service = places(_capacity="[Sun, Mon]", _capacity_1='{"1": {"0900": 7}}')
    anna(page, service)
    expect(cell(page, "Sunday", "09:00", WEEK_OF_PLACES)).to_have_text("7")
    expect(page.locator(".week-kept").first).to_contain_text("_capacity [Sun, Mon] does not name Tuesday: no places.")
    page.locator("#id_option_capacity_2").fill('{"2": {"0900": 8}}')
    expect(cell(page, "Monday", "09:00", WEEK_OF_PLACES)).to_have_text("8")
    page.locator("#id_option_capacity_2").fill('{"2": {"0900": "many"}}')
    expect(page.locator(".week-kept").first).to_contain_text("is not shown on Monday and stays as it is.")
    cell(page, "Monday", "09:00", WEEK_OF_PLACES).focus()
    page.keyboard.type("5")
    expect(page.locator(".editor-said")).to_have_text("Monday 09:00 to 10:00 cannot be set here.")
    expect(page.locator("#id_option_capacity_2")).to_have_value('{"2": {"0900": "many"}}')


def test_without_scripts_the_text_form_works_alone(browser: Browser, live_server: LiveServer) -> None:
    service = office(_bh_regular1="Mon 09:00-17:00")
    client = Client()
    client.force_login(UserFactory.create(username="anna", is_staff=True, is_superuser=True))
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/services/configuredservice/{service.pk}/change/")
    expect(page.locator("#hours-editor")).to_be_hidden()
    field(page, "_bh_regular2").fill("Tue 10:00-12:00")
    assert saved(page, service) == {"_bh_regular1": "Mon 09:00-17:00", "_bh_regular2": "Tue 10:00-12:00"}
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_editors_are_accessible(anna: Open, page: Page, scheme: Any, width: int) -> None:
    hours = office(
        _bh_regular1="Mon-Fri 09:00-17:00",
        _bh_regular2="$x$",
        _bh_regular3="nonsense",
        _bh_add1="2026-11-29 10:00-14:00",
        _holiday1="12-24",
        _effective_dates1="2026-01-01 to 2027-12-31",
        _include1="office",
        _holidays_country="DE-BY",
    )
    numbers = places(_capacity_1='{"1": {"0900": 7, "1000": 2000}}', _capacity_add='{"12-31": {"1000": 3}}')
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    without_policy(page)
    for service in (hours, numbers):
        anna(page, service)
        expect(page.locator(".editor-preview").locator("p").first).to_be_visible()
        page.locator(".grid-cell").nth(60).click(modifiers=["Shift"])
        assert_accessible(page, context="#content")
        assert_fits(page)
