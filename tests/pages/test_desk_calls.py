"""Calls at the desk: offers, holding, hanging up, what came of them, and my day. The owner of the calls is played."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from telephony import upwards
from telephony.models import Agent
from telephony.upwards import Choice, Description, DeskStage, Handled, NotPossible, TooLate
from tests.factories import AgentFactory, UserFactory
from tests.pages.owners import Owners

pytestmark = pytest.mark.django_db

DESK = "/desk/"
HTMX = {"HX-Request": "true"}
NOW = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)
FOUR = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)
OFFER = Description(
    "renewals",
    "916504661232",
    (("first_name", "Ada"),),
    stage=DeskStage.OFFER,
    why="You speak English.",
    since=NOW - timedelta(minutes=3),
    until=NOW + timedelta(seconds=30),
    may_reject=True,
)
ASKED = replace(
    OFFER,
    stage=DeskStage.DISPOSITION,
    until=NOW + timedelta(seconds=45),
    choices=tuple(Choice),
    times=(FOUR, datetime(2026, 3, 3, 9, 0, tzinfo=UTC)),
)
TAKEN = "Too late: it is no longer yours; it may already be somebody else's."


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with time_machine.travel(NOW):
        yield


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> Owners:
    played = Owners()
    monkeypatch.setattr(upwards, "_owner", played)
    return played


def put(agent: Agent, state: Agent.State, **fields: object) -> None:
    Agent.objects.filter(pk=agent.pk).update(state=state, state_since=NOW, **fields)


def offered(agent: Agent, owners: Owners, description: Description = OFFER, state: str = "reserved") -> None:
    owners.descriptions["369-ada"] = description
    put(agent, Agent.State(state), reserved_for="369-ada", reservation="r1")


def wrapping_up(agent: Agent, owners: Owners, description: Description = ASKED) -> None:
    owners.descriptions["369-ada"] = description
    until = NOW + timedelta(seconds=45)
    put(agent, Agent.State.WRAP_UP, wrap_up_until=until, wrap_up_for="369-ada")


def words(response: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def shown(client: Client) -> str:
    response = client.get(DESK)
    assert response.status_code == 200
    return words(response)


def press(client: Client, act: str, **sent: str) -> Any:
    """A button, as the page's script sends it."""
    response = client.post(f"{DESK}{act}/", sent, headers=HTMX)
    assert response.status_code == 200
    return response


def said(response: Any) -> str:
    """What is put into the region that a screen reader reads out."""
    found = re.search(r'<div hx-swap-oob="innerHTML:#said">(.*?)</div>', response.content.decode(), re.DOTALL)
    assert found
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


# ---- the offer


def test_an_offer_says_who_why_and_how_long(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners)
    page = as_kate.get(DESK).content.decode()
    text = words(as_kate.get(DESK))
    for told in (
        "Offer 916504661232 You speak English.",
        "Waiting for",
        "The offer lapses in",
        "Service renewals first_name Ada",
        "A callback is offered to you. Nobody is called before you accept.",
        "Offer: renewals. You speak English. Alt+A accepts, Alt+R rejects.",
    ):
        assert told in text
    assert "<title>Offer · Desk · Callbacksite</title>" in page
    assert f'data-since="{int(NOW.timestamp()) - 180}"' in page
    assert f'data-until="{int(NOW.timestamp()) + 30}"' in page
    assert 'data-calls-for-agent="Offer"' in page
    assert page.count('name="reservation" value="r1"') == 2


def test_an_offer_that_may_not_be_rejected_has_no_such_button(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners, replace(OFFER, may_reject=False))
    text = shown(as_kate)
    assert "Alt+A accepts." in text
    assert "Reject" not in text


def test_accepting_answers_with_what_follows(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners)
    answer = press(as_kate, "offer/accept", reservation="r1")
    assert owners.decided == [("accept", "369-ada", "r1")]
    assert "Your phone rings" in words(answer)
    assert "Accept" not in words(answer)
    assert said(answer) == ""


def test_rejecting_is_said(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners)
    answer = press(as_kate, "offer/reject", reservation="r1")
    assert owners.decided == [("reject", "369-ada", "r1")]
    assert said(answer) == "You rejected the offer."
    assert "916504661232" not in words(answer)


