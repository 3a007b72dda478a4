"""Pausing and resuming: who may, what it is said to mean, and the banner above every page of those who look."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callbacks.flow.states import State
from services import pauses, pausing
from services.models import Change, ConfiguredService, NamedList
from services.people_models import PersonScope
from telephony.models import Call, Leg
from tests.factories import (
    NOON,
    AgentFactory,
    CallbackFactory,
    ServiceFactory,
    SwitchFactory,
    UserFactory,
    read_only_supervisor,
    supervisor,
)

pytestmark = pytest.mark.usefixtures("reads_pauses")

LIST = "GMS_Paused_Services"


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.fixture(autouse=True)
def services(db: None, at_noon: None) -> None:
    for name in ("billing", "sales"):
        ServiceFactory.create(name=name)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_sue() -> Client:
    return signed_in(supervisor())


@pytest.fixture
def as_lena() -> Client:
    """A supervisor of billing alone."""
    lena = supervisor(username="lena")
    PersonScope.objects.create(user=lena, kind="service", name="billing")
    return signed_in(lena)


def pause(name: str, actor: str = "sam", reason: str = "fire drill") -> None:
    pausing.pause(name, actor=actor, reason=reason, now=NOON)


def flags() -> dict[str, str]:
    row = NamedList.objects.filter(name=LIST).first()
    return row.sections["services"] if row else {}


def banner(client: Client, path: str = "/notifications/") -> str:
    """The text of the banner of a page."""
    answer = client.get(path)
    assert answer.status_code == 200
    _, _, rest = answer.content.decode().partition('<div id="pauses" role="status">')
    text, _, _ = rest.partition("<h1>")
    words: list[str] = []
    for part in text.split("<"):
        words += part.partition(">")[2].split()
    return " ".join(words)


def post(client: Client, what: str, **fields: str) -> str:
    """What the next page says came of it."""
    answer = client.post(f"/pauses/{what}/", fields, follow=True)
    assert answer.status_code == 200
    return " ".join(str(message) for message in answer.context["messages"])


def seen() -> str:
    return NOON.isoformat()


# The banner


def test_the_banner_says_what_is_paused_by_whom_since_when_and_why(as_sue: Client) -> None:
    assert banner(as_sue) == ""
    pause("all")
    assert banner(as_sue) == ("Everything is paused by sam since 2 Mar 2026 12:00 UTC : fire drill Resume All pauses")


def test_the_banner_names_one_service_or_several(as_sue: Client) -> None:
    pause("billing")
    assert banner(as_sue).startswith("billing is paused by sam since")
    pause("sales", actor="eve")
    assert banner(as_sue) == "Paused: billing, sales All pauses"


def test_a_pause_of_everything_goes_before_those_of_services(as_sue: Client) -> None:
    pause("billing", reason="training")
    pause("all", actor="eve")
    assert banner(as_sue).startswith("Everything is paused by eve since")


def test_the_banner_is_for_all_who_look_and_for_nobody_else() -> None:
    pause("all")
    assert banner(signed_in(read_only_supervisor())).endswith(": fire drill All pauses")
    kate = AgentFactory.create(name="kate", user=UserFactory.create(username="kate"))
    assert kate.user is not None
    desk = signed_in(kate.user).get("/desk/").content.decode()
    assert "fire drill" not in desk
    for client in (Client(), signed_in(kate.user)):
        assert (client.get("/pauses/banner/").status_code, client.get("/pauses/banner/").content) == (204, b"")


def test_who_is_limited_is_told_of_their_services_and_of_everything(as_lena: Client) -> None:
    pause("sales")
    assert banner(as_lena) == ""
    pause("billing", reason="training")
    assert banner(as_lena).startswith("billing is paused by sam")
    pause("all")
    # What pauses the services of others too is not theirs to end.
    assert banner(as_lena).endswith(": fire drill All pauses")


def test_the_banner_asks_for_what_is_new_only(as_sue: Client) -> None:
    pause("all")
    first = as_sue.get(
        "/pauses/banner/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/callbacks/"}
    )
    version = first.context["seen"]
    again = {"seen": version}
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/callbacks/"}
    assert '<input type="hidden" name="next" value="/callbacks/">' in first.content.decode()
    assert as_sue.get("/pauses/banner/", again, headers=headers).status_code == 204
    pausing.resume("all", actor="sam", now=NOON)
    assert as_sue.get("/pauses/banner/", again, headers=headers).status_code == 200


def test_the_banner_costs_one_statement_a_second(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(pauses, "REACH_KEPT", 60.0)
    pause("all")
    pauses.shown()
    with django_assert_num_queries(1):
        shown = pauses.shown()
    monkeypatch.setattr(pauses, "KEPT", 60.0)
    with django_assert_num_queries(0):
        assert pauses.shown() == shown
    pauses.forget()
    pausing.resume("all", actor="sam", now=NOON)
    with django_assert_num_queries(1):
        assert pauses.shown() == ()


def test_a_flag_that_stands_in_no_log_is_shown_without_who_and_when(as_sue: Client) -> None:
    NamedList.objects.create(name=LIST, sections={"services": {"billing": " TRUE "}})
    assert banner(as_sue) == "billing is paused Resume All pauses"


def test_who_paused_is_the_last_one_who_did(as_sue: Client) -> None:
    pause("billing", actor="sam")
    pausing.resume("billing", actor="sam", now=NOON)
    pause("billing", actor="eve", reason="training")
    # Another change of the same list is not the pause.
    pause("sales", actor="tom")
    pausing.resume("sales", actor="tom", now=NOON)
    assert banner(as_sue).startswith("billing is paused by eve since 2 Mar 2026 12:00 UTC : training")


# Acts


def test_a_service_is_paused_and_resumed_and_the_log_says_by_whom(as_sue: Client) -> None:
    assert post(as_sue, "pause", service="billing", reason="training") == "billing is paused."
    assert flags() == {"billing": "true"}
    assert post(as_sue, "resume", service="billing", seen=seen()) == "billing is resumed."
    assert flags() == {"billing": "false"}
    assert list(Change.objects.order_by("pk").values_list("actor", "reason")) == [("sue", "training"), ("sue", "")]


def test_everything_is_asked_for_before_it_is_paused(as_sue: Client) -> None:
    page = " ".join(as_sue.get("/pauses/ask/", {"service": "all"}).content.decode().split())
    assert "<h1>Pause everything?</h1>" in page
    assert "These are 2 services." in page
    assert flags() == {}
    assert post(as_sue, "pause", service="all", reason="fire drill") == "Everything is paused."
    assert flags() == {"all": "true"}
    assert post(as_sue, "resume", service="all", seen=seen()) == "Everything is resumed."
    assert flags() == {"all": "false"}


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501])
def test_nothing_is_paused_without_a_reason(as_sue: Client, reason: str) -> None:
    said = post(as_sue, "pause", service="billing", reason=reason)
    assert said == "Nothing was paused: say why, in 1 to 500 characters. Everybody reads it."
    assert (flags(), Change.objects.count()) == ({}, 0)


def test_two_supervisors_hear_of_each_other(as_sue: Client) -> None:
    pause("billing")
    said = post(as_sue, "pause", service="billing", reason="training")
    assert said == "billing was paused already: by sam, fire drill"
    pausing.resume("billing", actor="sam", now=NOON)
    assert post(as_sue, "resume", service="billing", seen=seen()) == "billing was resumed meanwhile."
    pause("billing", reason="power cut")
    said = post(as_sue, "resume", service="billing", seen="2026-03-02T11:00:00+00:00")
    assert said == "Not resumed: it was paused anew. billing: by sam, power cut"
    assert flags() == {"billing": "true"}


def test_a_service_that_is_resumed_stays_paused_while_everything_is(as_sue: Client) -> None:
    pause("all")
    pause("billing")
    said = post(as_sue, "resume", service="billing", seen=seen())
    assert said == "billing stays paused: everything is."
    pause("sales")
    said = post(as_sue, "resume", service="all", seen=seen())
    assert said == "Resumed. Still paused by themselves: sales."


def test_resuming_leads_back_to_the_page_and_nowhere_else(as_sue: Client) -> None:
    for asked, leads in (("/callbacks/", "/callbacks/"), ("https://evil.example/", "/pauses/"), ("", "/pauses/")):
        pause("billing")
        fields = {"service": "billing", "seen": seen(), "next": asked}
        assert as_sue.post("/pauses/resume/", fields)["Location"] == leads


def test_who_is_limited_pauses_only_their_services(as_lena: Client) -> None:
    assert post(as_lena, "pause", service="billing", reason="training") == "billing is paused."
    for name, status in (("sales", 404), ("all", 403)):
        fields = {"service": name, "reason": "training", "seen": seen()}
        assert as_lena.post("/pauses/pause/", fields).status_code == status
        assert as_lena.post("/pauses/resume/", fields).status_code == status
        assert as_lena.get("/pauses/ask/", {"service": name}).status_code == status
    assert flags() == {"billing": "true"}
    page = as_lena.get("/pauses/").content.decode()
    assert "sales" not in page
    assert "Pause everything…" not in page
    assert post(as_lena, "resume", service="billing", seen=seen()) == "billing is resumed."


def test_who_is_limited_does_not_end_a_pause_that_others_share(as_lena: Client) -> None:
    for service in ConfiguredService.objects.filter(name__in=["billing", "sales"]):
        service.options["_paused_services_id"] = "team-7"
        service.save()
    NamedList.objects.create(name=LIST, sections={"services": {"team-7": "true"}})
    assert as_lena.post("/pauses/resume/", {"service": "billing", "seen": ""}).status_code == 403
    assert flags() == {"team-7": "true"}
    assert "Its pause is shared with other services." in as_lena.get("/pauses/").content.decode()


def test_who_may_only_look_pauses_nothing() -> None:
    pause("billing")
    client = signed_in(read_only_supervisor())
    page = client.get("/pauses/").content.decode()
    assert "fire drill" in page
    assert "/pauses/resume/" not in page
    assert "/pauses/ask/" not in page
    for path in ("pause", "resume"):
        fields = {"service": "billing", "reason": "no", "seen": seen()}
        assert client.post(f"/pauses/{path}/", fields).status_code == 403
    assert flags() == {"billing": "true"}


# The page


def test_the_page_says_whom_a_pause_keeps_waiting(
    as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    billing = ConfiguredService.objects.get(name="billing")
    states: tuple[Any, ...] = (State.QUEUED, State.PAUSED, State.ROUTING, State.SCHEDULED, State.COMPLETED)
    made = {state: CallbackFactory.create(service=billing, state=state) for state in states}
    call = Call.objects.create(owner=made[State.ROUTING].pk, wish={}, look_at=NOON)
    Leg.objects.create(
        id="leg",
        call=call,
        party="customer",
        attempt=1,
        switch=SwitchFactory.create(),
        endpoint="4930",
        state="up",
        created_at=NOON,
    )
    pause("all", reason="power cut")
    with django_assert_num_queries(14):
        answer = as_sue.get("/pauses/")
    line, other = answer.context["lines"]
    assert (line.service.name, line.waiting, line.on_calls) == ("billing", 2, 1)
    assert (other.service.name, other.waiting, other.on_calls) == ("sales", 0, 0)
    assert [shown.pause.reason for shown in line.pauses] == ["power cut"]
    asked = as_sue.get("/pauses/ask/", {"service": "billing"})
    assert (asked.context["waiting"], asked.context["on_calls"]) == (2, 1)
