"""The page that says what would become of a request."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callbacks.models import Callback
from callbacks.pages.what_if_form import moment
from services.people_models import PersonScope
from tests.factories import ServiceFactory, supervisor

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
QUESTION = {"service": "voice-userterm-immediate", "arrives": "2026-10-23T16:55", "zone": "Europe/Berlin"}
HOSTILE = "<script>alert('x')</script>\"'&"


def shown(client: Client, **asked: str) -> str:
    response = client.get("/what-if/", asked)
    assert response.status_code == 200
    page: str = response.content.decode()
    return page


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_an_answer_has_the_slot_the_start_and_the_way(as_sue: Client) -> None:
    ServiceFactory.create()
    asked = {"desired": "2026-10-26T09:30", "number": "916504661232", "queue": "given", "seconds": "90"}
    page = text_of(shown(as_sue, **QUESTION, **asked, attempt_1="busy"))
    for said in ("Accepted", "Assumed wait for an agent 1 min 30 s", "Customer call 1", "busy", "Step by step"):
        assert said in page
    assert Callback.objects.count() == 0


def test_a_refusal_is_told_in_the_words_of_the_api(as_sue: Client) -> None:
    ServiceFactory.create()
    page = text_of(shown(as_sue, **QUESTION, desired="2026-10-23T10:00", number="916504661232"))
    assert "Refused The desired time 2026-10-23T08:00:00Z is not available: it has passed" in page
    assert "The client would be answered 400" in page
    assert "The nearest times that are free" in page


@pytest.mark.parametrize("arrives", ["0001-01-01T00:00", "9999-12-31T23:59"])
def test_a_year_that_has_no_clocks_is_refused(as_sue: Client, arrives: str) -> None:
    ServiceFactory.create()
    assert "Write a year from 1971 to 8999." in text_of(shown(as_sue, **(QUESTION | {"arrives": arrives})))
    assert "none is needed for a call at once" in text_of(
        shown(as_sue, **(QUESTION | {"arrives": f"8999{arrives[4:]}"}))
    )


def test_a_day_on_which_clocks_change_is_named(as_sue: Client) -> None:
    ServiceFactory.create()
    page = text_of(shown(as_sue, **(QUESTION | {"arrives": "2026-10-25T01:00"})))
    assert "2026-10-25: Clocks go back from 03:00 to 02:00: that time comes twice." in page


def test_a_local_time_that_comes_twice_is_two_moments_and_a_skipped_one_none() -> None:
    assert moment("2026-10-25T02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert moment("2026-10-25T02:30", BERLIN, again=True) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert moment("2026-10-25 03:30:00", BERLIN, again=True) == datetime(2026, 10, 25, 2, 30, tzinfo=UTC)
    with pytest.raises(ValueError, match="There is no 02:30 on that day in Europe/Berlin"):
        moment("2026-03-29T02:30", BERLIN)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"arrives": "soon"}, "Write the time as 2026-10-25 16:55."),
        ({"zone": "Middle/Earth"}, "Middle/Earth is no time zone."),
        ({"zone": "../../etc/passwd"}, "is no time zone."),
        ({"customer_zone": "CST9"}, "CST9 is no time zone."),
        ({"keys": "no equals sign"}, "Each line is KEY=VALUE; this one is not: no equals sign"),
        ({"queue": "given"}, "Say how many seconds."),
        ({"queue": "staff"}, "Say how many agents."),
        ({"service": "unknown"}, "Select a valid choice."),
    ],
)
def test_a_question_that_cannot_be_asked_says_what_is_wrong(as_sue: Client, wrong: dict[str, str], said: str) -> None:
    ServiceFactory.create()
    page = text_of(shown(as_sue, **(QUESTION | wrong)))
    assert said in page
    assert "Step by step" not in page


def test_whoever_is_limited_to_services_asks_only_about_these(client: Client) -> None:
    ServiceFactory.create()
    ServiceFactory.create(name="sales")
    sam = supervisor(username="sam")
    PersonScope.objects.create(user=sam, kind="service", name="sales")
    client.force_login(sam)
    page = shown(client)
    assert '<option value="sales"' in page
    assert "voice-userterm-immediate" not in page
    assert "Select a valid choice." in text_of(shown(client, **QUESTION))


def test_without_a_service_it_says_what_to_do(as_sue: Client) -> None:
    assert "There is no callback service that you may see." in text_of(shown(as_sue))


def test_what_is_asked_is_shown_as_text(as_sue: Client) -> None:
    ServiceFactory.create()
    page = shown(as_sue, **QUESTION, number=HOSTILE, keys=f"a={HOSTILE}", customer_zone=HOSTILE)
    assert "<script>" not in page


def test_an_answer_costs_a_fixed_number_of_statements(
    as_sue: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ServiceFactory.create()
    asked = {**QUESTION, "desired": "2026-10-26T09:30", "number": "916504661232"}
    shown(as_sue, **asked)
    with django_assert_max_num_queries(90):
        shown(as_sue, **asked, attempt_1="busy", attempt_2="busy", attempt_3="busy")
