"""The agent desk: an agent's own state, and the customer while there is one."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.session import Stage
from callbacksite import live
from telephony import lease
from telephony.models import Agent
from telephony.upwards import Description, DeskStage, owner
from tests.factories import NOON, CallbackFactory

pytestmark = pytest.mark.django_db

DESK = "/desk/"
HTMX = {"HX-Request": "true"}
ACTS = (
    "ready",
    "not-ready",
    "log-out",
    "place",
    "offer/accept",
    "offer/reject",
    "call/hold",
    "call/hang-up",
    "disposition",
)
HOSTILE = "<script>alert('x')</script>"


def shown(client: Client) -> str:
    response = client.get(DESK)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", response.content.decode())))


def put(agent: Agent, state: Agent.State, **fields: object) -> None:
    Agent.objects.filter(pk=agent.pk).update(state=state, **fields)


def reserve(agent: Agent, state: Agent.State = Agent.State.RESERVED, **callback: object) -> str:
    """An agent's phone rings for a customer."""
    owner_id: str = CallbackFactory.create(state="ROUTING", stage=Stage.CONNECTING, **callback).pk
    put(agent, state, reserved_for=owner_id, reservation="r1")
    return owner_id


def test_strangers_sign_in_first(client: Client) -> None:
    assert client.get(DESK)["Location"] == "/login/?next=/desk/"
    for act in ACTS:
        assert client.post(f"{DESK}{act}/")["Location"] == f"/login/?next=/desk/{act}/"


def test_without_an_agent_the_desk_says_what_to_do(as_nobody: Client) -> None:
    assert "nora is not joined to an agent" in shown(as_nobody)
    assert as_nobody.post(f"{DESK}ready/")["Location"] == DESK


def test_ready_not_ready_and_out(as_kate: Client, kate: Agent) -> None:
    assert "Logged out" in shown(as_kate)
    assert as_kate.post(f"{DESK}ready/")["Location"] == DESK
    kate.refresh_from_db()
    assert kate.state == "ready"
    assert "Your phone may ring at any moment" in shown(as_kate)

    as_kate.post(f"{DESK}not-ready/", {"reason": "Lunch", "words": ""})
    kate.refresh_from_db()
    assert (kate.state, kate.reason) == ("not_ready", "Lunch")
    assert "Not ready : Lunch" in shown(as_kate)

    as_kate.post(f"{DESK}log-out/")
    kate.refresh_from_db()
    assert (kate.state, kate.reason) == ("logged_out", "")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"reason": "Lunch"}, "Lunch"),
        ({"reason": "Lunch", "words": "back at two"}, "Lunch: back at two"),
        ({"reason": "Other", "words": " fire drill "}, "fire drill"),
        ({"reason": "Other", "words": ""}, "Other"),
        ({"reason": "Paperwork", "words": "w" * 50}, f"Paperwork: {'w' * 50}"),
    ],
)
def test_reasons(as_kate: Client, kate: Agent, sent: dict[str, str], kept: str) -> None:
    as_kate.post(f"{DESK}not-ready/", sent)
    kate.refresh_from_db()
    assert (kate.state, kate.reason) == ("not_ready", kept)


@pytest.mark.parametrize("sent", [{}, {"reason": "Nap"}, {"reason": "Lunch", "words": "w" * 51}, {"reason": "a\0"}])
def test_a_reason_that_is_none_changes_nothing(as_kate: Client, kate: Agent, sent: dict[str, str]) -> None:
    put(kate, Agent.State.READY)
    answer = as_kate.post(f"{DESK}not-ready/", sent)
    assert answer.status_code == 400
    assert "Choose a reason from the list; your own words may have 50 characters." in answer.content.decode()
    kate.refresh_from_db()
    assert kate.state == "ready"


def test_a_button_answers_with_the_new_state_alone(as_kate: Client) -> None:
    answer = as_kate.post(f"{DESK}ready/", headers=HTMX)
    assert answer.status_code == 200
    assert "<title>Ready · Desk" in answer.content.decode()
    assert "<header" not in answer.content.decode()
    assert 'hx-get="/desk/"' in answer.content.decode()


@pytest.mark.parametrize("state", [Agent.State.RESERVED, Agent.State.ON_CALL])
def test_a_wish_during_a_call_is_kept_and_can_be_taken_back(as_kate: Client, kate: Agent, state: Agent.State) -> None:
    reserve(kate, state)
    as_kate.post(f"{DESK}not-ready/", {"reason": "Break"})
    kate.refresh_from_db()
    assert (kate.state, kate.next_state, kate.next_reason) == (state, "not_ready", "Break")
    assert "After the present call you will be not ready: Break" in shown(as_kate)
    as_kate.post(f"{DESK}log-out/")
    assert "After the present call you will be logged out" in shown(as_kate)
    as_kate.post(f"{DESK}ready/")
    assert "After the present call" not in shown(as_kate)
    kate.refresh_from_db()
    assert (kate.state, kate.next_state) == (state, "")


