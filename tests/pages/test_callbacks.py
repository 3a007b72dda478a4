"""What supervisors see: the list and one callback."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urljoin

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from callbacks.audit import repair
from callbacks.flow import events
from callbacks.flow.decision import DialResult
from callbacks.flow.session import Stage
from callbacks.flow.states import Reason, State
from callbacks.models import Callback
from callbacks.templatetags import callback_words
from tests.factories import (
    NOON,
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    ServiceFactory,
    frozen_options,
)

pytestmark = pytest.mark.django_db

LIST = "/callbacks/"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/callbacks/?state=QUEUED"}
HOSTILE = "<script>alert('x')</script>\"'&"


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def shown(client: Client, url: str = LIST) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def ids(page: str) -> list[str]:
    return re.findall(r'id="row-([^"]+)"', page)


def link(page: str, element: str) -> str:
    found = re.search(rf'id="{element}"[^>]* href="([^"]*)"', page)
    return urljoin(LIST, unescape(found[1])) if found else ""


def many(count: int) -> list[str]:
    """Callbacks a second apart; their ids, newest first."""
    made = [CallbackFactory.create(created_at=NOON + timedelta(seconds=n)).pk for n in range(count)]
    return made[::-1]


def test_a_row_says_what_a_supervisor_asks(as_sue: Client, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    CallbackFactory.create(
        state=State.ROUTING, agent="kate", desired_at=NOON + timedelta(hours=1), user_data={"first_name": "Ada"}
    )
    row = text_of(re.findall(r"<tbody.*</tbody>", shown(as_sue), re.S)[0])
    for said in ("Routing", "the customer waits for an agent", "voice-userterm-immediate", "9165***32", "kate"):
        assert said in row
    assert "2 Mar 2026 14:00 CET" in row
    assert "2 Mar 2026 13:00:00 CET" in row


def test_the_number_is_never_shown_in_full(as_sue: Client) -> None:
    callback = CallbackFactory.create(
        customer_number="916504661232", properties={"_customer_number": "916504661232", "_device_os": "ios"}
    )
    for url in (LIST, f"{LIST}{callback.pk}/"):
        assert "9165***32" in shown(as_sue, url)
        assert "916504661232" not in shown(as_sue, url)
    assert "_device_os" in shown(as_sue, f"{LIST}{callback.pk}/")


def test_an_end_is_told_in_words(as_sue: Client) -> None:
    CallbackFactory.create(state=State.COMPLETED, reason=Reason.FAIL_CALL_TO_CUSTOMER)
    assert "The customer was not reached" in shown(as_sue)


def test_an_empty_list_says_what_to_do(as_sue: Client) -> None:
    assert "A callback appears here when a client requests one" in text_of(shown(as_sue))


@pytest.mark.parametrize(
    ("user", "status"), [("as_sue", 200), ("admin_client", 200), ("as_kate", 403), ("as_nobody", 403), ("client", 302)]
)
def test_who_may_see(user: str, status: int, request: pytest.FixtureRequest) -> None:
    callback = CallbackFactory.create()
    client: Client = request.getfixturevalue(user)
    for url in (LIST, f"{LIST}{callback.pk}/"):
        response = client.get(url)
        assert response.status_code == status
        assert (callback.pk in response.content.decode()) == (status == 200)
        if status == 302:
            assert response["Location"] == f"/login/?next={url}"


def test_pages_are_only_read(as_sue: Client) -> None:
    callback = CallbackFactory.create()
    assert as_sue.post(LIST).status_code == 405
    assert as_sue.post(f"{LIST}{callback.pk}/").status_code == 405


def test_the_list_has_a_fixed_number_of_queries(
    as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(60)
    # Session, user, their permissions and their groups', what they are limited to; the rows; the brake; the findings;
    # whether they have a desk.
    with django_assert_num_queries(9):
        shown(as_sue)
    with django_assert_num_queries(8):
        as_sue.get(LIST, headers=HTMX)


def test_pages_go_there_and_back_while_rows_arrive(as_sue: Client) -> None:
    made = many(120)
    first = shown(as_sue)
    assert ids(first) == made[:50]
    assert link(first, "page-newer") == ""
    second = shown(as_sue, link(first, "page-older"))
    arrived = [CallbackFactory.create(created_at=NOON + timedelta(hours=1, seconds=n)).pk for n in range(60)][::-1]
    assert ids(second) == made[50:100]
    third = shown(as_sue, link(second, "page-older"))
    assert ids(third) == made[100:]
    assert link(third, "page-older") == ""
    back = shown(as_sue, link(third, "page-newer"))
    assert ids(back) == made[50:100]
    further_back = shown(as_sue, link(back, "page-newer"))
    assert ids(further_back) == made[:50]
    assert ids(shown(as_sue, link(further_back, "page-newer"))) == arrived[10:]
    assert ids(shown(as_sue, link(third, "page-newest"))) == arrived[:50]


def test_rows_of_one_moment_are_neither_lost_nor_shown_twice(as_sue: Client) -> None:
    made = {CallbackFactory.create().pk for _ in range(70)}
    first = shown(as_sue)
    second = shown(as_sue, link(first, "page-older"))
    assert len(ids(first)) == 50
    assert sorted(ids(first) + ids(second)) == sorted(made)


@pytest.mark.parametrize("key", ["x", "1", ".", "99999999999999999999999.a", "-99999999999999999999.a", "1.%00", "%FF"])
@pytest.mark.parametrize("side", ["before", "after"])
def test_a_broken_link_is_no_fault(as_sue: Client, side: str, key: str) -> None:
    CallbackFactory.create()
    assert as_sue.get(f"{LIST}?{side}={key}").status_code == 200


def test_only_the_first_page_refreshes_itself(as_sue: Client) -> None:
    many(60)
    first = shown(as_sue)
    assert "every 3s" in first
    older = shown(as_sue, link(first, "page-older"))
    assert "every 3s" not in older
    assert "it does not refresh itself" in older


def test_a_refresh_brings_the_rows_alone_and_only_when_something_changed(as_sue: Client) -> None:
    callback = CallbackFactory.create()
    page = shown(as_sue)
    seen = re.findall(r'"seen": "(\w+)"', page)[0]
    unchanged = as_sue.get(LIST, {"seen": seen}, headers=HTMX)
    assert (unchanged.status_code, unchanged.content) == (204, b"")
    Callback.objects.filter(pk=callback.pk).update(agent="kate")
    changed = as_sue.get(LIST, {"seen": seen}, headers=HTMX)
    assert changed.status_code == 200
    assert "kate" in changed.content.decode()
    assert "<header" not in changed.content.decode()
    assert re.findall(r'"seen": "(\w+)"', changed.content.decode()) != [seen]


def test_a_refresh_keeps_the_filter(as_sue: Client) -> None:
    assert 'hx-get="/callbacks/?state=QUEUED"' in shown(as_sue, f"{LIST}?state=QUEUED")


def test_a_refresh_after_the_session_has_ended_leads_to_the_login(client: Client) -> None:
    moved = client.get(LIST, headers=HTMX, follow=True)
    assert moved.headers["HX-Redirect"] == "/login/?next=%2Fcallbacks%2F%3Fstate%3DQUEUED"
    assert moved.content == b""


def test_filter_by_state(as_sue: Client) -> None:
    queued = CallbackFactory.create()
    over = CallbackFactory.create(state=State.COMPLETED)
    assert ids(shown(as_sue, f"{LIST}?state=COMPLETED")) == [over.pk]
    assert ids(shown(as_sue, f"{LIST}?state=QUEUED")) == [queued.pk]
    assert len(ids(shown(as_sue, f"{LIST}?state=nonsense"))) == 2
    assert "No callback matches" in shown(as_sue, f"{LIST}?state=PAUSED")


def test_filter_and_pages_go_together(as_sue: Client) -> None:
    made = many(60)
    CallbackFactory.create(state=State.COMPLETED)
    first = shown(as_sue, f"{LIST}?state=QUEUED")
    assert ids(shown(as_sue, link(first, "page-older"))) == made[50:]


def test_search_by_number_is_exact(as_sue: Client) -> None:
    ada = CallbackFactory.create(customer_number="+49891234567")
    CallbackFactory.create(customer_number="5115")
    assert ids(shown(as_sue, f"{LIST}?q=%2B49891234567 ")) == [ada.pk]
    assert ids(shown(as_sue, f"{LIST}?q=5115")) != []
    assert ids(shown(as_sue, f"{LIST}?q=511")) == []
    assert ids(shown(as_sue, f"{LIST}?q=511%00")) == []


def test_search_by_id_goes_to_the_callback(as_sue: Client) -> None:
    callback = CallbackFactory.create()
    assert as_sue.get(LIST, {"q": callback.pk})["Location"] == f"{LIST}{callback.pk}/"


def test_a_search_does_not_tell_more_than_the_page(as_nobody: Client) -> None:
    assert as_nobody.get(LIST, {"q": CallbackFactory.create().pk}).status_code == 403


def test_what_clients_send_is_shown_as_text(as_sue: Client) -> None:
    service = ServiceFactory.create()
    callback = CallbackFactory.create(
        service=service,
        customer_number=HOSTILE,
        user_data={HOSTILE: HOSTILE},
        properties={f"_{HOSTILE}": HOSTILE},
        overrides={"_x": HOSTILE},
        options=frozen_options(service, target=HOSTILE),
        agent=HOSTILE[:60],
        queue=HOSTILE[:60],
    )
    JournalEntryFactory.create(callback=callback, text=HOSTILE, actor=HOSTILE, cause=HOSTILE, kind='"><script>')
    AttemptFactory.create(callback=callback, party="agent", agent=HOSTILE, detail=HOSTILE)
    for url in (LIST, f"{LIST}{callback.pk}/", f"{LIST}?q=%22%3E%3Cscript%3E", f"{LIST}?state=%22%3E%3Cscript%3E"):
        page = shown(as_sue, url)
        assert "<script>" not in page
        assert re.findall(r"<script[^>]*>", page) == re.findall(r'<script src="[^"]*" defer>', page)


def test_pages_are_not_kept_by_browsers(as_sue: Client) -> None:
    assert "no-store" in as_sue.get(LIST)["Cache-Control"]


def test_there_is_a_word_for_everything_the_flow_says() -> None:
    assert callback_words.STAGES.keys() == {*Stage}
    assert callback_words.REASONS.keys() == {*Reason}
    assert callback_words.RESULTS.keys() == {*DialResult}
    assert callback_words.CAUSES.keys() == {*events._ADAPTERS, repair.CAUSE}
