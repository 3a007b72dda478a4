"""The pages of agents: who is where, since when and on what; setting a state; an agent who is stuck."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from callbacks import staff
from callbacks.audit import repair
from callbacks.flow.states import State
from callbacks.models import AuditFinding, Callback
from services.people_models import PersonScope
from telephony import agents, forcing
from telephony.models import Agent, AgentGroup, AgentSkill, ForcedChange, Place, Skill
from tests.factories import (
    AgentFactory,
    AgentGroupFactory,
    AttemptFactory,
    CallbackFactory,
    ServiceFactory,
    VirtualQueueFactory,
    read_only_supervisor,
)

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture
def billing() -> AgentGroup:
    group: AgentGroup = AgentGroupFactory.create()
    return group


@pytest.fixture
def omar(billing: AgentGroup) -> Agent:
    """Ready, of the group Billing, at a place, and speaks English."""
    agent: Agent = AgentFactory.create(name="omar")
    billing.agents.add(agent)
    AgentSkill.objects.create(agent=agent, skill=Skill.objects.create(name="English"), level=20)
    agent.place = Place.objects.create(name="Desk1", switch=agent.switch, phone="sim:desk1")
    agent.save(update_fields=["place"])
    agents.go_ready(agent, timezone.now() - MINUTE)
    return agent


def text_of(response: object) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))  # type: ignore[attr-defined]


def names(page: str) -> list[str]:
    return re.findall(r'id="agent-\d+" href="[^"]+">(\w+)<', page)


def talk(agent: Agent, **fields: object) -> Callback:
    callback: Callback = CallbackFactory.create(state=State.ROUTING, **fields)
    Agent.objects.filter(pk=agent.pk).update(state="on_call", reserved_for=callback.pk, reservation="r1")
    return callback


def set_state(client: Client, agent: Agent, **said: str) -> object:
    agent.refresh_from_db()
    given = {"state": "not_ready", "reason": "Meeting", "why": "Team talk", "shown": forcing.seen(agent)} | said
    return client.post(f"/agents/{agent.pk}/state/", given)


# ---- the list


def test_one_row_says_it_all(as_sue: Client, omar: Agent) -> None:
    callback = talk(omar)
    now = timezone.now()
    for number, (result, seconds) in enumerate([("CONNECTED", 90), ("CONNECTED", 30), ("NO_ANSWER", 0)], start=1):
        answered = now - timedelta(seconds=seconds)
        AttemptFactory.create(
            callback=callback,
            party="agent",
            agent="omar",
            number=number,
            began_at=now,
            result=result,
            answered_at=answered if seconds else None,
            ended_at=now,
        )
    page = as_sue.get("/agents/")
    said = text_of(page)
    for words in ("On a call", "voice-userterm-immediate 916504661232", "Desk1 sim:desk1", "Billing English 20"):
        assert words in said
    assert "2 talks, 2 min of 3 calls" in said
    assert f'href="/callbacks/{callback.pk}/"' in page.content.decode()


def test_numbers_are_masked_for_who_may_not_see_them(client: Client, omar: Agent) -> None:
    talk(omar)
    client.force_login(read_only_supervisor())
    said = text_of(client.get("/agents/"))
    assert "9165***32" in said
    assert "916504661232" not in said


def test_filters_and_orders(as_sue: Client, omar: Agent) -> None:
    for name, state in (("lena", "not_ready"), ("mia", "logged_out"), ("ben", "ready")):
        AgentFactory.create(name=name, state=state, state_since=timezone.now() - 5 * MINUTE)
    for query, found in (
        ("", ["ben", "omar", "lena"]),
        ("?state=all&sort=name", ["ben", "lena", "mia", "omar"]),
        ("?sort=since", ["lena", "ben", "omar"]),
        ("?state=logged_out", ["mia"]),
        ("?group=Billing", ["omar"]),
        ("?skill=English", ["omar"]),
        ("?q=LE", ["lena"]),
        ("?q=nobody", []),
        ("?state=nonsense&sort=nonsense&page=nonsense", ["ben", "omar", "lena"]),
    ):
        assert sorted(names(as_sue.get(f"/agents/{query}").content.decode())) == sorted(found), query
    assert names(as_sue.get("/agents/?state=all&sort=name").content.decode()) == ["ben", "lena", "mia", "omar"]


def test_who_can_serve_a_queue_or_service(as_sue: Client, omar: Agent) -> None:
    VirtualQueueFactory.create()
    ServiceFactory.create(name="billing")
    AgentFactory.create(name="lena", state="ready")
    assert names(as_sue.get("/agents/?service=billing").content.decode()) == ["omar"]
    assert names(as_sue.get("/agents/?queue=Billing_VQ").content.decode()) == ["omar"]
    assert names(as_sue.get("/agents/?service=none").content.decode()) == []


def test_who_is_limited_sees_who_can_serve_their_services(sue: User, as_sue: Client, omar: Agent) -> None:
    ServiceFactory.create(name="billing")
    other = ServiceFactory.create(name="sales", options={"_target": "Sales@StatServer.GA"})
    lena = AgentFactory.create(name="lena", state="ready")
    talk(omar, service=other)
    PersonScope.objects.create(user=sue, kind=PersonScope.Kind.SERVICE, name="billing")
    page = as_sue.get("/agents/")
    assert names(page.content.decode()) == ["omar"]
    # What the call is about is not theirs to see.
    assert "a callback of another service" in text_of(page)
    assert "916504661232" not in text_of(page)
    assert as_sue.get(f"/agents/{lena.pk}/").status_code == 404
    before = lena.state_since
    assert set_state(as_sue, lena).status_code == 404  # type: ignore[attr-defined]
    lena.refresh_from_db()
    assert (lena.state, lena.state_since) == ("ready", before)


def test_nobody_is_there(as_sue: Client) -> None:
    assert "No agents yet" in text_of(as_sue.get("/agents/"))
    AgentFactory.create(name="mia")
    assert "No agent is logged in" in text_of(as_sue.get("/agents/"))
    assert "No agent matches" in text_of(as_sue.get("/agents/?q=zoe"))


def test_however_many_there_are_the_statements_are_the_same(
    sue: User, omar: Agent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sue.has_perm("callbacks.view_callback")
    talk(omar)
    for number in range(5):
        AgentFactory.create(name=f"a{number}", state="ready")
    shown = list(Agent.objects.select_related("place").order_by("pk"))
    staff.rows(shown[:1], sue, timezone.now())
    for some in (shown[:1], shown):
        with django_assert_num_queries(6):
            staff.rows(some, sue, timezone.now())


# ---- one agent


def test_a_state_is_set_and_said(as_sue: Client, omar: Agent) -> None:
    answer = set_state(as_sue, omar)
    assert answer["Location"] == f"/agents/{omar.pk}/"  # type: ignore[index]
    omar.refresh_from_db()
    assert (omar.state, omar.reason) == ("not_ready", "Meeting")
    page = text_of(as_sue.get(f"/agents/{omar.pk}/"))
    assert "omar is not ready." in page
    assert "by sue: “Team talk”" in page
    assert "by sue: “Team talk”" in text_of(as_sue.get("/agents/"))
    # Once the agent has chosen another state it is their own.
    agents.go_ready(omar, timezone.now())
    assert "by sue" not in text_of(as_sue.get("/agents/"))


def test_it_has_moved_on(as_sue: Client, omar: Agent) -> None:
    shown = forcing.seen(omar)
    talk(omar)
    answer = set_state(as_sue, omar, shown=shown)
    assert answer.status_code == 409  # type: ignore[attr-defined]
    assert "omar is on a call by now. Nothing was changed" in text_of(answer)
    omar.refresh_from_db()
    assert (omar.state, omar.next_state) == ("on_call", "")
    assert not ForcedChange.objects.exists()
    # What was typed is still there.
    assert 'value="Team talk"' in answer.content.decode()  # type: ignore[attr-defined]


def test_what_is_missing_is_said(as_sue: Client, omar: Agent) -> None:
    for said, words in (
        ({"why": ""}, "Say why: the agent reads it at the desk."),
        ({"why": "x" * 201}, "At most 200 characters, please."),
        ({"state": "on_call"}, "Choose a state."),
        ({"reason": ""}, "This field is required."),
    ):
        answer = set_state(as_sue, omar, **said)
        assert answer.status_code == 422, said  # type: ignore[attr-defined]
        assert words in text_of(answer)
    omar.refresh_from_db()
    assert omar.state == "ready"
    # Of the other states there is no reason.
    assert set_state(as_sue, omar, state="logged_out", reason="").status_code == 302  # type: ignore[attr-defined]


def test_who_may_only_look_finds_no_form(client: Client, omar: Agent) -> None:
    client.force_login(read_only_supervisor())
    page = client.get(f"/agents/{omar.pk}/").content.decode()
    assert 'id="force"' not in page
    assert set_state(client, omar).status_code == 403  # type: ignore[attr-defined]
    omar.refresh_from_db()
    assert omar.state == "ready"


def test_the_desk_says_who_and_why_until_it_is_read(as_sue: Client, as_kate: Client, kate: Agent) -> None:
    agents.go_ready(kate, timezone.now())
    set_state(as_sue, kate)
    page = as_kate.get("/desk/").content.decode()
    assert re.search(r"<strong>sue</strong> set you at .* to\s+<strong>Not ready: Meeting</strong>: “Team talk”", page)
    change = ForcedChange.objects.get()
    as_kate.post("/desk/told/", {"change": str(change.pk)})
    change.refresh_from_db()
    assert change.told_at is not None
    assert "set you at" not in as_kate.get("/desk/").content.decode()


def test_who_is_stuck_is_released_by_the_audit(as_sue: Client, omar: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    callback = talk(omar)
    asked: list[tuple[list[str], str]] = []
    done: dict[str, list[str]] = {}

    def mend(owners: list[str], *, actor: str, **more: object) -> dict[str, list[str]]:
        asked.append((owners, actor))
        return done

    monkeypatch.setattr(repair, "repair", mend)
    post = f"/agents/{omar.pk}/release/"
    # Without a finding nothing is repaired.
    assert "the audit finds nothing wrong" in text_of(as_sue.post(post, {"owner": callback.pk}, follow=True))
    now = timezone.now()
    AuditFinding.objects.create(
        kind="reserved", owner=callback.pk, detail="Reserved for nothing.", first_seen=now, last_seen=now
    )
    page = as_sue.get(f"/agents/{omar.pk}/")
    assert "Reserved for nothing." in text_of(page)
    assert "Reserved without reason" in text_of(as_sue.get("/agents/"))
    as_sue.post(post, {"owner": "another"})
    assert asked == []
    done[callback.pk] = ["Agent omar was given back."]
    assert "Agent omar was given back." in text_of(as_sue.post(post, {"owner": callback.pk}, follow=True))
    assert asked == [([callback.pk], "sue")]
    assert AuditFinding.objects.get().repaired_at is not None


def test_who_is_limited_has_only_what_they_see_repaired(
    sue: User, as_sue: Client, omar: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent is theirs as well, the callback is not: its repair could end it, or let it go on."""
    ServiceFactory.create(name="billing")
    callback = talk(omar, service=ServiceFactory.create(name="sales", options={"_target": "Sales@StatServer.GA"}))
    PersonScope.objects.create(user=sue, kind=PersonScope.Kind.SERVICE, name="billing")
    now = timezone.now()
    AuditFinding.objects.create(
        kind="reserved", owner=callback.pk, detail="Reserved for nothing.", first_seen=now, last_seen=now
    )
    asked: list[object] = []

    def repaired(*owners: object, **more: object) -> dict[str, str]:
        asked.append(owners)
        return {}

    monkeypatch.setattr(repair, "repair", repaired)
    page = as_sue.get(f"/agents/{omar.pk}/")
    assert "Reserved for nothing." in text_of(page)
    assert callback.pk not in page.content.decode()
    post = as_sue.post(f"/agents/{omar.pk}/release/", {"owner": callback.pk}, follow=True)
    assert "of a service that you do not see" in text_of(post)
    assert asked == []
    assert AuditFinding.objects.get().repaired_at is None