def test_ready_ends_wrap_up(as_kate: Client, kate: Agent) -> None:
    put(kate, Agent.State.WRAP_UP, wrap_up_until=timezone.now() + timedelta(seconds=30))
    assert "Ready ends it early" in shown(as_kate)
    as_kate.post(f"{DESK}ready/")
    kate.refresh_from_db()
    assert kate.state == "ready"


@pytest.mark.parametrize("state", [Agent.State.RESERVED, Agent.State.ON_CALL])
def test_the_customer_is_shown_while_there_is_one(as_kate: Client, kate: Agent, state: Agent.State) -> None:
    reserve(kate, state, customer_number="916504661232", user_data={"first_name": "Ada", "topic": HOSTILE})
    page = as_kate.get(DESK).content.decode()
    for said in ("916504661232", "voice-userterm-immediate", "first_name", "Ada"):
        assert said in page
    assert "<script>alert" not in page
    put(kate, Agent.State.READY, reserved_for=None, reservation="")
    assert "916504661232" not in as_kate.get(DESK).content.decode()


def test_nobody_sees_the_customer_of_another(as_kate: Client, as_nobody: Client, kate: Agent) -> None:
    reserve(kate)
    assert "916504661232" not in as_nobody.get(DESK).content.decode()


def test_a_customer_who_is_gone_is_no_fault(as_kate: Client, kate: Agent) -> None:
    put(kate, Agent.State.ON_CALL, reserved_for="369-gone", reservation="r1")
    assert "You are talking" in shown(as_kate)


def test_what_an_owner_says_of_itself() -> None:
    callback = CallbackFactory.create(user_data={"age": 36})
    assert owner().describe(callback.pk, timezone.now()) == Description(
        "voice-userterm-immediate", "916504661232", (("age", "36"),), stage=DeskStage.OVER, since=NOON
    )
    assert owner().describe("369-gone", timezone.now()) is None


def test_a_silent_switch_is_told(as_kate: Client, kate: Agent) -> None:
    assert "is not connected at the moment" in shown(as_kate)
    epoch = lease.acquire(switch=kate.switch_id, holder="test")
    assert epoch is not None
    lease.renew(switch=kate.switch_id, holder="test", epoch=epoch, connected=True)
    assert "is not connected at the moment" not in shown(as_kate)


def test_a_refresh_changes_nothing_where_nothing_changed(as_kate: Client, kate: Agent) -> None:
    seen = re.findall(r'"seen": "(\w+)"', as_kate.get(DESK).content.decode())[0]
    assert as_kate.get(DESK, {"seen": seen}, headers=HTMX).status_code == 204
    put(kate, Agent.State.READY)
    assert as_kate.get(DESK, {"seen": seen}, headers=HTMX).status_code == 200


def test_a_refresh_costs_little(
    as_kate: Client, kate: Agent, django_assert_num_queries: DjangoAssertNumQueries, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every desk asks more than once a second. Most answers are that nothing changed: nothing is rendered for them."""
    seen = re.findall(r'"seen": "(\w+)"', as_kate.get(DESK).content.decode())[0]
    with monkeypatch.context() as patch:
        patch.setattr(live, "render", None)
        patch.setattr(live, "render_to_string", None)
        # Session, user; what the agent's row shows.
        with django_assert_num_queries(3):
            assert as_kate.get(DESK, {"seen": seen}, headers=HTMX).status_code == 204
    reserve(kate)
    # The same and their customer; agent and customer anew to be rendered, and whether they still belong together.
    with django_assert_num_queries(7):
        assert as_kate.get(DESK, {"seen": seen}, headers=HTMX).status_code == 200


def test_answers_carry_the_clock_of_the_server(as_kate: Client) -> None:
    before = time.time() - 0.01
    page = as_kate.get(DESK)
    seen = re.findall(r'"seen": "(\w+)"', page.content.decode())[0]
    for answer in (page, as_kate.get(DESK, {"seen": seen}, headers=HTMX)):
        assert before < float(answer["X-Server-Time"]) < time.time() + 0.01


def test_the_desk_wants_the_form_of_its_own_page(kate: Agent) -> None:
    client = Client(enforce_csrf_checks=True)
    assert kate.user is not None
    client.force_login(kate.user)
    assert client.post(f"{DESK}ready/").status_code == 403
    kate.refresh_from_db()
    assert kate.state == "logged_out"


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_posts(as_kate: Client, act: str) -> None:
    assert as_kate.get(f"{DESK}{act}/").status_code == 405