@pytest.mark.parametrize("act", ["offer/accept", "offer/reject"])
def test_a_decision_on_an_older_offer_is_too_late(as_kate: Client, kate: Agent, owners: Owners, act: str) -> None:
    """The same customer came back to kate, under another reservation, before she pressed the button."""
    offered(kate, owners)
    for sent in ({"reservation": "r0"}, {}, {"reservation": "r1\0"}):
        answer = press(as_kate, act, **sent)
        assert said(answer) == "Too late: this offer is no longer yours. Nothing was changed."
    assert owners.decided == []


def test_an_accept_after_the_offer_lapsed_says_so(as_kate: Client, kate: Agent, owners: Owners) -> None:
    put(kate, Agent.State.NOT_READY, reason="No answer")
    assert said(press(as_kate, "offer/accept", reservation="r1")) == (
        "Too late: this offer is no longer yours. Nothing was changed."
    )
    assert owners.decided == []


def test_the_owner_has_the_last_word(as_kate: Client, kate: Agent, owners: Owners) -> None:
    """Kate's row still says reserved; the owner, under its lock, knows better."""
    offered(kate, owners)
    owners.refuses = TooLate(TAKEN)
    assert said(press(as_kate, "offer/accept", reservation="r1")) == TAKEN
    owners.refuses = NotPossible("This callback may only be accepted.")
    assert said(press(as_kate, "offer/reject", reservation="r1")) == "This callback may only be accepted."


def test_accepting_in_two_tabs_accepts_once(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners)
    other = Client()
    assert kate.user is not None
    other.force_login(kate.user)
    press(as_kate, "offer/accept", reservation="r1")
    owners.refuses = TooLate("Too late: you have accepted it already.")
    answer = press(other, "offer/accept", reservation="r1")
    assert said(answer) == "Too late: you have accepted it already."
    assert "Your phone rings" in words(answer)
    assert words(as_kate.get(DESK)) == words(other.get(DESK))


