"""The calendar: what it shows of every slot, on the days on which clocks change too, and what blocking one does."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.pages import calendar_grid as grids
from callbacks.pages.calendar import words
from scheduling import blocks, bookings, offices
from scheduling.models import SlotBlock
from scheduling.occupancy import SlotUse
from services.models import Change, ConfiguredService
from services.people_models import PersonScope
from tests.factories import NOON, CallbackFactory, ServiceFactory, read_only_supervisor, supervisor

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")
# The Tuesday after the Monday whose noon it is, in Berlin nine o'clock.
NINE = datetime(2026, 3, 3, 8, tzinfo=UTC)
HALF = timedelta(minutes=30)


# Rows and columns


def use(start: datetime, minutes: int = 60, *, booked: int = 0, limit: int = 4, blocked: str = "") -> SlotUse:
    return SlotUse(start, start + timedelta(minutes=minutes), booked, limit, blocked, is_open=limit > 0)


def all_day(first: datetime, hours: int, minutes: int = 60) -> list[SlotUse]:
    return [use(first + timedelta(minutes=n * minutes), minutes) for n in range(hours * 60 // minutes)]


def clocks(grid: grids.Grid) -> list[str]:
    return [f"{row.clock}{' again' if row.is_again else ''}" for row in grid.rows]


def test_the_hour_that_comes_twice_is_two_rows_and_the_second_is_of_that_day_alone() -> None:
    """On 1 November 2026 clocks in New York go back from 02:00 to 01:00, at 06:00 UTC."""
    days = [date(2026, 10, 31), date(2026, 11, 1)]
    uses = all_day(datetime(2026, 10, 31, 4, tzinfo=UTC), 49)
    grid = grids.week(uses, days, 60, NEW_YORK, NEW_YORK, NOON)
    assert [column.hours for column in grid.columns] == [None, 25]
    assert clocks(grid)[:4] == ["00:00", "01:00", "01:00 again", "02:00"]
    assert len(grid.rows) == 25
    first, second = grid.rows[1].cells[1], grid.rows[2].cells[1]
    assert [cell and cell.start.hour for cell in (first, second)] == [5, 6]
    assert grid.rows[2].cells[0] is None


def test_in_half_hours_the_second_hour_follows_the_first() -> None:
    uses = all_day(datetime(2026, 11, 1, 4, tzinfo=UTC), 25, 30)
    grid = grids.week(uses, [date(2026, 11, 1)], 30, NEW_YORK, NEW_YORK, NOON)
    assert clocks(grid)[2:7] == ["01:00", "01:30", "01:00 again", "01:30 again", "02:00"]
    shown = [row.cells[0].start for row in grid.rows if row.cells[0]]
    assert shown == sorted(shown)


def test_the_hour_that_is_skipped_has_no_slot_that_day() -> None:
    """On 8 March 2026 clocks in New York go forward from 02:00 to 03:00."""
    days = [date(2026, 3, 7), date(2026, 3, 8)]
    grid = grids.week(all_day(datetime(2026, 3, 7, 5, tzinfo=UTC), 47), days, 60, NEW_YORK, UTC_ZONE, NOON)
    assert [column.hours for column in grid.columns] == [None, 23]
    assert [cell is not None for cell in grid.rows[2].cells] == [True, False]
    # The viewer's clock is not at the same distance on both days.
    assert [row.viewer for row in grid.rows[:4]] == ["05:00", "06:00", "07:00", "08:00/07:00"]


def test_fine_slots_are_summed_up_by_the_hour_in_a_week_and_shown_in_a_day() -> None:
    uses = [use(NINE + timedelta(minutes=5 * n), 5, booked=n % 2, limit=2) for n in range(24)]
    week = grids.week(uses, [date(2026, 3, 3)], 5, BERLIN, BERLIN, NOON)
    assert [(row.clock, row.cells[0] and (row.cells[0].booked, row.cells[0].limit)) for row in week.rows] == [
        ("09:00", (6, 24)),
        ("10:00", (6, 24)),
    ]
    day = grids.day(uses, date(2026, 3, 3), 5, BERLIN, UTC_ZONE, NOON)
    assert [column.minute for column in day.columns] == list(range(0, 60, 5))
    assert [(row.clock, row.viewer, len(row.cells)) for row in day.rows] == [
        ("09:00", "08:00", 12),
        ("10:00", "09:00", 12),
    ]


def test_only_the_time_from_the_first_opening_to_the_last_closing_is_shown() -> None:
    uses = [use(NINE, booked=1), use(NINE + timedelta(hours=1), limit=0), use(NINE + timedelta(hours=2))]
    grid = grids.week(uses, [date(2026, 3, 3), date(2026, 3, 4)], 60, BERLIN, BERLIN, NOON)
    assert clocks(grid) == ["09:00", "10:00", "11:00"]
    assert [[cell.state for cell in row.cells if cell] for row in grid.rows] == [
        ["free", "closed"],
        ["closed", "closed"],
        ["free", "closed"],
    ]
    assert grids.week([], [date(2026, 3, 3)], 60, BERLIN, BERLIN, NOON).rows == ()


@pytest.mark.parametrize(
    ("uses", "state", "shade", "said"),
    [
        ([], "closed", 0, "closed"),
        ([use(NINE, limit=0)], "closed", 0, "closed"),
        ([use(NINE)], "free", 0, "0 of 4 booked, 4 free"),
        ([use(NINE, booked=1)], "free", 2, "1 of 4 booked, 3 free"),
        ([use(NINE, booked=4)], "full", 4, "full, 4 of 4 booked"),
        # A limit was lowered, or the office closes meanwhile: who is booked is shown all the same.
        ([use(NINE, booked=5)], "full", 4, "full, 5 of 4 booked"),
        ([use(NINE, booked=2, limit=0)], "full", 4, "2 booked, closed"),
        ([use(NINE, booked=1, blocked="drill")], "blocked", 2, "blocked, 1 of 4 booked"),
        (
            [use(NINE, 30, booked=1, blocked="drill"), use(NINE + HALF, 30)],
            "partly",
            1,
            "partly blocked, 1 of 8 booked, 4 free",
        ),
    ],
)
def test_every_state_of_a_slot_is_said_in_words(uses: list[SlotUse], state: str, shade: int, said: str) -> None:
    grid = grids.week(uses, [date(2026, 3, 3)], 60, BERLIN, BERLIN, NOON)
    cell = grid.cell_at(NINE)
    assert cell is not None
    assert (cell.state, cell.shade, words(cell)) == (state, shade, said)


# The page


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.fixture
def billing(db: None, at_noon: None) -> ConfiguredService:
    """Open from nine to five in Berlin, four callbacks each half hour."""
    hours = {"_timezone": "Europe/Berlin", "_bh_regular1": "Mon-Fri 09:00-17:00"}
    ServiceFactory.create(name="berlin", type="office-hours", configuration="Custom", options=hours)
    return another("billing")


def another(name: str) -> ConfiguredService:
    options = {
        "_business_hours_service": "berlin",
        "_request_time_bucket": "30",
        "_max_request_by_time_bucket": "4",
    }
    ServiceFactory.create(name=name, options=options)
    return ConfiguredService.objects.get(name=name)


@pytest.fixture
def as_sue(billing: ConfiguredService) -> Client:
    return signed_in(supervisor())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def booked(service: ConfiguredService, at: datetime, **fields: Any) -> Callback:
    callback: Callback = CallbackFactory.create(
        service=service, state=State.SCHEDULED, created_at=NOON, desired_at=at, **fields
    )
    bookings.book(callback.pk, service_id=service.pk, plan=offices.plan_of(service), desired_at=at)
    return callback


def text_of(client: Client, **query: str) -> str:
    answer = client.get("/calendar/", query)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def slot(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S.000Z}"


def form(at: datetime = NINE, *, service: str = "billing", **fields: str) -> dict[str, str]:
    return {"service": service, "start": slot(at), "end": slot(at + HALF), "slot": slot(at), **fields}


def said(client: Client, path: str, fields: dict[str, str]) -> str:
    answer = client.post(path, fields, follow=True)
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context["messages"])


def test_who_looks_from_a_zone_whose_clocks_never_change_has_theirs_beside(as_sue: Client) -> None:
    with timezone.override("Etc/GMT-3"):
        page = text_of(as_sue, service="billing")
    assert "Small beside them, yours: Etc/GMT-3." in page


def test_the_page_says_of_each_slot_how_many_are_booked(as_sue: Client, billing: ConfiguredService) -> None:
    booked(billing, NINE + timedelta(minutes=10))
    page = text_of(as_sue, service="billing")
    assert 'aria-label="Tue 3 Mar 09:00–09:30: 1 of 4 booked, 3 free">1/4</a>' in page  # noqa: RUF001
    assert 'aria-label="Sat 7 Mar 09:00–09:30: closed">–</a>' in page  # noqa: RUF001
    assert "Times are of the office: Europe/Berlin." in page


@pytest.mark.parametrize(
    ("query", "past", "to_come"),
    [
        # NOON is one o'clock in Berlin, so four hours of the day are over.
        ({}, "8 slots that are past", 8),
        ({"slot": "2026-03-02T08:00:00.000Z"}, "open 8 slots that are past", 8),
        ({"slot": "2026-03-02T13:00:00.000Z"}, "8 slots that are past", 8),
        ({"date": "2026-03-03"}, "", 16),
        ({"date": "2026-03-07"}, "Closed all day.", 0),
    ],
)
def test_on_a_narrow_screen_what_is_past_stands_folded_above_what_is_to_come(
    as_sue: Client, query: dict[str, str], past: str, to_come: int
) -> None:
    """Unless the slot that was asked for is among it."""
    page = text_of(as_sue, service="billing", **query)
    of_day = page[page.index('<div class="calendar-list">') : page.index('<ul class="calendar-legend"')]
    folded = re.search(r'<details id="past-slots"( open)?> <summary>(.*?)</summary> (.*?)</details>', of_day)
    if folded:
        assert f"{folded[1] or ''} {folded[2]}".strip() == past
        assert folded[3].count("<li>") == 8
    else:
        assert past in of_day
    assert of_day.count("<li>") == to_come + (8 if folded else 0)


def test_once_the_office_has_closed_what_is_past_is_all_there_is_and_open(
    as_sue: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON + timedelta(hours=5))
    page = text_of(as_sue, service="billing")
    assert '<details id="past-slots" open> <summary>16 slots that are past</summary>' in page
    assert "Nothing more is open on this day." in page


def test_a_slot_says_who_is_booked_and_leads_to_booking_it(as_sue: Client, billing: ConfiguredService) -> None:
    ada, bob = booked(billing, NINE + timedelta(minutes=10)), booked(billing, NINE + HALF)
    page = text_of(as_sue, service="billing", slot=slot(NINE))
    assert f'<a href="/callbacks/{ada.pk}/">09:10:00 916504661232</a>' in page
    assert bob.pk not in page
    assert "/callbacks/new/?service=billing&amp;at=2026-03-03T08%3A00%3A00.000Z" in page


def test_who_may_only_look_sees_masked_numbers_and_no_buttons(billing: ConfiguredService) -> None:
    booked(billing, NINE)
    client = signed_in(read_only_supervisor())
    page = text_of(client, service="billing", slot=slot(NINE))
    assert "09:00:00 9165***32" in page
    assert "/callbacks/new/" not in page
    assert "/calendar/block/" not in page
    for path in ("/calendar/block/", "/calendar/unblock/"):
        assert client.post(path, form(reason="drill")).status_code == 403
    assert SlotBlock.objects.count() == 0


def test_a_slot_is_blocked_and_unblocked(as_sue: Client, billing: ConfiguredService) -> None:
    ada = booked(billing, NINE + timedelta(minutes=10))
    assert said(as_sue, "/calendar/block/", form(reason="drill")) == (
        "Blocked: nothing more is booked there. Who is booked stays."
    )
    row = SlotBlock.objects.get()
    assert (row.start, row.end, row.reason, row.actor) == (NINE, NINE + HALF, "drill", "sue")
    page = text_of(as_sue, service="billing", slot=slot(NINE))
    assert "Blocked by sue: drill (Tue 3 Mar 09:00 – Tue 3 Mar 09:30)" in page  # noqa: RUF001
    assert "09:00–09:30: blocked, 1 of 4 booked" in page  # noqa: RUF001
    assert "They stay booked although it is blocked: open one to reschedule it." in page
    assert ada.pk in page
    assert "/callbacks/new/?service" not in page
    assert said(as_sue, "/calendar/unblock/", form(seen=str(row.pk))) == "Unblocked: it can be booked again."
    assert SlotBlock.objects.count() == 0
    assert list(Change.objects.order_by("pk").values_list("actor", "reason")) == [("sue", "drill"), ("sue", "")]


def test_a_range_is_typed_on_the_office_clock(as_sue: Client) -> None:
    typed = {"from": "2026-03-03T13:00", "to": "2026-03-04T10:15"}
    said(as_sue, "/calendar/block/", form(NINE, reason="drill", **typed))
    row = SlotBlock.objects.get()
    # Whole slots.
    assert (row.start, row.end) == (datetime(2026, 3, 3, 12, tzinfo=UTC), datetime(2026, 3, 4, 9, 30, tzinfo=UTC))


def test_of_the_hour_that_comes_twice_the_chosen_one_is_blocked(as_sue: Client) -> None:
    """On 25 October 2026 clocks in Berlin go back from 03:00 to 02:00, at 01:00 UTC: what is typed says not which."""
    second = datetime(2026, 10, 25, 1, tzinfo=UTC)
    typed = {"from": "2026-10-25T02:00", "to": "2026-10-25T02:30"}
    said(as_sue, "/calendar/block/", form(second, reason="drill", **typed))
    assert SlotBlock.objects.get().start == second


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"reason": " "}, "Nothing was blocked: say why, in 1 to 500 characters."),
        ({"reason": "x" * 501}, "Nothing was blocked: say why, in 1 to 500 characters."),
        (
            {"reason": "drill", "from": "2026-03-03T10:00", "to": "2026-03-03T09:00"},
            "Nothing was changed: give a beginning and a later end, at most 366 days after it.",
        ),
        (
            {"reason": "drill", "from": "tomorrow"},
            "Nothing was changed: give a beginning and a later end, at most 366 days after it.",
        ),
        (
            {"reason": "drill", "from": "2026-03-02T09:00", "to": "2026-03-02T10:00"},
            "Nothing was blocked: that time has passed.",
        ),
    ],
)
def test_what_cannot_be_blocked_is_refused_with_the_reason(as_sue: Client, fields: dict[str, str], why: str) -> None:
    assert said(as_sue, "/calendar/block/", form(NINE, **fields)) == why
    assert (SlotBlock.objects.count(), Change.objects.count()) == (0, 0)


def test_two_supervisors_on_one_slot_hear_of_each_other(as_sue: Client, billing: ConfiguredService) -> None:
    blocks.block(billing, NINE, NINE + HALF, reason="ill", actor="tom", now=NOON)
    seen = str(SlotBlock.objects.get().pk)
    assert said(as_sue, "/calendar/block/", form(reason="drill")) == "It is blocked already, by tom: ill"
    blocks.unblock(billing, NINE, NINE + HALF, actor="tom", now=NOON)
    assert said(as_sue, "/calendar/unblock/", form(seen=seen)) == "Nothing is blocked there any more."
    blocks.block(billing, NINE, NINE + HALF, reason="fire", actor="tom", now=NOON)
    assert said(as_sue, "/calendar/unblock/", form(seen=seen)) == (
        "Nothing was unblocked: it was blocked anew meanwhile, by tom: fire"
    )
    assert SlotBlock.objects.get().reason == "fire"


def test_who_is_limited_sees_and_blocks_only_their_services(billing: ConfiguredService) -> None:
    sales = another("sales")
    booked(sales, NINE)
    user = supervisor()
    PersonScope.objects.create(user=user, kind="service", name="billing")
    client = signed_in(user)
    page = text_of(client)
    assert "sales" not in page
    # The only one is shown at once.
    assert "Tue 3 Mar 09:00–09:30: 0 of 4 booked" in page  # noqa: RUF001
    assert client.get("/calendar/", {"service": "sales"}).status_code == 404
    assert client.post("/calendar/block/", form(service="sales", reason="drill")).status_code == 404
    assert SlotBlock.objects.count() == 0


def test_all_services_are_summed_up_and_a_slot_says_whose_they_are(as_sue: Client, billing: ConfiguredService) -> None:
    sales = another("sales")
    booked(billing, NINE)
    booked(sales, NINE)
    # On the site's clock, which is UTC.
    page = text_of(as_sue, slot=slot(NINE))
    assert "Tue 3 Mar 08:00–08:30: 2 of 8 booked, 6 free" in page  # noqa: RUF001
    assert ">sales</a> 1/4" in page
    assert "/calendar/block/" not in page


def test_what_is_asked_for_wrongly_shows_what_there_is(as_sue: Client) -> None:
    for query in ({"date": "yesterday"}, {"date": "0001-01-01"}, {"slot": "noon"}, {"slot": "9999-12-31T23:59:59Z"}):
        assert "0 of 4 booked" in text_of(as_sue, service="billing", **query)
    assert as_sue.get("/calendar/", {"service": "nobody"}).status_code == 404


def test_a_service_that_cannot_be_read_says_why(as_sue: Client, billing: ConfiguredService) -> None:
    billing.options["_business_hours_service"] = "paris"
    billing.save()
    assert "There is no service paris." in text_of(as_sue, service="billing")


def test_the_page_has_a_fixed_number_of_queries_and_a_refresh_answers_only_changes(
    as_sue: Client, billing: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for minute in range(4):
        booked(billing, NINE + timedelta(minutes=minute))
    query = {"service": "billing", "slot": slot(NINE)}
    text_of(as_sue, **query)
    # Session, user, permissions of user and groups, limits, services, the service, offices, slots, booked, blocks,
    # whether there is a desk.
    with django_assert_num_queries(12):
        answer = as_sue.get("/calendar/", query)
    seen = answer.context["seen"]
    assert as_sue.get("/calendar/", {**query, "seen": seen}, headers={"HX-Request": "true"}).status_code == 204
    Callback.objects.filter(desired_at=NINE).update(customer_number="491")
    assert as_sue.get("/calendar/", {**query, "seen": seen}, headers={"HX-Request": "true"}).status_code == 200
