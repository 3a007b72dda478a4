"""The list of callbacks: which it shows, in which order, how many there are, and the views that people keep."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from html import unescape
from itertools import cycle
from urllib.parse import urljoin
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.session import Stage
from callbacks.flow.states import Reason, State
from callbacks.list_models import SavedView
from callbacks.models import Callback
from callbacks.pages import listing, view
from callbacks.pages.listing import Found, Listing
from callbacks.pages.view import View
from services.models import Section
from tests.factories import (
    NOON,
    AgentFactory,
    CallbackFactory,
    ServiceFactory,
    UserFactory,
    VirtualQueueFactory,
    limited_supervisor,
    read_only_supervisor,
    supervisor,
)
from tests.pages.test_callbacks import text_of

pytestmark = pytest.mark.django_db

LIST = "/callbacks/"
MARCH = "range=custom&from=2026-03-01T00%3A00Z&to=2026-03-31T00%3A00Z"
HTMX = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{LIST}?{MARCH}"}
HOSTILE = "<script>alert('x')</script>\"'&"
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 5)


def shown(client: Client, query: str = "", base: str = MARCH) -> str:
    """The list of March with this beside."""
    response = client.get(f"{LIST}?{base}{'&' if base and query else ''}{query}")
    assert response.status_code == 200, response.headers
    return response.content.decode()


def ids(page: str) -> list[str]:
    return re.findall(r'id="row-([^"]+)"', page)


def link(page: str, element: str) -> str:
    found = re.search(rf'id="{element}"[^>]* href="([^"]*)"', page)
    return urljoin(LIST, unescape(found[1])) if found else ""


def count(page: str) -> str:
    return str(re.findall(r'<strong id="found">(.*?)</strong>', page)[0])


def read(user: User, query: str, now: datetime = NOON, zone: tzinfo = UTC) -> View:
    return View.read(QueryDict(query), user=user, now=now, zone=zone)


def many(number: int, **fields: object) -> list[str]:
    """Callbacks a second apart; their ids, newest first."""
    made = [CallbackFactory.create(created_at=NOON + timedelta(seconds=n), **fields).pk for n in range(number)]
    return made[::-1]


# ---- the time range


@pytest.mark.parametrize(
    ("query", "start", "end"),
    [
        ("", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("range=today", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("range=last-24-hours", "2026-03-28T11:00+01:00", "2026-03-29T12:00+02:00"),
        ("range=last-7-days", "2026-03-22T12:00+01:00", "2026-03-29T12:00+02:00"),
        ("range=last-30-days", "2026-02-27T12:00+01:00", "2026-03-29T12:00+02:00"),
        ("range=next-24-hours", "2026-03-29T12:00+02:00", "2026-03-30T12:00+02:00"),
        ("range=next-7-days", "2026-03-29T12:00+02:00", "2026-04-05T12:00+02:00"),
        ("range=next-30-days", "2026-03-29T12:00+02:00", "2026-04-28T12:00+02:00"),
        ("range=custom&from=2026-03-28T08:00&to=2026-03-29T08:00", "2026-03-28T08:00+01:00", "2026-03-29T08:00+02:00"),
        # An hour that there is not is that of the clock before it was changed.
        ("range=custom&from=2026-03-29T02:30&to=2026-03-29T05:00", "2026-03-29T03:30+02:00", "2026-03-29T05:00+02:00"),
        # One that comes twice is taken in whole.
        ("range=custom&from=2026-10-25T02:00&to=2026-10-25T02:30", "2026-10-25T02:00+02:00", "2026-10-25T02:30+01:00"),
        (
            "range=custom&from=2026-03-29T08:00Z&to=2026-03-29T09:00Z",
            "2026-03-29T10:00+02:00",
            "2026-03-29T11:00+02:00",
        ),
    ],
)
def test_a_range_is_that_of_who_looks_on_the_day_the_clocks_change(sue: User, query: str, start: str, end: str) -> None:
    found = read(sue, query, now=datetime(2026, 3, 29, 10, 0, tzinfo=UTC), zone=BERLIN)
    assert (found.errors, found.start, found.end) == (
        {}, datetime.fromisoformat(start), datetime.fromisoformat(end)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("range=custom&from=2026-03-02T12:00&to=2026-03-02T12:00", "from", "The start is not before the end."),
        ("range=custom&from=2026-03-03T00:00&to=2026-03-02T12:00", "from", "The start is not before the end."),
        ("range=custom&from=2026-03-01T00:00&to=2026-04-01T00:01", "to", "The maximum range is one month (31 days)."),
        ("range=custom&from=2026-03-01T00:00", "to", "A custom range needs both a start and an end."),
        ("range=custom&from=soon&to=2026-03-02T12:00", "from", "“soon” is no time: write it as 2026-11-22T16:55."),
        ("range=custom&from=1900-01-01T00:00&to=2199-12-31T23:59", "to", "The maximum range is one month (31 days)."),
        ("range=sometime", "range", "“sometime” is no time range."),
        ("state=SLEEPING", "state", "“SLEEPING” is no state."),
        ("service=nonsense", "service", "There is no service “nonsense” that you may see."),
        ("reason=WEATHER", "reason", "“WEATHER” is no reason."),
        ("sort=session", "sort", "The list cannot be sorted by “session”."),
        ("data=customer_id", "data", "“customer_id” is no user data: write key=value."),
        ("number=*12", "number", "Write at least three digits, with one * before or behind them."),
        ("number=*115*", "number", "Write at least three digits, with one * before or behind them."),
    ],
)
def test_what_cannot_be_meant_is_said_and_nothing_is_shown(
    as_sue: Client, sue: User, query: str, field: str, text: str
) -> None:
    CallbackFactory.create()
    found = read(sue, query)
    assert found.errors == {field: text}
    assert list(found.rows(sue)) == []
    page = shown(as_sue, query, base="")
    assert ids(page) == []
    assert text in text_of(page)
    assert "every 3s" not in page


@pytest.mark.parametrize("year", ["9999", "0001"])
def test_a_range_where_time_ends_is_said_to_be_none(as_sue: Client, sue: User, year: str) -> None:
    start, end = f"{year}-01-01T00:00Z", f"{year}-12-31T00:00Z"
    query = f"range=custom&from={start}&to={end}"
    found = read(sue, query, zone=ZoneInfo("America/New_York"))
    no_time = "“{}” is no time: write it as 2026-11-22T16:55."
    assert found.errors == {"from": no_time.format(start), "to": no_time.format(end)}
    assert ids(shown(as_sue, query, base="")) == []


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", pytest.param("[" * 3000, id="deep")])
def test_what_no_request_can_say_as_a_number_is_looked_for_as_text(as_sue: Client, sue: User, value: str) -> None:
    said = CallbackFactory.create(user_data={"size": value})
    CallbackFactory.create(user_data={"size": 1})
    assert ids(shown(as_sue, f"data=size%3D{value}")) == [said.pk]
    assert [each.pk for each in read(sue, f"{MARCH}&data=size%3D{value}").rows(sue)] == [said.pk]


def test_a_month_of_31_days_is_not_too_long(sue: User) -> None:
    assert read(sue, "range=custom&from=2026-03-01T00:00&to=2026-04-01T00:00").errors == {}


def test_the_range_is_of_the_desired_time_and_its_end_is_not_in_it(as_sue: Client) -> None:
    on_time = CallbackFactory.create(desired_at=datetime(2026, 3, 1, tzinfo=UTC))
    CallbackFactory.create(desired_at=datetime(2026, 3, 31, tzinfo=UTC))
    CallbackFactory.create(desired_at=datetime(2026, 2, 28, 23, 59, tzinfo=UTC))
    assert ids(shown(as_sue)) == [on_time.pk]


# ---- the address


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("range=today&state=&number=&sort=-desired", ""),
        ("state=QUEUED&state=PAUSED&state=QUEUED", "state=PAUSED&state=QUEUED"),
        ("agent=kate&range=last-7-days", "range=last-7-days&agent=kate"),
        ("column=state&column=key.plan&column=number", "column=state&column=number&column=key.plan"),
        ("column=state&key=plan", "column=state&column=key.plan"),
        ("range=next-7-days&sort=desired", "range=next-7-days"),
        ("data=plan+%3D+gold&data=a%3Db%3Dc", "data=plan%3Dgold&data=a%3Db%3Dc"),
    ],
)
def test_one_view_has_one_address(sue: User, query: str, canonical: str) -> None:
    found = read(sue, query)
    assert (found.errors, found.query.replace("state=QUEUED&state=PAUSED", "state=PAUSED&state=QUEUED")) == (
        {},
        canonical,
    )
    assert read(sue, found.query) == found


def test_a_time_in_the_address_is_the_same_everywhere(as_sue: Client, sue: User) -> None:
    found = read(sue, "range=custom&from=2026-03-28T08:00&to=2026-03-29T08:00", zone=BERLIN)
    assert found.query == "range=custom&from=2026-03-28T07%3A00Z&to=2026-03-29T06%3A00Z"
    moved = as_sue.get(f"{LIST}?range=custom&from=2026-03-28T08:00&to=2026-03-29T08:00")
    assert moved["Location"] == f"{LIST}?range=custom&from=2026-03-28T08%3A00Z&to=2026-03-29T08%3A00Z"


def test_the_words_of_a_view_say_all_of_it(sue: User) -> None:
    ServiceFactory.create(name="billing")
    asked = read(sue, "state=QUEUED&service=billing&queue=Q&agent=kate&number=5115&data=plan%3Dgold")
    assert asked.words == ["Today", "Queued", "billing", "queue Q", "agent kate", "number 5115", "plan=gold"]


# ---- filters, against what the database says of the same view

QUERIES = [
    "", "state=QUEUED", "state=QUEUED&state=COMPLETED", "reason=CANCELLED", "service=billing",
    "service=billing&service=sales", "queue=Q1", "queue=Q1&state=QUEUED", "agent=kate", "agent=kate&queue=Q2",
    "agent=kate&reason=AGENT_CONNECTED&service=sales", "number=49301", "number=*301", "number=4930*",
    "number=49301&agent=kate", "data=plan%3Dgold", "data=plan%3Dgold&data=customer_id%3D4711", "data=size%3D3",
    "data=_device_os%3Dios", "data=plan%3Dgold&service=billing&state=COMPLETED", "agent=nobody",
    "reason=CANCELLED&queue=Q1",
]  # fmt: skip
SORTS = [f"sort={turn}{name}" for name in view.ORDERS for turn in ("", "-")]


@pytest.fixture
def centre(db: None) -> None:
    """Two hundred callbacks of all kinds."""
    services = [ServiceFactory.create(name=name) for name in ("billing", "sales", "support")]
    states = [State.COMPLETED, State.COMPLETED, State.QUEUED, State.SCHEDULED, State.ROUTING]
    reasons = [Reason.AGENT_CONNECTED, Reason.CANCELLED, Reason.FAIL_ERROR]
    for n in range(200):
        state = states[n % 5]
        CallbackFactory.create(
            service=services[n % 3],
            state=state,
            reason=reasons[n % 7 % 3] if state == State.COMPLETED else "",
            agent=["", "kate", "mia"][n // 2 % 3],
            queue=["Q1", "Q2"][n // 3 % 2],
            customer_number=f"4930{n % 11}",
            user_data={"plan": ["gold", "silver"][n % 2], "customer_id": "4711" if n % 9 == 0 else "1", "size": n % 4},
            properties={"_device_os": ["ios", "android"][n % 3 % 2]},
            created_at=NOON + timedelta(seconds=n // 2),
        )


# How another column's order is read where more match than are counted: whatever the size of what is filtered by.
WAYS = {
    "sorted": (10_000, False, 0),
    "value by value": (10, True, 0),
    "counted by value": (10, False, 0),
    "of its first value": (10, False, 10_000),
    "of its first value, if soon": (10, False, 12),
}


def go(monkeypatch: pytest.MonkeyPatch, way: str) -> int:
    """Have another column's order read in this way. How many are counted at most."""
    counted, is_broad, tried = WAYS[way]
    monkeypatch.setattr(listing, "MOST_COUNTED", counted)
    monkeypatch.setattr(listing, "MOST_TRIED", tried)
    monkeypatch.setattr(Listing, "_is_broad", is_broad)
    return counted


