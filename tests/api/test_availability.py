"""The times that are offered, in both forms, to Bob whose shop calls on weekdays from nine to five."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callbacks.api import offering
from services.models import START, ConfiguredService
from telephony import agents
from telephony.models import Agent, AgentGroup, QueueEntry, Switch
from tests.api.conftest import at, book, client_with, make_capacity, make_office, make_service
from tests.api.test_errors import FAMILY

V1 = "/genesys/1/service/callback/shop/availability"
V2 = "/genesys/2/service/callback/shop/availability"
# A Monday, before the office opens.
MONDAY = datetime(2026, 8, 3, 6, 0, tzinfo=UTC)


@pytest.fixture
def shop(telephony: None) -> ConfiguredService:
    make_office(_bh_regular1="Mon-Fri 09:00-17:00")
    return make_service(
        "shop", _business_hours_service="hours", _request_time_bucket="60", _max_request_by_time_bucket="4"
    )


def ask(client: Client, url: str = V1, now: datetime = MONDAY, /, **query: str) -> Any:
    with at(now):
        response = client.get(url, {key.replace("_", "-").lstrip("-"): value for key, value in query.items()})
    assert response.status_code == 200, response.content
    return response.json()


def refusal(client: Client, url: str, query: dict[str, str]) -> tuple[int, str, str]:
    with at(MONDAY):
        response = client.get(url, query)
    answer = response.json()
    assert list(answer) == ["exception", "message"]
    return response.status_code, answer["exception"], answer["message"]


def hours(day: str, *local: int) -> list[str]:
    return [f"{day}T{hour:02d}:00:00.000Z" for hour in local]


def test_a_morning(client: Client, shop: ConfiguredService) -> None:
    book(shop, MONDAY.replace(hour=10), 3)
    book(shop, MONDAY.replace(hour=11), 4)

    answer = ask(client, start="2026-08-03T00:00:00.000Z", end="2026-08-03T13:00:00.000Z")

    assert list(answer.items()) == [
        ("2026-08-03T09:00:00.000Z", 4),
        ("2026-08-03T10:00:00.000Z", 1),
        ("2026-08-03T12:00:00.000Z", 4),
    ]


def test_it_begins_now_and_counts_days(client: Client, shop: ConfiguredService) -> None:
    answer = ask(client, V1, MONDAY.replace(hour=15, minute=1), number_of_days="2", max_time_slots="4")

    assert list(answer) == hours("2026-08-03", 16) + hours("2026-08-04", 9, 10, 11)


def test_days_win_over_an_end(client: Client, shop: ConfiguredService) -> None:
    answer = ask(client, start="2026-08-03T12:00:00.000Z", end="2026-08-03T13:00:00.000Z", number_of_days="1")

    assert list(answer) == hours("2026-08-03", 12, 13, 14, 15, 16) + hours("2026-08-04", 9, 10, 11)


def test_without_an_end_it_is_the_slot_of_one_moment(client: Client, shop: ConfiguredService) -> None:
    assert ask(client, start="2026-08-03T09:59:59.999Z") == {"2026-08-03T09:00:00.000Z": 4}
    assert ask(client, start="2026-08-03T10:00:00.000Z") == {"2026-08-03T10:00:00.000Z": 4}
    assert ask(client, start="2026-08-03T17:00:00.000Z") == {}
    assert ask(client) == {}


def test_the_open_period_around_a_time(client: Client, shop: ConfiguredService) -> None:
    the_day = hours("2026-08-03", 9, 10, 11, 12, 13, 14, 15, 16)
    assert list(ask(client, timestamp="2026-08-03T13:30:00.000Z")) == the_day
    # Closed then: what is open on that day.
    assert list(ask(client, timestamp="2026-08-03T20:00:00.000Z")) == the_day
    assert list(ask(client, timestamp="2026-08-03T13:30:00.000Z", max_time_slots="2")) == the_day[:2]
    assert ask(client, timestamp="2026-08-08T13:00:00.000Z") == {}


def test_what_browsers_add_against_caching_is_not_looked_at(client: Client, shop: ConfiguredService) -> None:
    with at(MONDAY):
        for key in ("_", "_id"):
            answer = client.get(V1, {"start": "2026-08-03T09:00:00.000Z", key: "1406647599350"}).json()
            assert answer == {"2026-08-03T09:00:00.000Z": 4}


def test_nothing_that_is_over_or_too_far_ahead(client: Client, shop: ConfiguredService) -> None:
    """`_reject_future_desired_time` is a month unless it is set."""
    answer = ask(client, start="2026-07-01T00:00:00.000Z", end="2026-12-31T00:00:00.000Z")

    first, *_, last = answer
    assert (first, last) == ("2026-08-03T09:00:00.000Z", "2026-09-02T16:00:00.000Z")


def test_nothing_sooner_than_the_estimated_wait(client: Client, shop: ConfiguredService) -> None:
    """One agent, forty before Bob, three minutes each: two hours."""
    agent = Agent.objects.create(name="kate", switch=Switch.objects.get(), sip_address="sim:kate")
    AgentGroup.objects.get().agents.add(agent)
    agents.go_ready(agent, MONDAY)
    QueueEntry.objects.bulk_create(
        QueueEntry(
            owner=f"369-{n}",
            queue="Billing_VQ",
            target_key="GA:Billing",
            visit=1,
            place_at=MONDAY,
            reserve_seconds=30,
        )
        for n in range(40)
    )

    answer = ask(client, V1, MONDAY.replace(hour=10, minute=30), number_of_days="1", max_time_slots="2")

    assert list(answer) == hours("2026-08-03", 13, 14)


def test_the_capacity_of_each_hour(client: Client, shop: ConfiguredService) -> None:
    make_capacity(_capacity_1='{"1": {"0900": 2, "1000": 0, "1100": 7}}')
    shop.options["_capacity_service"] = "places"
    shop.save()

    answer = ask(client, number_of_days="1")

    assert answer == {"2026-08-03T09:00:00.000Z": 2, "2026-08-03T11:00:00.000Z": 7}


def test_a_slot_is_offered_from_the_moment_the_office_opens(client: Client, telephony: None) -> None:
    make_office(_bh_regular1="Mon-Fri 09:15-10:45")
    make_service("shop", _business_hours_service="hours", _request_time_bucket="30")

    assert list(ask(client, number_of_days="1")) == [
        "2026-08-03T09:15:00.000Z",
        "2026-08-03T09:30:00.000Z",
        "2026-08-03T10:00:00.000Z",
        "2026-08-03T10:30:00.000Z",
    ]


def test_only_times_at_which_the_customer_may_be_called(client: Client, shop: ConfiguredService) -> None:
    shop.options["_calling_window"] = "10:00-12:00"
    shop.save()

    def offered(**query: str) -> list[str]:
        with at(MONDAY):
            return list(client.get(V1, {"number-of-days": "1", **query}).json())

    assert offered() == hours("2026-08-03", 10, 11)
    assert offered(_customer_timezone="Europe/Berlin") == hours("2026-08-03", 9)
    assert offered(_customer_number="+49 30 901820") == hours("2026-08-03", 9)
    assert offered(_customer_timezone="America/New_York") == hours("2026-08-03", 14, 15)


def test_local_times_and_full_slots(client: Client, shop: ConfiguredService) -> None:
    book(shop, MONDAY.replace(hour=9), 4)
    book(shop, MONDAY.replace(hour=10), 1)
    query = {"start": "2026-08-03T11:00:00.000", "end": "2026-08-03T13:30:00", "timezone": "Europe/Berlin"}

    answer = ask(client, V2, **query, report_busy="true")

    assert answer == {
        "durationMin": 60,
        "timezone": "Europe/Berlin",
        "slots": [
            {
                "utcTime": "2026-08-03T09:00:00.000Z",
                "localTime": "2026-08-03T11:00:00.000",
                "capacity": 0,
                "total": 4,
            },
            {
                "utcTime": "2026-08-03T10:00:00.000Z",
                "localTime": "2026-08-03T12:00:00.000",
                "capacity": 3,
                "total": 4,
            },
            {
                "utcTime": "2026-08-03T11:00:00.000Z",
                "localTime": "2026-08-03T13:00:00.000",
                "capacity": 4,
                "total": 4,
            },
        ],
    }
    for report_busy in ({}, {"report_busy": "false"}):
        assert ask(client, V2, **query, **report_busy)["slots"] == answer["slots"][1:]


def test_without_a_zone_there_are_no_local_times(client: Client, shop: ConfiguredService) -> None:
    answer = ask(client, V2, start="2026-08-03T09:00:00.000Z", max_time_slots="1")

    assert answer == {
        "durationMin": 60,
        "timezone": None,
        "slots": [{"utcTime": "2026-08-03T09:00:00.000Z", "capacity": 4, "total": 4}],
    }


def test_times_in_milliseconds(client: Client, shop: ConfiguredService) -> None:
    start = MONDAY.replace(hour=9)
    end = start + timedelta(hours=2)

    answer = ask(
        client, V2, start_ms=str(int(start.timestamp() * 1000)), end_ms=str(int(end.timestamp() * 1000)), timezone="UTC"
    )

    assert [slot["localTime"] for slot in answer["slots"]] == ["2026-08-03T09:00:00.000", "2026-08-03T10:00:00.000"]


def test_a_day_on_which_clocks_change_is_one_day(client: Client, telephony: None) -> None:
    """Berlin's clocks go back on 2026-10-25: from midnight to midnight are 25 hours, and 02:00 comes twice."""
    make_office(zone="Europe/Berlin", _bh_regular1="Mon-Sun 00:00-24:00")
    make_service("shop", _business_hours_service="hours", _request_time_bucket="60")
    now = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)

    answer = ask(client, V2, now, start="2026-10-25T00:00:00", number_of_days="1", timezone="Europe/Berlin")

    local = [slot["localTime"][11:13] for slot in answer["slots"]]
    assert local == ["00", "01", "02", "02", *(f"{hour:02d}" for hour in range(3, 24))]
    assert len(ask(client, V1, now, start="2026-10-24T22:00:00.000Z", number_of_days="1")) == 25
    # The end that comes twice is the later one, the start the first.
    twice = ask(client, V2, now, start="2026-10-25T02:00:00", end="2026-10-25T02:30:00", timezone="Europe/Berlin")
    assert [slot["utcTime"] for slot in twice["slots"]] == ["2026-10-25T00:00:00.000Z", "2026-10-25T01:00:00.000Z"]


