"""What supervisors do to one callback on its page: every act, by itself and against somebody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from callbacks import actions
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason, State
from callbacks.models import Callback, JournalEntry
from callbacks.pages.times import value_of
from scheduling.models import Booking
from telephony.models import BlockedNumber, QueueEntry
from tests.factories import (
    AgentFactory,
    CallbackFactory,
    UserFactory,
    limited_supervisor,
    read_only_supervisor,
    supervisor,
)
from tests.world import World

pytestmark = pytest.mark.django_db

NUMBER = "+498912345678"
ACTS = ("call-now", "reschedule", "priority", "assign", "edit", "note", "served", "cancel", "recreate")


@pytest.fixture
def world() -> Iterator[World]:
    """A service that waits for an agent, and nobody logged in: what is started rests in the queue."""
    world = World(agents=("kate", "liam"), _wait_for_agent="true", _default_country="DE")
    with world.patched():
        yield world


@pytest.fixture
def as_sam(db: None) -> Client:
    """Another supervisor at the same time."""
    client = Client()
    client.force_login(supervisor(username="sam"))
    return client


def url(callback: Callback, act: str) -> str:
    return f"/callbacks/{callback.pk}/{act}/"


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def form_of(client: Client, callback: Callback, act: str) -> dict[str, str]:
    """What the form sends of itself: what its reader saw, and its name."""
    html = client.get(url(callback, act)).content.decode()
    return {
        name: found[1] for name in ("seen", "form") if (found := re.search(rf'name="{name}" value="([^"]*)"', html))
    }


def send(client: Client, callback: Callback, act: str, form: dict[str, str], **typed: Any) -> Any:
    return client.post(url(callback, act), {**form, **typed})


def do(client: Client, callback: Callback, act: str, **typed: Any) -> Any:
    """Open the form, fill it in, send it."""
    return send(client, callback, act, form_of(client, callback, act), **typed)


def last(callback: Callback) -> tuple[str, str, str]:
    entry = JournalEntry.objects.filter(callback=callback).latest("pk")
    return entry.kind, entry.actor, entry.text


def offered(client: Client, callback: Callback) -> list[str]:
    return re.findall(r'id="act-([a-z-]+)"', client.get(url(callback, "acts")).content.decode())


def later(**much: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**much)).replace(minute=0, second=0, microsecond=0)


# ---- what is offered, and to whom


def test_the_bar_offers_what_is_possible_now(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    assert offered(as_sue, waiting) == [
        "call-now",
        "reschedule",
        "priority",
        "assign",
        "edit",
        "note",
        "served",
        "cancel",
    ]
    on_the_line = CallbackFactory.create(service=world.service, state=State.ROUTING, stage=Stage.WAITING)
    assert offered(as_sue, on_the_line) == ["priority", "assign", "edit", "note", "served", "cancel"]
    talking = CallbackFactory.create(service=world.service, state=State.PROCESSING, stage=Stage.TALKING)
    assert offered(as_sue, talking) == ["edit", "note"]
    over = CallbackFactory.create(service=world.service, state=State.COMPLETED)
    assert offered(as_sue, over) == ["note", "recreate"]


def test_options_that_cannot_be_read_leave_the_page_and_no_acts(as_sue: Client, world: World) -> None:
    waiting = CallbackFactory.create(service=world.service, options={"ttl": "of another release"})
    assert waiting.pk in text_of(as_sue.get(f"/callbacks/{waiting.pk}/"))
    assert offered(as_sue, waiting) == []


def test_only_who_may_act_sees_acts_and_does_them(world: World) -> None:
    waiting = world.start(NUMBER)
    rita = Client()
    rita.force_login(read_only_supervisor())
    assert "acts-buttons" not in rita.get(f"/callbacks/{waiting.pk}/").content.decode()
    for act in ACTS:
        assert rita.get(url(waiting, act)).status_code == 403
        assert rita.post(url(waiting, act)).status_code == 403
    assert rita.post("/callbacks/new/", {"service": world.service.name}).status_code == 403
    waiting.refresh_from_db()
    assert (waiting.state, Callback.objects.count()) == (State.QUEUED, 1)


def test_callbacks_of_other_services_are_not_there_for_who_is_limited(world: World) -> None:
    waiting = world.start(NUMBER)
    lisa = Client()
    lisa.force_login(limited_supervisor("another-service"))
    for act in ACTS:
        assert lisa.get(url(waiting, act)).status_code == 404
        assert lisa.post(url(waiting, act)).status_code == 404
    assert JournalEntry.objects.exclude(actor__in=["test", "system"]).count() == 0


def test_asking_what_is_possible_costs_the_callback_alone(
    as_sue: Client, world: World, django_assert_num_queries: Any
) -> None:
    waiting = world.start(NUMBER)
    as_sue.get(url(waiting, "acts"))
    # Session, user, their permissions and limits, the callback with its service.
    with django_assert_num_queries(6):
        as_sue.get(url(waiting, "acts"))


def test_there_is_no_other_act(as_sue: Client, world: World) -> None:
    assert as_sue.get(url(world.start(NUMBER), "delete")).status_code == 404
    assert as_sue.get("/callbacks/369-nobody/cancel/").status_code == 404


# ---- cancel, served


def test_a_cancel_asks_and_stands_in_the_journal_with_who_did_it(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    assert "This cannot be undone" in text_of(as_sue.get(url(waiting, "cancel")))
    response = do(as_sue, waiting, "cancel")
    assert response["Location"] == f"/callbacks/{waiting.pk}/"
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.COMPLETED, Reason.CANCELLED)
    assert last(waiting) == ("ended", "sue", "Cancelled by sue.")


@pytest.mark.parametrize(("act", "reason"), [("cancel", Reason.CANCELLED), ("served", Reason.CANCELLED_SERVED)])
def test_an_end_that_is_sent_twice_counts_once(as_sue: Client, world: World, act: str, reason: str) -> None:
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, act)
    send(as_sue, waiting, act, form)
    entries = JournalEntry.objects.count()
    again = send(as_sue, waiting, act, form)
    assert (again.status_code, JournalEntry.objects.count()) == (409, entries)
    assert "It is so already; nothing more was done." in text_of(again)
    waiting.refresh_from_db()
    assert waiting.reason == reason


def test_what_somebody_else_ended_cannot_be_served(as_sue: Client, as_sam: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, "served")
    do(as_sam, waiting, "cancel")
    refused = send(as_sue, waiting, "served", form)
    assert refused.status_code == 409
    assert "this cannot be done now" in text_of(refused)
    waiting.refresh_from_db()
    assert waiting.reason == Reason.CANCELLED


def test_nobody_hangs_up_on_a_customer_whom_they_saw_waiting(as_sue: Client, world: World) -> None:
    """Between the look and the click the phone began to ring: that is said first, and asked again."""
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, "cancel")
    session = {**waiting.session, "stage": Stage.RINGING, "attempt": 1}
    Callback.objects.filter(pk=waiting.pk).update(state=State.ROUTING, stage=Stage.RINGING, session=session)
    asked = send(as_sue, waiting, "cancel", form)
    assert asked.status_code == 409
    assert "Nothing was changed: the callback has moved on since you looked." in text_of(asked)
    assert "the call ends at once" in text_of(asked)
    waiting.refresh_from_db()
    assert waiting.state == State.ROUTING
    do(as_sue, waiting, "cancel")
    waiting.refresh_from_db()
    assert waiting.state == State.COMPLETED


# ---- another time


def test_another_time_books_its_place_and_can_be_taken_back(as_sue: Client, world: World) -> None:
    first, second = later(hours=26), later(hours=28)
    resting = world.start(NUMBER, desired_in=str((first - world.now()).total_seconds()))
    first = resting.desired_at
    moved = do(as_sue, resting, "reschedule", at=value_of(second))
    resting.refresh_from_db()
    assert (resting.desired_at, resting.state) == (second, State.SCHEDULED)
    assert Booking.objects.count() == 1
    page = as_sue.get(moved["Location"]).content.decode()
    assert "Undo: back to" in page
    undo = dict(re.findall(r'name="(seen|at)" value="([^"]*)"', page))
    send(as_sue, resting, "reschedule", undo)
    resting.refresh_from_db()
    assert abs(resting.desired_at - first) < timedelta(milliseconds=1)
    rescheduled = JournalEntry.objects.filter(callback=resting, kind="rescheduled")
    assert [entry.actor for entry in rescheduled] == ["sue", "sue"]


def test_a_time_that_somebody_else_changed_is_not_overwritten(as_sue: Client, as_sam: Client, world: World) -> None:
    resting = world.start(NUMBER, desired_in="90000")
    form, sams, sues = form_of(as_sue, resting, "reschedule"), later(hours=27), later(hours=30)
    do(as_sam, resting, "reschedule", at=value_of(sams))
    refused = send(as_sue, resting, "reschedule", form, at=value_of(sues), day=f"{sues:%Y-%m-%d}")
    assert refused.status_code == 409
    said = text_of(refused)
    assert "Nothing was changed: the callback has moved on since you looked." in said
    assert f"Another time was asked for by sam: {sams:%Y-%m-%d %H:%M:%S} UTC." in said
    # What was chosen is still chosen, and is done when it is sent again.
    assert re.search(rf'value="{value_of(sues)}" checked', refused.content.decode())
    resting.refresh_from_db()
    assert resting.desired_at == sams
    send(
        as_sue,
        resting,
        "reschedule",
        dict(re.findall(r'name="(seen)" value="([^"]*)"', refused.content.decode())),
        at=value_of(sues),
    )
    resting.refresh_from_db()
    assert resting.desired_at == sues


def test_a_time_that_is_not_free_is_refused_and_nothing_moves(as_sue: Client, world: World) -> None:
    resting = world.start(NUMBER, desired_in="90000")
    before = resting.desired_at
    passed = value_of(later(hours=-30))
    refused = do(as_sue, resting, "reschedule", at=passed)
    assert refused.status_code == 409
    assert "Nothing was changed." in text_of(refused)
    assert "it has passed (_reject_past_desired_time)" in text_of(refused)
    resting.refresh_from_db()
    assert resting.desired_at == before


def test_a_choice_is_asked_for(as_sue: Client, world: World) -> None:
    resting = world.start(NUMBER, desired_in="90000")
    for at in ("", "soon", "2026-99-99T00:00:00Z"):
        refused = do(as_sue, resting, "reschedule", at=at)
        assert refused.status_code == 422
        assert "Choose one of the times, or as soon as possible." in text_of(refused)


def test_another_day_is_shown_without_changing_anything(as_sue: Client, world: World) -> None:
    resting = world.start(NUMBER, desired_in="90000")
    day = later(hours=72)
    shown = do(as_sue, resting, "reschedule", show="day", day=f"{day:%Y-%m-%d}")
    assert f'value="{day:%Y-%m-%d}"' in shown.content.decode()
    assert f'value="{value_of(day)}"' in shown.content.decode()
    assert "Choose one of the times" not in text_of(shown)
    assert JournalEntry.objects.filter(callback=resting, kind="rescheduled").count() == 0


# ---- call now


def test_call_now_rings_who_was_for_tomorrow(as_sue: Client, world: World) -> None:
    resting = world.start(NUMBER, desired_in="90000")
    assert "A phone that rang cannot be taken back." in text_of(as_sue.get(url(resting, "call-now")))
    form = form_of(as_sue, resting, "call-now")
    send(as_sue, resting, "call-now", form)
    resting.refresh_from_db()
    assert (resting.stage, Booking.objects.count()) == (Stage.DIALLING, 0)
    assert resting.properties["_desired_time"] == value_of(resting.desired_at)
    assert JournalEntry.objects.filter(callback=resting, kind="called-now", actor="sue").count() == 1
    # A second click finds that they are being called.
    again = send(as_sue, resting, "call-now", form)
    assert again.status_code == 409
    assert JournalEntry.objects.filter(callback=resting, kind="dialling").count() == 1


def test_call_now_is_refused_with_the_reason_where_nobody_may_be_called(as_sue: Client, world: World) -> None:
    resting = world.start(NUMBER, desired_in="90000")
    BlockedNumber.objects.create(
        number=NUMBER, reason="asked not to be called", created_by="x", created_at=timezone.now()
    )
    refused = do(as_sue, resting, "call-now")
    assert refused.status_code == 409
    assert "The customer cannot be called now: the number is on the block list: asked not to be called." in text_of(
        refused
    )
    resting.refresh_from_db()
    assert (resting.state, Booking.objects.count()) == (State.SCHEDULED, 1)


# ---- priority, assignment


def test_a_priority_moves_the_callback_in_its_queue_and_back(as_sue: Client, world: World) -> None:
    world.start("+498912345600")
    second = world.start(NUMBER)
    asked = as_sue.get(url(second, "priority"))
    assert "It is number 2 of 2 in its queue." in text_of(asked)
    assert re.search(r'name="priority"[^>]*value="0"', asked.content.decode())
    done = as_sue.get(do(as_sue, second, "priority", priority="50")["Location"])
    assert "Its priority is now 50. It is number 1 of 2 in its queue." in text_of(done)
    assert QueueEntry.objects.get(owner=second.pk).priority == 50
    assert last(second) == ("prioritised", "sue", "Priority 50 instead of 0, by sue.")
    undo = dict(re.findall(r'name="(seen|priority)" value="([^"]*)"', done.content.decode()))
    assert undo == {"seen": "50", "priority": "0"}
    send(as_sue, second, "priority", undo)
    assert QueueEntry.objects.get(owner=second.pk).priority == 0


def test_two_supervisors_and_one_priority(as_sue: Client, as_sam: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, "priority")
    do(as_sam, waiting, "priority", priority="20")
    refused = send(as_sue, waiting, "priority", form, priority="30")
    assert refused.status_code == 409
    assert "Priority 20 instead of 0, by sam." in text_of(refused)
    assert 'value="30"' in refused.content.decode()
    assert QueueEntry.objects.get(owner=waiting.pk).priority == 20
    # The same wish twice is one.
    again = send(as_sue, waiting, "priority", form, priority="20")
    assert "It is so already; nothing more was done." in text_of(again)
    assert JournalEntry.objects.filter(callback=waiting, kind="prioritised").count() == 1


@pytest.mark.parametrize("priority", ["", "-1", "many", "1000001"])
def test_a_priority_is_a_number(as_sue: Client, world: World, priority: str) -> None:
    refused = do(as_sue, world.start(NUMBER), "priority", priority=priority)
    assert refused.status_code == 422
    assert "The priority is a whole number from 0 to 1,000,000." in text_of(refused)
    assert QueueEntry.objects.get().priority == 0


def test_an_assigned_agent_gets_it_first_and_it_can_be_taken_back(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    done = as_sue.get(do(as_sue, waiting, "assign", agent="liam", seconds="300")["Location"])
    assert "It is assigned to liam, for 5 min; then anybody may have it." in text_of(done).replace("\xa0", " ")
    assert QueueEntry.objects.get(owner=waiting.pk).preferred_agent == "liam"
    assert last(waiting)[1:] == ("sue", "Assigned to agent liam by sue; after 300 s anybody may have it.")
    undo = dict(re.findall(r'name="(seen|agent|seconds)" value="([^"]*)"', done.content.decode()))
    assert undo == {"seen": "liam", "agent": "", "seconds": ""}
    send(as_sue, waiting, "assign", undo)
    assert QueueEntry.objects.get(owner=waiting.pk).preferred_agent == ""


def test_an_assignment_names_an_agent_there_is_and_a_time(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    assert "There is no agent nobody any more." in text_of(do(as_sue, waiting, "assign", agent="nobody", seconds="60"))
    assert "Say for how long" in text_of(do(as_sue, waiting, "assign", agent="liam", seconds=""))
    assert QueueEntry.objects.get().preferred_agent == ""


def test_an_agent_whom_somebody_else_assigned_stays(as_sue: Client, as_sam: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, "assign")
    do(as_sam, waiting, "assign", agent="kate", seconds="60")
    refused = send(as_sue, waiting, "assign", form, agent="liam", seconds="120")
    assert "Assigned to agent kate by sam" in text_of(refused)
    assert re.search(r'value="liam" selected', refused.content.decode())
    assert QueueEntry.objects.get().preferred_agent == "kate"


# ---- edit


def rows(**keys: tuple[str, str]) -> dict[str, list[str]]:
    """Rows of the form: each key with what was there and what is typed."""
    return {
        "key": list(keys),
        "was": [was for was, _ in keys.values()],
        "value": [text for _, text in keys.values()],
        "new": ["" if was else "yes" for was, _ in keys.values()],
    }


def test_data_are_changed_added_and_removed(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER, first_name="Ada", city="Ulm")
    do(
        as_sue,
        waiting,
        "edit",
        number=NUMBER,
        **rows(first_name=("Ada", "Ida"), city=("Ulm", ""), street=("", "Hof 1")),
    )
    waiting.refresh_from_db()
    assert waiting.user_data == {"first_name": "Ida", "street": "Hof 1"}
    assert last(waiting) == ("changed", "sue", "Changed: first_name, street. Removed: city. By sue.")


def test_of_data_only_what_both_changed_is_fought_over(as_sue: Client, as_sam: Client, world: World) -> None:
    waiting = world.start(NUMBER, first_name="Ada", city="Ulm")
    form = form_of(as_sue, waiting, "edit")
    do(as_sam, waiting, "edit", **rows(first_name=("Ada", "Sams"), city=("Ulm", "Ulm")))
    send(as_sue, waiting, "edit", form, **rows(first_name=("Ada", "Ada"), city=("Ulm", "Bonn")))
    waiting.refresh_from_db()
    assert waiting.user_data == {"first_name": "Sams", "city": "Bonn"}
    refused = send(as_sue, waiting, "edit", form, **rows(first_name=("Ada", "Sues"), city=("Bonn", "Bonn")))
    assert refused.status_code == 409
    assert "Now: Sams" in text_of(refused)
    assert 'value="Sues"' in refused.content.decode()
    waiting.refresh_from_db()
    assert waiting.user_data["first_name"] == "Sams"


def test_another_number_is_judged_by_the_rules_and_not_told(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    do(as_sue, waiting, "edit", number="+49 89 / 55 55 55")
    waiting.refresh_from_db()
    assert waiting.customer_number == waiting.properties["_customer_number"] == "+4989555555"
    assert waiting.session["number"] == "+4989555555"
    assert last(waiting) == ("number-changed", "sue", "The customer's number was changed by sue.")
    for number, why in (("+49 900 1 234567", "premium"), ("no number", "This is no telephone number")):
        refused = do(as_sue, waiting, "edit", number=number)
        assert why in text_of(refused)
        waiting.refresh_from_db()
        assert waiting.customer_number == "+4989555555"


def test_the_number_of_who_is_being_called_stays(as_sue: Client, world: World) -> None:
    ringing = CallbackFactory.create(service=world.service, state=State.ROUTING, stage=Stage.RINGING)
    refused = do(as_sue, ringing, "edit", number="+4989555555")
    assert "the customer is being called" in text_of(refused)
    ringing.refresh_from_db()
    assert ringing.customer_number == "916504661232"


def test_a_zone_that_is_none_is_refused_so_that_they_are_still_called(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER, _customer_timezone="Europe/Berlin")
    refused = do(as_sue, waiting, "edit", **rows(_customer_timezone=("Europe/Berlin", "Berlin time")))
    assert refused.status_code == 409
    assert "_customer_timezone" in text_of(refused)
    waiting.refresh_from_db()
    assert waiting.properties["_customer_timezone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"_target": ("", "Sales")}, "_target is an option"),
        ({"_customer_number": ("", "5115")}, "_customer_number is no key of its own"),
        ({"_customer_number": (NUMBER, "5115")}, "_customer_number is no key of its own"),
        ({"x" * 129: ("", "y")}, "A name has at most 128 characters."),
        ({"note": ("", "y" * 4097)}, "A value has at most 4096 characters."),
    ],
)
def test_a_key_that_cannot_be_is_refused(as_sue: Client, world: World, keys: Any, why: str) -> None:
    waiting = world.start(NUMBER, first_name="Ada")
    refused = do(as_sue, waiting, "edit", **rows(**keys))
    assert refused.status_code == 422
    assert why in text_of(refused)
    waiting.refresh_from_db()
    assert waiting.user_data == {"first_name": "Ada"}


# ---- notes


def test_a_note_stands_in_the_timeline_also_when_it_is_over(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    do(as_sue, waiting, "cancel")
    do(as_sue, waiting, "note", text="He called the branch.")
    assert last(waiting) == ("note", "sue", "He called the branch.")
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == (State.COMPLETED, Reason.CANCELLED)


def test_a_note_that_is_sent_twice_is_written_once(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, "note")
    for _ in range(2):
        response = send(as_sue, waiting, "note", form, text="He called the branch.")
    assert "It is so already; nothing more was done." in text_of(response)
    assert JournalEntry.objects.filter(callback=waiting, kind="note").count() == 1


def test_a_note_says_something(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    assert "Write something first." in text_of(do(as_sue, waiting, "note", text=" "))
    assert "has at most 2000 characters; this one has 2001" in text_of(do(as_sue, waiting, "note", text="x" * 2001))
    assert JournalEntry.objects.filter(callback=waiting, kind="note").count() == 0


def test_what_cannot_be_decided_now_keeps_what_was_typed(as_sue: Client, world: World) -> None:
    waiting = world.start(NUMBER)
    form = form_of(as_sue, waiting, "note")
    with mock.patch.object(actions, "decide_now", side_effect=actions.Busy):
        refused = send(as_sue, waiting, "note", form, text="Half an hour of typing")
    assert "It is being changed by somebody else at this moment. Try again." in text_of(refused)
    assert "Half an hour of typing" in refused.content.decode()


# ---- what is said elsewhere


def test_a_user_with_a_long_name_can_act(world: World) -> None:
    client = Client()
    client.force_login(supervisor(username="x" * 150))
    waiting = world.start(NUMBER)
    do(client, waiting, "note", text="A note.")
    assert last(waiting)[1] == "x" * 64


def test_who_does_not_see_numbers_can_act_and_sees_none(world: World) -> None:
    nina = UserFactory.create(username="nina")
    nina.user_permissions.set(Permission.objects.filter(codename__in=["view_callback", "change_callback"]))
    client = Client()
    client.force_login(nina)
    waiting = world.start(NUMBER)
    for act in ACTS[:-1]:
        assert NUMBER not in client.get(url(waiting, act)).content.decode()
    do(client, waiting, "edit", number="+498***78", **rows(first_name=("", "Ada")))
    waiting.refresh_from_db()
    assert (waiting.customer_number, waiting.user_data) == (NUMBER, {"first_name": "Ada"})


def test_an_agent_of_the_list_says_what_they_do(as_sue: Client, world: World) -> None:
    AgentFactory.create(name="mona", state="ready")
    page = text_of(as_sue.get(url(world.start(NUMBER), "assign")))
    assert "mona (Ready)" in page
    assert "kate (Logged out)" in page