def test_no_offer_is_shown_to_two_agents(
    as_kate: Client, kate: Agent, owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading kate's row and her owner, the offer lapses and goes to ann."""
    offered(kate, owners)
    ann = AgentFactory.create(name="ann", state=Agent.State.READY)
    describe = owners.describe

    def overtaken(owner: str, now: datetime) -> Description | None:
        if Agent.objects.filter(pk=kate.pk, state="reserved").exists():
            put(kate, Agent.State.READY, reserved_for=None, reservation="")
            put(ann, Agent.State.RESERVED, reserved_for="369-ada", reservation="r2")
        return describe(owner, now)

    monkeypatch.setattr(owners, "describe", overtaken)
    text = shown(as_kate)
    assert "916504661232" not in text
    assert "Your phone may ring at any moment" in text


def test_after_the_call_nobody_sees_the_next_agents_offer(as_kate: Client, kate: Agent, owners: Owners) -> None:
    """Kate chose Call again now and is in wrap-up; her customer is offered to somebody else."""
    wrapping_up(kate, owners, replace(OFFER, number="5115"))
    page = as_kate.get(DESK).content.decode()
    assert "The call is over" in page
    assert "You speak English." not in page
    assert "accept" not in page.split('id="live-part"')[1].split("</main>")[0].lower().split("my state")[0]
    assert "data-calls-for-agent" not in page


# ---- the call


@pytest.mark.parametrize(
    ("stage", "title", "meaning"),
    [
        (DeskStage.RINGING, "Your phone rings", "A customer is waiting for you: answer your phone"),
        (DeskStage.CALLING, "Calling the customer", "Stay on the line: the customer is being called."),
        (DeskStage.JOINING, "Connecting", "You are being connected."),
        (DeskStage.TALKING, "Talking", "A customer is waiting"),
        (DeskStage.HELD, "On hold", "The customer hears the waiting treatment. Talk again takes them back."),
        (DeskStage.DISPOSITION, "What came of it?", "The talk is over: say what came of it."),
        # Its owner has not heard of its agent yet.
        (DeskStage.OVER, "Reserved", "A callback is coming to you."),
    ],
)
def test_every_step_of_a_call_has_its_words(
    as_kate: Client, kate: Agent, owners: Owners, stage: DeskStage, title: str, meaning: str
) -> None:
    offered(kate, owners, replace(ASKED, stage=stage))
    page = as_kate.get(DESK)
    assert f"<title>{title} · Desk · Callbacksite</title>" in page.content.decode()
    assert re.sub(r" ([.:,])", r"\1", meaning) in re.sub(r" ([.:,])", r"\1", words(page))


@pytest.mark.parametrize("state", [{"state": "on_call"}, {"state": "reserved", "release_as": "ready"}])
def test_a_call_that_is_over_while_the_phone_is_not_down(
    as_kate: Client, kate: Agent, owners: Owners, state: dict[str, str]
) -> None:
    offered(kate, owners, replace(ASKED, stage=DeskStage.OVER))
    Agent.objects.update(**state)
    assert "The call is over: put down your phone." in shown(as_kate)


@pytest.mark.parametrize("stage", [DeskStage.RINGING, DeskStage.CALLING, DeskStage.JOINING, DeskStage.OVER])
def test_only_a_talk_can_be_held_and_ended(as_kate: Client, kate: Agent, owners: Owners, stage: DeskStage) -> None:
    offered(kate, owners, replace(OFFER, stage=stage), "on_call")
    assert "Hang up" not in shown(as_kate)


def test_holding_talking_again_and_hanging_up(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners, replace(OFFER, stage=DeskStage.TALKING), "on_call")
    assert 'name="on" value="true"' in as_kate.get(DESK).content.decode()
    press(as_kate, "call/hold", reservation="r1", on="true")
    owners.descriptions["369-ada"] = replace(OFFER, stage=DeskStage.HELD)
    page = as_kate.get(DESK).content.decode()
    assert 'name="on" value="false"' in page
    assert "Talk again" in page
    press(as_kate, "call/hold", reservation="r1", on="false")
    assert said(press(as_kate, "call/hang-up", reservation="r1")) == "You ended the call."
    assert owners.decided == [("hold", "369-ada", "r1"), ("talk", "369-ada", "r1"), ("hang up", "369-ada", "r1")]


@pytest.mark.parametrize("act", ["call/hold", "call/hang-up"])
def test_a_button_of_a_call_that_is_over_touches_no_other_call(
    as_kate: Client, kate: Agent, owners: Owners, act: str
) -> None:
    offered(kate, owners, replace(OFFER, stage=DeskStage.TALKING), "on_call")
    assert said(press(as_kate, act, reservation="r0")) == "Too late: this call is over. Nothing was changed."
    assert owners.decided == []


# ---- what came of it


def test_after_the_talk_the_desk_asks_what_came_of_it(as_kate: Client, kate: Agent, owners: Owners) -> None:
    wrapping_up(kate, owners)
    page = as_kate.get(DESK)
    text = words(page)
    for told in (
        "Done Call again now Call again at a time Wrong number It was an answering machine Do not call again",
        "Choose a time Today 16:00 Tue 3 Mar 09:00",
        "or at another time (UTC)",
        "Counts as done in",
        "Say what came of the call. Ready and Not ready end this early; the call then counts as done.",
    ):
        assert re.sub(r" \.", ".", told) in re.sub(r" \.", ".", text)
    assert 'id="disposition-369-ada" class="disposition" hx-preserve' in page.content.decode()


@pytest.mark.parametrize(
    ("sent", "decided", "answer"),
    [
        ({"choice": "done"}, (Choice.DONE, None), "Saved: Done."),
        ({"choice": "call-now"}, (Choice.CALL_NOW, None), "Saved: Call again now."),
        ({"choice": "wrong-number"}, (Choice.WRONG_NUMBER, None), "Saved: Wrong number."),
        ({"choice": "machine"}, (Choice.MACHINE, None), "Saved: It was an answering machine."),
        ({"choice": "do-not-call"}, (Choice.DO_NOT_CALL, None), "Saved: Do not call again."),
        (
            {"choice": "call-at", "time": FOUR.isoformat()},
            (Choice.CALL_AT, FOUR),
            "Saved: call again, Today 16:00.",
        ),
        (
            {"choice": "call-at", "other": "2026-03-04T09:15"},
            (Choice.CALL_AT, datetime(2026, 3, 4, 9, 15, tzinfo=UTC)),
            "Saved: call again, Wed 4 Mar 09:15.",
        ),
        # What is typed counts, and a time that was offered a minute ago is still understood.
        (
            {"choice": "call-at", "time": "2026-03-02T12:00:00+00:00", "other": "2026-03-04T09:15"},
            (Choice.CALL_AT, datetime(2026, 3, 4, 9, 15, tzinfo=UTC)),
            "Saved: call again, Wed 4 Mar 09:15.",
        ),
    ],
)
def test_what_came_of_it_is_saved_and_said(
    as_kate: Client, kate: Agent, owners: Owners, sent: dict[str, str], decided: tuple[Any, ...], answer: str
) -> None:
    wrapping_up(kate, owners)
    assert said(press(as_kate, "disposition", owner="369-ada", **sent)) == answer
    assert owners.decided == [("dispose", "369-ada", "kate", *decided)]
    kate.refresh_from_db()
    assert kate.state == "wrap_up"
    assert "Save" not in shown(as_kate)


def test_saved_then_ready(as_kate: Client, kate: Agent, owners: Owners) -> None:
    wrapping_up(kate, owners)
    press(as_kate, "disposition", owner="369-ada", choice="done", then="ready")
    kate.refresh_from_db()
    assert (kate.state, kate.wrap_up_for) == ("ready", "")


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        ({}, "Choose one of what came of the call."),
        ({"choice": "later"}, "Choose one of what came of the call."),
        ({"choice": "call-at"}, "Choose a time, or give another one, for calling again at a time."),
        (
            {"choice": "done", "time": FOUR.isoformat()},
            "You gave a time: choose “Call again at a time” for it, or take it out again.",
        ),
        (
            {"choice": "call-at", "other": "tomorrow"},
            "Give the other time as a date and a time of day, for example 2026-03-02 15:30.",
        ),
        ({"choice": "call-at", "time": "2026-03-02T16:00"}, "Choose one of the times, or give another one."),
        ({"choice": "call-at", "time": "soon\0"}, "Choose one of the times, or give another one."),
    ],
)
def test_what_makes_no_sense_is_said_and_saves_nothing(
    as_kate: Client, kate: Agent, owners: Owners, sent: dict[str, str], answer: str
) -> None:
    wrapping_up(kate, owners)
    assert said(press(as_kate, "disposition", owner="369-ada", then="ready", **sent)) == answer
    assert owners.decided == []
    kate.refresh_from_db()
    assert kate.state == "wrap_up"