def test_an_answer_that_is_cut_off_says_so(client: Client, shop: ConfiguredService) -> None:
    with mock.patch.object(offering, "MOST_SLOTS", 5), at(MONDAY):
        cut = client.get(V1, {"number-of-days": "1"})
        asked = client.get(V1, {"number-of-days": "1", "max-time-slots": "3"})
    with at(MONDAY):
        whole = client.get(V1, {"number-of-days": "1"})

    assert (len(cut.json()), cut["X-Callback-Limit-Reached"]) == (5, "5")
    assert (len(asked.json()), asked.has_header("X-Callback-Limit-Reached")) == (3, False)
    assert (len(whole.json()), whole.has_header("X-Callback-Limit-Reached")) == (8, False)


BAD = [
    (
        {"start": "tomorrow"},
        "start 'tomorrow' is not a UTC time like 2026-07-30T15:00:00.000Z in the years 2000 to 2099",
    ),
    ({"start": "2026-08-03T09:00:00"}, "start '2026-08-03T09:00:00' is not a UTC time like"),
    ({"start": ""}, "start nothing is not a UTC time like"),
    ({"end": "2026-08-03T09:00:00+02:00"}, "end '2026-08-03T09:00:00+02:00' is not a UTC time like"),
    (
        {"start": "2026-08-03T09:00:00.000Z", "end": "2026-08-03T08:00:00.000Z"},
        "end 2026-08-03T08:00:00.000Z is before start 2026-08-03T09:00:00.000Z",
    ),
    ({"end": "2027-08-05T00:00:00.000Z"}, "from start to end are more than 366 days"),
    ({"number-of-days": "0"}, "number-of-days '0' is not a whole number from 1 to 366"),
    ({"number-of-days": "367"}, "number-of-days '367' is not a whole number from 1 to 366"),
    ({"number-of-days": "-1"}, "number-of-days '-1' is not a whole number from 1 to 366"),
    ({"number-of-days": "a week"}, "number-of-days 'a week' is not a whole number from 1 to 366"),
    ({"max-time-slots": "0"}, "max-time-slots '0' is not a whole number from 1 to 10000"),
    ({"max-time-slots": "10001"}, "max-time-slots '10001' is not a whole number from 1 to 10000"),
    ({"_customer_timezone": "EST"}, "_customer_timezone 'EST' is not a time zone such as Europe/Berlin or UTC"),
]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        *BAD,
        ({"timestamp": "noon"}, "timestamp 'noon' is not a UTC time like"),
        (
            {"timestamp": "2026-08-03T09:00:00.000Z", "number-of-days": "1"},
            "timestamp asks for the open period around a time; number-of-days is not allowed beside it",
        ),
        (
            {"timezone": "Europe/Berlin"},
            "'timezone' is not one of start, end, number-of-days, max-time-slots, timestamp",
        ),
        ({"number_of_days": "1"}, "'number_of_days' is not one of start, end, number-of-days"),
    ],
)
def test_what_cannot_be_asked(client: Client, shop: ConfiguredService, query: dict[str, str], message: str) -> None:
    status, exception, text = refusal(client, V1, query)

    assert (status, exception) == (400, f"{FAMILY}InvalidOption")
    assert text.startswith(f"Invalid option: {message}")


