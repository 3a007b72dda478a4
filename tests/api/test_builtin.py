"""What an office-hours and a capacity service answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from services.models import START, ConfiguredService
from tests.api.conftest import at, client_with, make_capacity, make_office, make_service
from tests.api.test_errors import FAMILY

HOURS = "/genesys/1/service/hours"
PLACES = "/genesys/1/service/places"
# A Monday at noon in Berlin.
MONDAY = datetime(2026, 8, 3, 10, 0, tzinfo=UTC)


@pytest.fixture
def office(db: None) -> ConfiguredService:
    return make_office(zone="Europe/Berlin", _bh_regular1="Mon-Fri 09:00-17:00", _bh_regular2="Fri 19:00-02:00")


@pytest.fixture
def places(db: None) -> ConfiguredService:
    return make_capacity(
        zone="Europe/Berlin",
        _capacity_1='{"1": {"0900": 4, "1000": 4, "1100": 6, "1300": 6}}',
        _capacity_7='{"7": {"0100": 1, "0200": 2, "0300": 3}}',
    )


def ask(client: Client, url: str, now: datetime = MONDAY, /, **query: str) -> Any:
    with at(now):
        response = client.get(url, {key.replace("_", "-"): value for key, value in query.items()})
    assert response.status_code == 200, response.content
    return response.json()


def refusal(client: Client, url: str, query: dict[str, str]) -> tuple[int, str, str]:
    with at(MONDAY):
        response = client.get(url, query)
    answer = response.json()
    assert list(answer) == ["exception", "message"]
    return response.status_code, answer["exception"], answer["message"]


def test_a_week_of_an_office(client: Client, office: ConfiguredService) -> None:
    answer = ask(client, HOURS, start="2026-08-06T22:00:00.000Z", number_of_days="2")

    assert answer == {
        "error": None,
        "periods": [
            {"start": "2026-08-07T07:00:00.000Z", "end": "2026-08-07T15:00:00.000Z"},
            {"start": "2026-08-07T17:00:00.000Z", "end": "2026-08-08T00:00:00.000Z"},
        ],
    }


def test_periods_end_with_the_range(client: Client, office: ConfiguredService) -> None:
    answer = ask(client, HOURS, start="2026-08-03T08:30:00.000Z", end="2026-08-03T09:00:00.000Z")

    assert answer["periods"] == [{"start": "2026-08-03T08:30:00.000Z", "end": "2026-08-03T09:00:00.000Z"}]


def test_is_it_open_now(client: Client, office: ConfiguredService) -> None:
    assert ask(client, HOURS) == {
        "error": None,
        "periods": [{"start": "2026-08-03T07:00:00.000Z", "end": "2026-08-03T15:00:00.000Z"}],
    }
    # It closes at this very moment.
    assert ask(client, HOURS, start="2026-08-03T15:00:00.000Z") == {"error": None, "periods": []}
    assert ask(client, HOURS, MONDAY.replace(day=2)) == {"error": None, "periods": []}


def test_an_office_that_never_closes(client: Client, db: None) -> None:
    make_office(_bh_regular1="Mon-Sun 00:00-24:00")

    assert ask(client, HOURS)["periods"] == [{"start": "2026-08-02T10:00:00.000Z", "end": "2026-08-04T10:00:00.000Z"}]


def test_days_of_an_office_count_by_its_clock(client: Client, db: None) -> None:
    """Berlin's clocks go back on 2026-10-25, so that this day has 25 hours."""
    make_office(zone="Europe/Berlin", _bh_regular1="Mon-Sun 00:00-24:00")

    answer = ask(client, HOURS, start="2026-10-24T22:00:00.000Z", number_of_days="1")

    assert answer["periods"] == [{"start": "2026-10-24T22:00:00.000Z", "end": "2026-10-25T23:00:00.000Z"}]


def test_capacity_by_hours(client: Client, places: ConfiguredService) -> None:
    answer = ask(client, PLACES, start="2026-08-03T08:30:00.000", end="2026-08-03T13:30:00.000")

    assert answer == [
        {"start": "2026-08-03T06:30:00.000Z", "end": "2026-08-03T07:00:00.000Z", "capacity": 0},
        {"start": "2026-08-03T07:00:00.000Z", "end": "2026-08-03T09:00:00.000Z", "capacity": 4},
        {"start": "2026-08-03T09:00:00.000Z", "end": "2026-08-03T10:00:00.000Z", "capacity": 6},
        {"start": "2026-08-03T10:00:00.000Z", "end": "2026-08-03T11:00:00.000Z", "capacity": 0},
        {"start": "2026-08-03T11:00:00.000Z", "end": "2026-08-03T11:30:00.000Z", "capacity": 6},
    ]