@pytest.mark.parametrize(
    ("fetched", "read_", "few", "way"),
    [*((5_000, 250_000, 4, way) for way in WAYS), (5_000, 250_000, 0, "sorted"), (60, 20, 4, "sorted")],
)
def test_pages_are_what_the_view_says_in_its_order(
    centre: None,
    sue: User,
    monkeypatch: pytest.MonkeyPatch,
    small_pages: None,
    fetched: int,
    read_: int,
    few: int,
    way: str,
) -> None:
    """Whichever index is chosen, and however it is read."""
    monkeypatch.setattr(listing, "PAGE_SIZE", 40)
    monkeypatch.setattr(listing, "FEW_SERVICES", few)
    monkeypatch.setattr(listing, "MOST_READ", read_)
    monkeypatch.setattr(listing, "MOST_FETCHED", fetched)
    monkeypatch.setattr(listing, "CHUNK", 2)
    counted = go(monkeypatch, way)
    # What is not looked at is said, not shown: only what an index alone finds is whole whatever the limits.
    queries = QUERIES if (fetched, read_) == (5_000, 250_000) else ["", "state=QUEUED&state=COMPLETED"]
    for query in queries:
        for sort in SORTS if query in QUERIES[:9] else ["sort=-desired", "sort=agent"]:
            asked = read(sue, f"{MARCH}&{query}&{sort}")
            assert asked.errors == {}
            expected = list(asked.rows(sue).order_by(*asked.order).values_list("pk", flat=True))
            assert _all_pages(asked, sue) == expected, (query, sort)
            if queries is QUERIES:
                found = Listing(asked, sue).found
                assert (found.number, found.is_more) == (min(len(expected), counted), len(expected) > counted)