@pytest.mark.parametrize(
    ("query", "message"),
    [
        *BAD,
        ({"timezone": "CET"}, "timezone 'CET' is not a time zone such as Europe/Berlin or UTC"),
        ({"timezone": ""}, "timezone nothing is not a time zone"),
        (
            {"timezone": "Europe/Berlin", "start": "noon"},
            "start 'noon' is not a time of Europe/Berlin like 2026-07-30T15:00:00.000 in the years 2000 to 2099",
        ),
        ({"report-busy": "yes"}, "report-busy 'yes' is neither true nor false"),
        (
            {"start": "2026-08-03T09:00:00.000Z", "start-ms": "1406647599350"},
            "start and start-ms say the same; only one of them is allowed",
        ),
        ({"end-ms": "now"}, "end-ms 'now' is not a time like 1406647599350, in milliseconds"),
        ({"end-ms": "9999999999999"}, "end-ms '9999999999999' is not a time like 1406647599350"),
        ({"timestamp": "2026-08-03T09:00:00.000Z"}, "'timestamp' is not one of"),
    ],
)
def test_what_cannot_be_asked_of_the_second_version(
    client: Client, shop: ConfiguredService, query: dict[str, str], message: str
) -> None:
    status, exception, text = refusal(client, V2, query)

    assert (status, exception) == (400, f"{FAMILY}InvalidOption")
    assert text.startswith(f"Invalid option: {message}")


