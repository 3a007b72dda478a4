"""What a callback is predicted, what comes of it, and what is measured on the way: whole callbacks on the simulator."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callbacks import actions, waits
from callbacks.flow.decision import AttemptChange, DialResult
from callbacks.models import Callback
from services import pausing
from services.models import NamedList
from telephony.events import Party
from telephony.models import Agent, HourMeasure, Prediction, QueueMeasure
from tests.world import HUMAN, World

pytestmark = pytest.mark.django_db(transaction=True)

NOBODY, HANGS_UP = "916504661281", "916504661287"


@pytest.fixture(autouse=True)
def quick_people(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0


def only() -> Prediction:
    return Prediction.objects.get()


def week(what: str) -> tuple[float, int] | None:
    row = QueueMeasure.objects.filter(queue="Billing_VQ", what=what).first()
    return (row.seconds, row.measured) if row else None


def test_a_callback_that_is_served_has_a_wait_to_judge() -> None:
    world = World()
    world.ready()
    callback = world.finish(world.start())
    row = only()
    assert (row.owner, row.queue, row.outcome) == (callback.pk, "Billing_VQ", "served")
    assert (row.made_at, row.ahead, row.agents) == (callback.created_at, 0, 1)
    # An agent is ready; the customer has to be reached, which takes 20 s until it is measured.
    assert (row.plain_ewt, row.earliest, row.ewt, row.p90) == (0, 20, 20, 20)
    reserved = callback.journal.get(kind="reserved").at
    assert row.settled_at == reserved
    assert row.waited == pytest.approx((reserved - callback.created_at).total_seconds(), abs=0.001)
    assert week("abandoned") == (0, 1)
    assert week("no_show") == (0, 1)
    assert {row.what for row in HourMeasure.objects.all()} == {
        "abandoned",
        "handling",
        "no_show",
        "reach",
        "waited",
    }


def with_everybody_away(**options: str) -> World:
    """Agents are logged in, so that a wait can be predicted, but none of them is ready."""
    world = World(agents=("kate",), **options)
    Agent.objects.update(state=Agent.State.NOT_READY)
    return world


def test_who_hangs_up_before_an_agent_is_there_has_left() -> None:
    world = with_everybody_away()
    callback = world.finish(world.start(HANGS_UP))
    assert callback.reason == "FAIL_INTERACTION_DELETED"
    row = only()
    assert (row.outcome, row.waited) == ("left", None)
    assert week("abandoned") == (1, 1)
    assert row.settled_at is not None
    waited = week("waited")
    assert waited is not None
    assert waited[0] == pytest.approx((row.settled_at - row.made_at).total_seconds())


def test_an_attempt_that_found_nobody_is_counted_and_its_wait_is_not_judged() -> None:
    world = World(_max_dial_attempts="2")
    world.ready()
    callback = world.finish(world.start(NOBODY))
    assert callback.reason == "FAIL_CALL_TO_CUSTOMER"
    assert only().outcome == "put_off"
    assert week("no_show") == (1, 2)
    assert week("abandoned") is None


def test_a_cancel_is_leaving() -> None:
    world = with_everybody_away()
    callback = world.start()
    with world.patched():
        actions.cancel(callback_id=callback.pk, actor="test", now=world.now())
    assert only().outcome == "left"
    assert week("abandoned") == (1, 1)


def test_a_pause_puts_off() -> None:
    world = with_everybody_away(_wait_for_agent="true")
    callback = world.start()
    assert only().outcome == ""
    NamedList.objects.create(name=pausing.DEFAULT_LIST, sections={pausing.SECTION: {pausing.ALL: "true"}})
    world.tick()
    world.run(lambda: Callback.objects.get(pk=callback.pk).state == "PAUSED")
    assert only().outcome == "put_off"


def test_a_scheduled_one_is_predicted_when_its_execution_starts() -> None:
    world = World(_request_execution_time_buffer="120")
    world.ready()
    callback = world.start(desired_in="7200")
    assert not Prediction.objects.exists()
    world.finish(callback)
    row = only()
    assert callback.desired_at - row.made_at == pytest.approx(timedelta(seconds=120), abs=timedelta(seconds=2))
    # It is dialled at its time at the earliest, and has to be reached then.
    assert row.earliest == pytest.approx((callback.desired_at - row.made_at).total_seconds() + 20, abs=1)
    assert (row.outcome, row.ewt) == ("served", row.earliest)


def test_another_desired_time_is_another_wait() -> None:
    world = with_everybody_away(_request_execution_time_buffer="600", _desired_connect_time_threshold="60")
    callback = world.start(desired_in="300")
    world.run(lambda: Callback.objects.get(pk=callback.pk).stage == "held")
    assert only().outcome == ""
    with world.patched():
        later = world.now() + timedelta(hours=2)
        actions.reschedule(callback_id=callback.pk, desired_at=later, properties={}, actor="test", now=world.now())
    assert only().outcome == "put_off"


def test_what_it_costs() -> None:
    """Statements of a whole callback that waits see below: the prediction is made in five, settled in one."""
    world = World()
    world.ready()
    with CaptureQueriesContext(connection) as queries:
        world.finish(world.start(HUMAN))
    ours = [query["sql"] for query in queries if "telephony_prediction" in query["sql"] or "measure" in query["sql"]]
    # The measures are read and the prediction made; reach and no-show, the settling, handling.
    kinds = [sql.split()[0] + " " + ("prediction" if "telephony_prediction" in sql else "measure") for sql in ours]
    assert kinds == [
        "SELECT measure",
        "INSERT prediction",
        "WITH measure",
        "WITH prediction",
        "WITH measure",
    ]


@pytest.mark.parametrize(
    ("party", "result", "expected"),
    [
        (Party.CUSTOMER, DialResult.PERSON, [0.0]),
        (Party.CUSTOMER, DialResult.BUSY, [1.0]),
        (Party.CUSTOMER, DialResult.ANSWERING_MACHINE, [1.0]),
        (Party.CUSTOMER, DialResult.CREATE_CALL_ERROR, []),
        (Party.CUSTOMER, None, []),
        (Party.AGENT, DialResult.NO_ANSWER, []),
    ],
)
def test_what_an_attempt_says_of_no_shows(party: Party, result: DialResult | None, expected: list[float]) -> None:
    assert waits.no_shows([AttemptChange(party, 1, result=result)]) == expected