@pytest.mark.parametrize("size", [7, 40])
@pytest.mark.parametrize("sort", SORTS)
def test_the_next_page_goes_on_whichever_way_it_is_read(
    centre: None, sue: User, monkeypatch: pytest.MonkeyPatch, small_pages: None, sort: str, size: int
) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", size)
    asked = read(sue, f"{MARCH}&{sort}")
    expected = list(asked.rows(sue).order_by(*asked.order).values_list("pk", flat=True))
    shown, key = [], ""
    for way in cycle(WAYS):
        go(monkeypatch, way)
        page = Listing(asked, sue).page(after=key)
        shown += [row.pk for row in page.rows]
        key = page.after
        if not key:
            break
    assert shown == expected


def test_a_filter_is_broad_where_its_index_holds_much(centre: None, sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE callbacks_callback")
    monkeypatch.setattr(listing, "MOST_READ", 43)
    assert {query: Listing(read(sue, f"{MARCH}&{query}"), sue)._is_broad for query in QUERIES[:9]} == {
        "": True,
        "state=QUEUED": False,
        "state=QUEUED&state=COMPLETED": True,
        "reason=CANCELLED": False,
        "service=billing": True,
        "service=billing&service=sales": True,
        "queue=Q1": True,
        "queue=Q1&state=QUEUED": False,
        "agent=kate": True,
    }


def _all_pages(asked: View, user: User) -> list[str]:
    """Every page from the first to the last, and back again to the first."""
    pages = [Listing(asked, user).page()]
    while pages[-1].after:
        pages.append(Listing(asked, user).page(after=pages[-1].after))
    for earlier, later in zip(pages[-2::-1], pages[:0:-1], strict=True):
        back = Listing(asked, user).page(before=later.before)
        assert [row.pk for row in back.rows] == [row.pk for row in earlier.rows]
    return [row.pk for page in pages for row in page.rows]


def test_what_was_not_looked_at_is_said(
    centre: None, as_sue: Client, small_pages: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shown(as_sue, "state=COMPLETED&number=*301")
    assert count(page) == "7 callbacks found"
    assert "Not every callback" not in page
    monkeypatch.setattr(listing, "MOST_FETCHED", 20)
    page = shown(as_sue, "state=COMPLETED&number=*301")
    assert count(page) == "at least 2 callbacks found"
    assert "Not every callback of this time range was looked at" in page


@pytest.mark.parametrize(
    ("number", "words"), [(0, "No callbacks found."), (1, "1 callback found"), (2, "2 callbacks found")]
)
def test_the_number_of_callbacks_is_said_in_words(as_sue: Client, number: int, words: str) -> None:
    many(number)
    assert count(shown(as_sue)) == words


def test_counts_are_exact_up_to_a_limit(as_sue: Client, sue: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_COUNTED", 10)
    many(10)
    assert count(shown(as_sue)) == "10 callbacks found"
    CallbackFactory.create()
    assert count(shown(as_sue)) == "10+ callbacks found"
    assert Listing(read(sue, MARCH), sue).found == Found(10, is_more=True)


def test_a_callback_whose_service_is_gone_stays_in_the_list(as_sue: Client, sue: User, small_pages: None) -> None:
    made = many(4)
    gone = CallbackFactory.create(state=State.COMPLETED, desired_at=NOON - timedelta(hours=1))
    Callback.objects.filter(pk=gone.pk).update(service=None)
    assert ids(shown(as_sue)) == [*made, gone.pk]
    assert ids(shown(as_sue, "sort=service")) == [*made[::-1], gone.pk]
    assert ids(shown(as_sue, "sort=-service")) == [gone.pk, *made]


# ---- who sees what


def test_a_limited_supervisor_sees_their_services_alone(client: Client, centre: None) -> None:
    lisa = limited_supervisor("sales")
    client.force_login(lisa)
    page = shown(client)
    assert count(page) == "67 callbacks found"
    assert set(Callback.objects.filter(pk__in=ids(page)).values_list("service_name", flat=True)) == {"sales"}
    assert 'value="billing"' not in page
    assert "There is no service “billing” that you may see." in text_of(shown(client, "service=billing"))
    other = Callback.objects.filter(service_name="billing").first()
    assert other is not None
    assert ids(shown(client, f"number={other.pk}")) == []


def test_a_limited_supervisor_is_offered_the_queues_and_agents_of_their_services(
    client: Client, as_sue: Client
) -> None:
    for name in ("sales", "billing"):
        VirtualQueueFactory.create(name=f"VQ_{name}")
        AgentFactory.create(name=f"of-{name}", user=None)
        options = {"_urs_virtual_queue": f"VQ_{name}", "_route_point": "RP", "_target": f"of-{name}@office.A"}
        ServiceFactory.create(name=name, options=options)
    client.force_login(limited_supervisor("sales"))
    offered = [re.findall(r'<option value="((?:VQ_|of-)[a-z]+)"', shown(each)) for each in (client, as_sue)]
    assert offered == [["VQ_sales", "of-sales"], ["VQ_billing", "VQ_sales", "of-billing", "of-sales"]]


def test_parts_of_numbers_are_for_those_who_see_numbers(client: Client) -> None:
    CallbackFactory.create(customer_number="916504661232")
    client.force_login(supervisor())
    assert len(ids(shown(client, "number=*1232"))) == 1
    client.force_login(read_only_supervisor())
    page = shown(client, "number=*1232")
    assert (ids(page), "916504661232" in page) == ([], False)
    assert "Only who may see numbers can look for a part of one." in text_of(page)
    assert len(ids(shown(client, "number=916504661232"))) == 1


def test_check_boxes_are_for_those_who_may_act(client: Client) -> None:
    callback = CallbackFactory.create()
    box = f'name="id" value="{callback.pk}" form="bulk"'
    client.force_login(supervisor())
    page = shown(client)
    assert box in page
    assert '<form id="bulk"' in page
    client.force_login(read_only_supervisor())
    assert box not in shown(client)


# ---- pages


def test_rows_that_arrive_move_nothing(as_sue: Client, small_pages: None) -> None:
    made = many(12)
    first = shown(as_sue)
    assert ids(first) == made[:5]
    assert link(first, "page-previous") == ""
    second = as_sue.get(link(first, "page-next")).content.decode()
    arrived = [CallbackFactory.create(created_at=NOON + timedelta(hours=1, seconds=n)).pk for n in range(6)][::-1]
    assert ids(second) == made[5:10]
    third = as_sue.get(link(second, "page-next")).content.decode()
    assert (ids(third), link(third, "page-next")) == (made[10:], "")
    back = as_sue.get(link(third, "page-previous")).content.decode()
    assert ids(back) == made[5:10]
    further = as_sue.get(link(back, "page-previous")).content.decode()
    assert ids(further) == made[:5]
    assert ids(as_sue.get(link(further, "page-previous")).content.decode()) == arrived[1:]
    assert ids(as_sue.get(link(third, "page-first")).content.decode()) == arrived[:5]


@pytest.mark.parametrize(
    "key", ["x", "1", "..", "99999999999999999999999.a.", "-99999999999999999999.a.", "1.%00.", "%FF"]
)
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_broken_link_is_no_fault(as_sue: Client, side: str, key: str) -> None:
    CallbackFactory.create()
    for sort in ("", "&sort=agent", "&sort=state"):
        assert as_sue.get(f"{LIST}?{MARCH}{sort}&{side}={key}").status_code == 200


def test_only_the_first_page_refreshes_itself(as_sue: Client, small_pages: None) -> None:
    many(6)
    first = shown(as_sue)
    assert "every 3s" in first
    older = as_sue.get(link(first, "page-next")).content.decode()
    assert "every 3s" not in older
    assert "it does not refresh itself" in older


def test_a_refresh_keeps_the_view_and_brings_the_rows_alone(as_sue: Client) -> None:
    callback = CallbackFactory.create()
    page = shown(as_sue, "state=QUEUED")
    assert f'hx-get="{LIST}?{MARCH.replace("&", "&amp;")}&amp;state=QUEUED"' in page
    seen = re.findall(r'"seen": "(\w+)"', page)[-1]
    assert as_sue.get(f"{LIST}?{MARCH}&state=QUEUED&seen={seen}", headers=HTMX).status_code == 204
    Callback.objects.filter(pk=callback.pk).update(agent="kate")
    changed = as_sue.get(f"{LIST}?{MARCH}&state=QUEUED&seen={seen}", headers=HTMX)
    assert changed.status_code == 200
    assert "kate" in changed.content.decode()
    assert "<header" not in changed.content.decode()


def test_the_list_has_a_fixed_number_of_queries(
    as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries, centre: None
) -> None:
    # Session, user, their rights (2), their limits, services, keys, rows, count, whether all were looked at, aliases,
    # the brake, findings; around them: pauses, whether they have a desk, saved views, queues, agents.
    with django_assert_num_queries(18):
        shown(as_sue)
    with django_assert_num_queries(13):
        as_sue.get(f"{LIST}?{MARCH}", headers=HTMX)


# ---- what a row says


def test_a_row_says_what_a_supervisor_asks(as_sue: Client) -> None:
    CallbackFactory.create(state=State.ROUTING, agent="kate", desired_at=NOON + timedelta(hours=1))
    row = text_of(re.findall(r"<tbody.*</tbody>", shown(as_sue), re.S)[0])
    for said in ("Routing", "the customer waits for an agent", "voice-userterm-immediate", "916504661232", "kate"):
        assert said in row
    assert "2 Mar 2026 13:00 UTC" in row
    assert "2 Mar 2026 12:00:00 UTC" in row


def test_a_number_is_masked_for_those_who_may_not_see_it(client: Client) -> None:
    CallbackFactory.create(properties={"_customer_number": "916504661232"})
    client.force_login(read_only_supervisor())
    page = shown(client, "column=state&column=number&column=key._customer_number")
    assert "916504661232" not in page
    assert page.count("9165***32") == 2


def test_an_end_is_told_in_words_and_a_talk_behind_it_is_seen(as_sue: Client) -> None:
    CallbackFactory.create(state=State.COMPLETED, reason=Reason.FAIL_CALL_TO_CUSTOMER)
    CallbackFactory.create(state=State.COMPLETED, stage=Stage.TALKING)
    page = shown(as_sue)
    assert "The customer was not reached" in page
    assert page.count("customer and agent talk") == 1


def test_columns_are_by_choice_with_names_of_their_own(as_sue: Client) -> None:
    callback = CallbackFactory.create(user_data={"plan": "gold"}, properties={"_device_os": "ios"})
    assert callback.pk not in text_of(shown(as_sue)).replace(f"callback {callback.pk}", "")
    Section.objects.create(name="callback", options={"callback_column_alias": '{"plan": "Tariff", "_device_os": 5}'})
    page = shown(as_sue, "column=id&column=state&column=key.plan&column=key._device_os")
    heads = [text_of(each).strip() for each in re.findall(r"<th [^>]*>(.*?)</th>", page, re.S)]
    assert heads == ["Tick", "Service ID", "State", "Tariff", "_device_os"]
    row = text_of(re.findall(r"<tbody.*</tbody>", page, re.S)[0])
    assert [word in row for word in (f" {callback.pk} ", "gold", "ios")] == [True, True, True]
    # Also offered, with its name, to those who have not chosen it.
    assert 'value="key.plan"> Tariff' in shown(as_sue)


def test_a_heading_sorts_and_turns_round(as_sue: Client) -> None:
    mia, kate = (CallbackFactory.create(agent=name) for name in ("mia", "kate"))
    page = shown(as_sue)
    assert 'aria-sort="descending"><a id="sort-desired"' in page
    up = as_sue.get(link(page, "sort-agent")).content.decode()
    assert ids(up) == [kate.pk, mia.pk]
    assert 'aria-sort="ascending"><a id="sort-agent"' in up
    assert ids(as_sue.get(link(up, "sort-agent")).content.decode()) == [mia.pk, kate.pk]
    assert "sort-created" not in page


def test_an_id_leads_to_the_callback_whatever_the_range(as_sue: Client, as_nobody: Client) -> None:
    callback = CallbackFactory.create()
    assert as_sue.get(LIST, {"number": callback.pk})["Location"] == f"{LIST}{callback.pk}/"
    assert as_nobody.get(LIST, {"number": callback.pk}).status_code == 403


def test_an_empty_list_says_where_to_look(as_sue: Client) -> None:
    CallbackFactory.create(customer_number="5115")
    page = shown(as_sue, "number=5116&agent=kate")
    assert "No callback matches" in page
    assert f"{LIST}?range=last-30-days&amp;agent=kate&amp;number=5116" in page


def test_what_clients_send_is_shown_as_text(as_sue: Client) -> None:
    callback = CallbackFactory.create(
        customer_number=HOSTILE, user_data={HOSTILE: HOSTILE}, agent=HOSTILE[:60], queue=HOSTILE[:60]
    )
    Callback.objects.filter(pk=callback.pk).update(service_name=HOSTILE[:60])
    pages = [shown(as_sue), shown(as_sue, "column=queue&column=number&key=%3Cscript%3Ealert('x')%3C/script%3E%22'%26")]
    pages += [
        shown(as_sue, f"{name}=%22%3E%3Cscript%3E") for name in ("state", "number", "agent", "data", "from", "key")
    ]
    for page in pages:
        assert "<script>" not in page
        assert "<script>alert" not in page


# ---- views that people keep


@pytest.fixture
def others(db: None) -> SavedView:
    saved: SavedView = SavedView.objects.create(
        owner=UserFactory.create(username="sam"),
        name="Late ones",
        query="state=QUEUED",
        created_at=NOON,
        is_shared=False,
    )
    return saved


def test_a_view_is_kept_opened_renamed_shared_and_deleted(as_sue: Client, sue: User) -> None:
    asked = "range=last-7-days&state=QUEUED&sort=agent&column=state&column=key.plan"
    answer = as_sue.post(f"{LIST}views/", {"view": asked, "name": "  My   view "})
    assert answer["Location"] == f"{LIST}?{asked}"
    saved = SavedView.objects.get()
    assert (saved.owner, saved.name, saved.query, saved.is_shared) == (sue, "My view", asked, False)
    assert (
        f'href="{LIST}?{asked.replace("&", "&amp;")}" aria-current="page">My view'
        in as_sue.get(answer["Location"]).content.decode()
    )
    as_sue.post(f"{LIST}views/{saved.pk}/", {"view": asked, "name": "Ours", "shared": "on"})
    saved.refresh_from_db()
    assert (saved.name, saved.query, saved.is_shared) == ("Ours", asked, True)
    as_sue.post(f"{LIST}views/{saved.pk}/delete/", {"view": ""})
    assert not SavedView.objects.exists()


def test_the_same_name_again_replaces_the_view(as_sue: Client) -> None:
    for query in ("state=QUEUED", "state=PAUSED"):
        as_sue.post(f"{LIST}views/", {"view": query, "name": "Mine"})
    assert [each.query for each in SavedView.objects.all()] == ["state=PAUSED"]


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        ({"view": "number=5115", "name": "x"}, "a customer&#x27;s number is not kept"),
        ({"view": "data=_customer_number%3D916504661232", "name": "x"}, "a customer&#x27;s number is not kept"),
        ({"view": "state=SLEEPING", "name": "x"}, "the view has errors"),
        ({"view": "", "name": "  "}, "needs a name"),
        ({"view": "", "name": "x" * 61}, "needs a name"),
    ],
)
def test_a_view_that_cannot_be_kept_is_refused_with_the_reason(as_sue: Client, sent: dict[str, str], why: str) -> None:
    assert why in as_sue.post(f"{LIST}views/", sent, follow=True).content.decode()
    assert not SavedView.objects.exists()


def test_views_of_others_are_seen_when_shared_and_never_changed(as_sue: Client, others: SavedView) -> None:
    assert "Late ones" not in shown(as_sue)
    SavedView.objects.update(is_shared=True)
    assert "by sam" in text_of(shown(as_sue))
    for path in ("", "delete/"):
        assert as_sue.post(f"{LIST}views/{others.pk}/{path}", {"name": "Stolen"}).status_code == 404
    others.refresh_from_db()
    assert others.name == "Late ones"


def test_a_name_that_is_taken_is_not_taken_twice(as_sue: Client, sue: User) -> None:
    one, two = (SavedView.objects.create(owner=sue, name=name, query="", created_at=NOON) for name in ("One", "Two"))
    answer = as_sue.post(f"{LIST}views/{two.pk}/", {"name": "One", "view": ""}, follow=True)
    assert "another view of the name" in answer.content.decode()
    assert sorted(SavedView.objects.values_list("pk", "name")) == [(one.pk, "One"), (two.pk, "Two")]