@pytest.mark.parametrize("url", [V1, V2])
def test_a_service_that_is_not_there(client: Client, telephony: None, url: str) -> None:
    make_office("shop", _bh_regular1="Mon-Fri 09:00-17:00")

    message = "Service shop is no callback service, but one for office hours at /genesys/1/service/shop."
    assert refusal(client, url, {}) == (404, f"{FAMILY}NotFound", message)
    limited = client_with(START, services=(make_service("sales"),))
    assert refusal(limited, url, {}) == (404, f"{FAMILY}NotFound", "Service shop is not configured.")


@pytest.mark.parametrize("url", [V1, V2])
def test_a_service_of_other_keys(shop: ConfiguredService, url: str) -> None:
    limited = client_with(START, services=(make_service("sales"),))

    assert refusal(limited, url, {}) == (404, f"{FAMILY}NotFound", "Service shop is not configured.")


@pytest.mark.parametrize("url", [V1, V2])
@pytest.mark.parametrize("fault", [{"_business_hours_service": "gone"}, {"_request_time_bucket": "7"}])
def test_a_service_that_cannot_work(client: Client, shop: ConfiguredService, url: str, fault: dict[str, str]) -> None:
    ConfiguredService.objects.filter(pk=shop.pk).update(options={**shop.options, **fault})

    assert refusal(client, url, {}) == (
        503,
        f"{FAMILY}ServiceUnavailable",
        "The service is not configured correctly.",
    )


def test_an_answer_takes_so_many_statements(
    shop: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = client_with(START)
    book(shop, MONDAY.replace(hour=10), 1)

    with django_assert_num_queries(8) as captured, at(MONDAY):
        response = client.get(V1, {"number-of-days": "30"})

    assert response.status_code == 200, [query["sql"] for query in captured]
