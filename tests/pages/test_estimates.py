"""What supervisors see of estimates: of each queue, and of one callback that waits."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.states import State
from callbacks.templatetags.estimates import about, duration, lean, percent
from telephony.models import Agent, HourMeasure, Prediction, QueueAccuracy, QueueEntry, QueueMeasure
from tests.factories import AgentFactory, AgentGroupFactory, CallbackFactory, VirtualQueueFactory

pytestmark = pytest.mark.django_db

PAGE = "/estimates/"


def shown(client: Client, url: str = PAGE) -> str:
    response = client.get(url)
    assert response.status_code == 200
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))
    return text.replace("\N{EN DASH}", "-").replace("\N{MULTIPLICATION SIGN}", "x")


def plain(text: str) -> str:
    """With blanks that may be broken at."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def predicted(owner: str = "", **fields: Any) -> Prediction:
    known: dict[str, Any] = {
        "queue": "Billing_VQ",
        "made_at": timezone.now(),
        "hour": 0,
        "ahead": 2,
        "agents": 3,
        "plain_ewt": 185.0,
        "plain_p90": 400.0,
        "earliest": 20.0,
        "ewt": 185.0,
        "p90": 400.0,
    }
    return Prediction.objects.create(owner=owner, **known | fields)


def test_a_queue_with_its_errors(as_sue: Client) -> None:
    VirtualQueueFactory.create()
    now = timezone.now()
    predicted("ada")
    QueueAccuracy.objects.create(
        queue="Billing_VQ",
        hours=24,
        judged=120,
        abandoned=7,
        put_off=4,
        bias=-12.4,
        mean_absolute=31.0,
        p90_absolute=75.0,
        within_p90=0.885,
        computed_at=now,
    )
    QueueMeasure.objects.create(queue="Billing_VQ", what="handling", seconds=245, measured_at=now)
    QueueMeasure.objects.create(queue="Billing_VQ", what="no_show", seconds=0.31, measured_at=now)
    QueueMeasure.objects.create(queue="Billing_VQ", what="correction", seconds=1.07, measured_at=now)
    page = shown(as_sue)
    assert "Billing_VQ 0 3 min 05 s, nine of ten within 6 min 40 s, at" in page
    assert "4 min 05 s 20 s 31% - x 1.07" in page
    assert "Billing_VQ last 24 hours 120 31 s 12 s too short wrong by 1 min 15 s or less 88% 7 4" in page


def test_a_queue_of_which_nothing_is_known_says_so(as_sue: Client) -> None:
    VirtualQueueFactory.create()
    page = shown(as_sue)
    assert "Billing_VQ 0 - 3 min 20 s - - x 1.00" in page
    assert "Nothing was predicted and came to an end in the last 7 days." in page


def test_without_queues_it_says_what_to_do(as_sue: Client) -> None:
    assert "An administrator sets them up under" in shown(as_sue)


def test_the_hour_of_the_week_comes_before_the_week(as_sue: Client) -> None:
    VirtualQueueFactory.create()
    now = timezone.now()
    QueueMeasure.objects.create(queue="Billing_VQ", what="handling", seconds=245, measured_at=now)
    for hour in range(168):
        HourMeasure.objects.create(
            queue="Billing_VQ", what="handling", hour=hour, mean=60, measured=10, measured_at=now
        )
    assert "- 1 min 20 s" in shown(as_sue)


def test_the_page_costs_the_same_for_many_queues(
    as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        VirtualQueueFactory.create(name=f"VQ{number}")
        predicted(f"owner{number}", queue=f"VQ{number}")
    # Session, user, their permissions, their groups' and their limits; five of the queues; whether they have a desk.
    with django_assert_num_queries(11):
        shown(as_sue)


@pytest.mark.parametrize(
    ("user", "status"), [("as_sue", 200), ("admin_client", 200), ("as_kate", 403), ("as_nobody", 403), ("client", 302)]
)
def test_who_may_see(user: str, status: int, request: pytest.FixtureRequest) -> None:
    client: Client = request.getfixturevalue(user)
    assert client.get(PAGE).status_code == status
    assert ("/estimates/" in client.get("/callbacks/").content.decode()) == (status == 200)


def test_a_callback_that_waits_says_where_it_stands_and_what_it_was_told(as_sue: Client) -> None:
    group = AgentGroupFactory.create(name="Billing")
    group.agents.add(AgentFactory.create(state=Agent.State.READY), AgentFactory.create(state=Agent.State.READY))
    callback = CallbackFactory.create(state=State.QUEUED, queue="Billing_VQ")
    for owner, minute in (("ada", 0), (callback.pk, 1)):
        QueueEntry.objects.create(
            owner=owner,
            queue="Billing_VQ",
            target_key="GA:Billing",
            keys=["GA:Billing"],
            visit=1,
            place_at=timezone.now() + timedelta(seconds=minute),
            reserve_seconds=30,
        )
    predicted(callback.pk)
    page = shown(as_sue, f"/callbacks/{callback.pk}/")
    assert "Position 2 of 2 Estimated wait next" in page
    assert "Estimated at its start 3 min 05 s, nine of ten within 6 min 40 s" in page
    assert "Waited" not in page


def test_a_callback_that_was_served_says_how_long_it_waited(as_sue: Client) -> None:
    callback = CallbackFactory.create(state=State.COMPLETED)
    predicted(callback.pk, outcome="served", settled_at=timezone.now(), waited=171.2)
    page = shown(as_sue, f"/callbacks/{callback.pk}/")
    assert "Waited 2 min 51 s" in page
    assert "Position" not in page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (185, "3 min 05 s"),
        (3599.7, "1 h"),
        (5400, "1 h 30 min"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert plain(duration(seconds)) == text


def test_a_wait_to_come_is_told_no_finer_than_it_is_known() -> None:
    assert [plain(about(seconds)) for seconds in (0.2, 1, 13, 58, 80, 290, 1000)] == [
        "next",
        "about 5 s",
        "about 15 s",
        "about 1 min",
        "about 1 min 30 s",
        "about 5 min",
        "about 17 min",
    ]
    assert about(None) == "not known: nobody is logged in"


def test_to_which_side_and_how_many() -> None:
    assert [plain(lean(bias)) for bias in (12.0, -61.0, 0.4, None)] == [
        "12 s too long",
        "1 min 01 s too short",
        "to neither side",
        "\N{EN DASH}",
    ]
    assert (percent(0.885), percent(None)) == ("88%", "\N{EN DASH}")