def test_without_scripts_nothing_typed_is_lost(as_kate: Client, kate: Agent, owners: Owners) -> None:
    wrapping_up(kate, owners)
    owners.refuses = NotPossible("The office is closed then. Free are: 2026-03-03 09:00 UTC.")
    sent = {"owner": "369-ada", "choice": "call-at", "other": "2026-03-02T23:00"}
    answer = as_kate.post(f"{DESK}disposition/", sent)
    assert answer.status_code == 400
    assert "The office is closed then. Free are: 2026-03-03 09:00 UTC." in words(answer)
    assert 'value="2026-03-02T23:00"' in answer.content.decode()
    assert re.search(r'value="call-at"[^>]* checked', answer.content.decode())

    owners.refuses = None
    answer = as_kate.post(f"{DESK}disposition/", sent | {"other": "2026-03-03T09:00"}, follow=True)
    assert answer.redirect_chain == [(DESK, 302)]
    assert "Saved: call again, Tue 3 Mar 09:00." in words(answer)


def test_a_disposition_that_came_too_late_says_so(as_kate: Client, kate: Agent, owners: Owners) -> None:
    wrapping_up(kate, owners)
    gone = "Too late: what came of this call can no longer be chosen. Nothing was changed."
    assert said(press(as_kate, "disposition", owner="369-bob", choice="done")) == gone
    owners.descriptions["369-ada"] = replace(ASKED, stage=DeskStage.OVER)
    assert said(press(as_kate, "disposition", owner="369-ada", choice="done")) == gone
    put(kate, Agent.State.READY, wrap_up_until=None, wrap_up_for="")
    assert said(press(as_kate, "disposition", owner="369-ada", choice="done")) == gone
    assert owners.decided == []


