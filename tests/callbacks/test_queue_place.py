"""What a callback says of its place in the queue, and what an agent's call carries of its data."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from callbacks.configured import _attached
from callbacks.flow import projections
from callbacks.flow.events import PreviewRejected, Started
from callbacks.models import Callback
from telephony.events import AgentReserved
from telephony.queueplace import PassedOver
from tests.callbacks.test_machine import BOB, NOON, OPTIONS, Story


def test_priorities_age_and_the_preferred_agent_are_those_of_the_options() -> None:
    options = replace(
        OPTIONS,
        wait_for_agent=True,
        vq_priority=5,
        vq_priority_increment=2,
        vq_priority_increment_interval=30,
        call_interaction_age=600,
        preferred_agent="ann",
        preferred_agent_timeout=90,
    )
    place = projections.queue_place(Story(options).tell(Started("test")).session, options)
    assert place is not None
    assert (place.priority, place.priority_increment, place.priority_interval) == (5, 2, 30)
    assert (place.preferred_agent, place.preferred_seconds) == ("ann", 90)
    # It counts as having waited for ten minutes.
    assert place.place_at == NOON - timedelta(seconds=600)


def test_without_them_everybody_is_alike() -> None:
    options = replace(OPTIONS, wait_for_agent=True)
    place = projections.queue_place(Story(options).tell(Started("test")).session, options)
    assert place is not None
    assert (place.priority, place.priority_increment, place.preferred_agent, place.preferred_seconds) == (0, 0, "", 0)


def test_who_rejected_is_passed_over_for_a_minute_and_then_forgotten() -> None:
    options = replace(OPTIONS, first_connect_party="AGENT", agent_preview=True, agent_preview_allow_reject=9)
    story = Story(options, replace(BOB, passed_over=(PassedOver("ann", NOON - timedelta(seconds=1)),)))
    story.tell(Started("test"))
    story.tell(AgentReserved("kate", "r1", story.session.visit))
    rejected_at = story.now
    story.tell(PreviewRejected("kate", "r1"))
    place = projections.queue_place(story.session, options)
    assert place is not None
    assert place.wants == "agent"
    assert place.passed_over == (PassedOver("kate", rejected_at + timedelta(seconds=60)),)


@pytest.mark.parametrize(
    ("form", "attached"),
    [
        ("single_json", (("GMS_UserData", '{"name": "Bär", "age": "36"}'),)),
        ("separate_keys", (("name", "Bär"), ("age", "36"))),
        ("gms_storage_id", (("GMS_UserData", "369-bob"),)),
    ],
)
def test_the_three_forms_of_attached_data(form: str, attached: tuple[tuple[str, str], ...]) -> None:
    assert _attached(Callback(id="369-bob", user_data={"name": "Bär", "age": 36}), form) == attached


@pytest.mark.parametrize("form", ["single_json", "separate_keys", "gms_storage_id"])
def test_data_that_are_too_much_for_a_call_are_named_by_their_id(form: str) -> None:
    assert _attached(Callback(id="369-bob", user_data={"story": "ä" * 500}), form) == (("GMS_UserData", "369-bob"),)


def test_nothing_is_attached_where_the_customer_said_nothing() -> None:
    assert _attached(Callback(id="369-bob"), "single_json") == ()
    assert _attached(Callback(id="369-bob"), "separate_keys") == ()