def test_the_zone_of_the_times_asked_for(client: Client, places: ConfiguredService) -> None:
    in_berlin = ask(client, PLACES, start="2026-08-03T09:00:00", end="2026-08-03T10:00:00")

    assert in_berlin == [{"start": "2026-08-03T07:00:00.000Z", "end": "2026-08-03T08:00:00.000Z", "capacity": 4}]
    for start, end, zone in [
        ("2026-08-03T03:00:00", "2026-08-03T04:00:00", "America/New_York"),
        ("2026-08-03T07:00:00.000Z", "2026-08-03T08:00:00.000Z", "America/New_York"),
    ]:
        assert ask(client, PLACES, start=start, end=end, timezone=zone) == in_berlin


def test_an_hour_that_comes_twice(client: Client, places: ConfiguredService) -> None:
    answer = ask(client, PLACES, start="2026-10-25T01:00:00", end="2026-10-25T04:00:00")

    assert answer == [
        {"start": "2026-10-24T23:00:00.000Z", "end": "2026-10-25T00:00:00.000Z", "capacity": 1},
        {"start": "2026-10-25T00:00:00.000Z", "end": "2026-10-25T02:00:00.000Z", "capacity": 2},
        {"start": "2026-10-25T02:00:00.000Z", "end": "2026-10-25T03:00:00.000Z", "capacity": 3},
    ]


@pytest.mark.parametrize(
    ("url", "query", "message"),
    [
        (HOURS, {"number-of-days": "367"}, "number-of-days '367' is not a whole number from 1 to 366"),
        (HOURS, {"end": "2027-08-05T00:00:00.000Z"}, "from start to end are more than 366 days"),
        (HOURS, {"start": "2026-08-03"}, "start '2026-08-03' is not a UTC time like 2026-07-30T15:00:00.000Z"),
        (HOURS, {"timezone": "Europe/Berlin"}, "'timezone' is not one of start, end, number-of-days"),
        (PLACES, {}, "start is missing; a time of timezone like 2026-07-30T15:00:00.000 is needed"),
        (PLACES, {"start": "2026-08-03T00:00:00"}, "end is missing; a time of timezone like"),
        (
            PLACES,
            {"start": "2026-08-03T00:00:00", "end": "2027-08-05T00:00:00"},
            "from start to end are more than 366 days",
        ),
        (PLACES, {"start": "now", "end": "later"}, "start 'now' is not a time of Europe/Berlin like"),
        (PLACES, {"number-of-days": "1"}, "'number-of-days' is not one of start, end, timezone"),
        (PLACES, {"timezone": "EST", "start": "a", "end": "b"}, "timezone 'EST' is not a time zone such as"),
    ],
)
def test_what_cannot_be_asked(
    client: Client,
    office: ConfiguredService,
    places: ConfiguredService,
    url: str,
    query: dict[str, str],
    message: str,
) -> None:
    status, exception, text = refusal(client, url, query)

    assert (status, exception) == (400, f"{FAMILY}InvalidOption")
    assert text.startswith(f"Invalid option: {message}")


def test_a_callback_service_says_where_to_ask(client: Client, telephony: None) -> None:
    make_service("shop")

    assert refusal(client, "/genesys/1/service/shop", {}) == (
        404,
        f"{FAMILY}NotFound",
        "Service shop is a callback service, with its availability at /genesys/1/service/callback/shop/availability.",
    )


@pytest.mark.parametrize("url", [HOURS, PLACES, "/genesys/1/service/shop"])
def test_services_of_other_keys_are_not_there(
    office: ConfiguredService, places: ConfiguredService, telephony: None, url: str
) -> None:
    make_service("shop")
    limited = client_with(START, services=(make_service("sales"),))

    status, exception, text = refusal(limited, url, {})

    assert (status, exception) == (404, f"{FAMILY}NotFound")
    assert text.endswith(" is not configured.")


def test_hours_that_cannot_be_read(client: Client, db: None) -> None:
    make_office(_include1="gone")

    assert refusal(client, HOURS, {}) == (
        503,
        f"{FAMILY}ServiceUnavailable",
        "The service is not configured correctly.",
    )