# ---- refreshing


def test_every_change_of_the_call_is_shown_and_nothing_else_is(as_kate: Client, kate: Agent, owners: Owners) -> None:
    offered(kate, owners)

    def refreshed() -> int:
        return as_kate.get(DESK, {"seen": seen}, headers=HTMX).status_code

    def now_shown() -> str:
        return str(re.findall(r'"seen": "(\w+)"', as_kate.get(DESK).content.decode())[0])

    for changed in (
        replace(OFFER, stage=DeskStage.RINGING),
        replace(OFFER, why="You speak German."),
        replace(OFFER, until=NOW + timedelta(seconds=60)),
        replace(OFFER, lines=(("first_name", "Ida"),)),
        replace(OFFER, may_reject=False),
    ):
        owners.descriptions["369-ada"] = OFFER
        seen = now_shown()
        assert refreshed() == 204
        owners.descriptions["369-ada"] = changed
        assert refreshed() == 200


def test_a_waiting_offer_costs_no_more_than_its_description(
    as_kate: Client, kate: Agent, owners: Owners, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    offered(kate, owners)
    seen = re.findall(r'"seen": "(\w+)"', as_kate.get(DESK).content.decode())[0]
    # Session, user, agent; the owner is played.
    with django_assert_num_queries(3):
        assert as_kate.get(DESK, {"seen": seen}, headers=HTMX).status_code == 204


# ---- my day


def test_my_day(as_kate: Client, kate: Agent, owners: Owners) -> None:
    assert "My day No calls yet." in shown(as_kate)
    owners.day = [
        Handled(NOW - timedelta(hours=1), "9165***32", "renewals", timedelta(seconds=187), "Done"),
        Handled(NOW - timedelta(hours=2), "5115", "billing", None, "You rejected it"),
        Handled(NOW - timedelta(hours=3), "5116", "billing", timedelta(hours=1, seconds=5.9), "Call again now"),
        Handled(NOW - timedelta(hours=13), "5117", "billing", timedelta(hours=1), "Yesterday"),
    ]
    text = shown(as_kate)
    assert "My day 2 calls, talked for 1:03:12" in text
    assert "11:00:30 9165***32 renewals 3:07 Done 10:00:30 5115 billing - You rejected it 09:00:30 5116" in text
    assert "Yesterday" not in text


def test_my_day_refreshes_by_itself(
    as_kate: Client, kate: Agent, owners: Owners, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    day_seen = re.findall(r'"seen": "(\w+)"', as_kate.get(DESK).content.decode())[1]
    with django_assert_num_queries(3):
        assert as_kate.get(f"{DESK}day/", {"seen": day_seen}, headers=HTMX).status_code == 204
    owners.day = [Handled(NOW, "5115", "billing", timedelta(seconds=7), "Done")]
    answer = as_kate.get(f"{DESK}day/", {"seen": day_seen}, headers=HTMX)
    assert answer.status_code == 200
    assert "1 call, talked for 0:07" in words(answer)
    assert as_kate.get(f"{DESK}day/")["Location"] == DESK


def test_a_change_of_the_desk_has_my_day_looked_at(as_kate: Client, kate: Agent, owners: Owners) -> None:
    assert press(as_kate, "ready")["HX-Trigger"] == "day"


def test_nobody_decides_for_another_agent(kate: Agent, owners: Owners) -> None:
    offered(kate, owners)
    ann = AgentFactory.create(name="ann", user=UserFactory.create(username="ann"))
    as_ann = Client()
    assert ann.user is not None
    as_ann.force_login(ann.user)
    for act in ("offer/accept", "offer/reject", "call/hold", "call/hang-up"):
        assert said(press(as_ann, act, reservation="r1")).startswith("Too late: ")
    assert said(press(as_ann, "disposition", owner="369-ada", choice="done")).startswith("Too late: ")
    assert owners.decided == []
