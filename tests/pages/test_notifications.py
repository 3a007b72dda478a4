"""The supervisors' page of status notifications: what was not delivered, why, and sending it again."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from callbacks.status.models import StatusNotice
from scheduling import kick
from tests.factories import NOON, CallbackFactory, ServiceFactory, UserFactory, frozen_options

pytestmark = pytest.mark.django_db

PAGE, RESEND = "/notifications/", "/notifications/resend/"
CRM, SHOP = "https://crm.example.org:443", "https://shop.example.org:443"
NUMBER = "916504661232"


def notice(**fields: Any) -> StatusNotice:
    """One that the receiver did not take for a day."""
    values: dict[str, Any] = {
        "callback": "369-b1641633", "service_name": "voice", "event": "_cbe_on_service_exit", "receiver": CRM,
        "target": "https://crm.example.org/hook?token=hush", "body": f'{{"_customer_number": "{NUMBER}"}}',
        "state": "parked", "made_at": NOON, "give_up_at": NOON + timedelta(days=1), "due_at": NOON, "attempt": 34,
        "settled_at": NOON + timedelta(days=1), "reason": "it answered 500",
    }  # fmt: skip
    return StatusNotice.objects.create(**(values | fields))


def pending(**fields: Any) -> StatusNotice:
    return notice(state="pending", settled_at=None, **fields)


def shown(client: Client, url: str = PAGE) -> str:
    response = client.get(url)
    assert response.status_code == 200
    return response.content.decode()


def ids(page: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="notice-(\d+)"', page)]


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.fixture
def kicks() -> Any:
    kept: list[tuple[str, ...]] = []
    with mock.patch.multiple(kick, _carry_out=lambda task, args: kept.append(args), broker_is_down=lambda: True):
        yield kept


def test_what_is_parked_is_listed_with_its_reason(as_sue: Client) -> None:
    older, newer = notice(), notice(callback="369-2", event="_cbe_on_dial_done", receiver=SHOP)
    pending()
    page = shown(as_sue)
    assert ids(page) == [newer.pk, older.pk]
    row = text_of(page[page.index(f'id="notice-{older.pk}"') :])
    for said in ("_cbe_on_service_exit", "369-b1641633", "voice", CRM, "34", "it answered 500", "3 Mar 2026 12:00:00"):
        assert said in row
    assert f'href="/callbacks/{older.callback}/"' in page


def test_what_it_said_and_the_rest_of_its_address_are_not_shown(as_sue: Client) -> None:
    made = notice()
    reports = {"target": made.target, "events": []}
    options = frozen_options(ServiceFactory.create(), reports=reports)
    CallbackFactory.create(pk=made.callback, customer_number="5115", options=options)
    for url in (PAGE, f"/callbacks/{made.callback}/"):
        page = shown(as_sue, url)
        assert "hush" not in page
        assert NUMBER not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["parked-1", "parked-2"]),
        ("?state=pending", ["pending-1"]),
        ("?state=delivered", ["delivered-1"]),
        ("?state=nonsense", ["parked-1", "parked-2"]),
        ("?q=parked-2", ["parked-2"]),
        (f"?receiver={SHOP}", ["parked-1"]),
        ("?q=nobody%00", []),
    ],
)
def test_the_list_is_filtered(as_sue: Client, query: str, found: list[str]) -> None:
    notice(callback="parked-1", receiver=SHOP)
    notice(callback="parked-2")
    pending(callback="pending-1")
    notice(callback="delivered-1", state="delivered")
    rows = {row.pk: row.callback for row in StatusNotice.objects.all()}
    page = shown(as_sue, PAGE + query)
    assert sorted(rows[pk] for pk in ids(page)) == found
    if not found:
        assert "No notification matches" in page


def test_nothing_parked_is_said(as_sue: Client) -> None:
    assert "Nothing is parked" in shown(as_sue)


def test_pages_go_on_by_what_was_last_shown(as_sue: Client) -> None:
    made = [notice(callback=f"369-{number}").pk for number in range(60)]
    first = shown(as_sue)
    assert ids(first) == made[:9:-1]
    older = re.search(r'id="page-older"[^>]* href="([^"]*)"', first)
    assert older is not None
    second = shown(as_sue, PAGE + unescape(older[1]))
    assert ids(second) == made[9::-1]
    assert 'id="page-newest"' in second
    assert ids(shown(as_sue, PAGE + "?before=x")) == made[:9:-1]


def test_the_list_has_a_fixed_number_of_queries(
    as_sue: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        notice(callback=f"369-{number}")
    # Session, user, their permissions and their groups', what they are limited to; the rows; the receivers; whether
    # they have a desk.
    with django_assert_num_queries(8):
        shown(as_sue)


def test_one_is_sent_again_and_the_list_comes_back_as_it_was(as_sue: Client, kicks: Any) -> None:
    made, other = notice(), notice(callback="369-2")
    answer = as_sue.post(RESEND, {"notice": made.pk, "back": "q=369-b1641633"}, follow=True)
    assert answer.redirect_chain == [(f"{PAGE}?q=369-b1641633", 302)]
    assert f"_cbe_on_service_exit of callback 369-b1641633 is sent again to {CRM}." in text_of(answer.content.decode())
    made.refresh_from_db()
    other.refresh_from_db()
    assert (made.state, made.attempt, made.resent_by, made.settled_at) == ("pending", 0, "sue", None)
    assert other.state == "parked"
    again = as_sue.post(RESEND, {"notice": made.pk}, follow=True)
    assert "it is not parked any more" in text_of(again.content.decode())


def test_all_of_a_receiver_are_sent_again(as_sue: Client, kicks: Any) -> None:
    for number in range(3):
        notice(callback=f"369-{number}")
    notice(receiver=SHOP, target="https://shop.example.org/")
    page = shown(as_sue)
    assert re.search(rf'name="receiver" value="{CRM}"', page)
    answer = as_sue.post(RESEND, {"receiver": CRM}, follow=True)
    assert "3 are sent again." in text_of(answer.content.decode())
    assert [row.receiver for row in StatusNotice.objects.filter(state="parked")] == [SHOP]


@pytest.mark.parametrize("what", [{}, {"notice": "x"}, {"notice": "9" * 30}, {"notice": "17"}, {"receiver": "none"}])
def test_what_is_none_is_not_sent_again(as_sue: Client, what: dict[str, str]) -> None:
    made = notice()
    assert as_sue.post(RESEND, what).status_code == 302
    made.refresh_from_db()
    assert made.state == "parked"


def test_a_reader_sees_and_does_not_send_again(db: None) -> None:
    made = notice()
    reader = UserFactory.create(username="rita")
    reader.user_permissions.add(Permission.objects.get(codename="view_callback"))
    client = Client()
    client.force_login(reader)
    page = shown(client)
    assert ids(page) == [made.pk]
    assert "Send again" not in page
    assert "Send all again" not in page
    assert client.post(RESEND, {"notice": made.pk}).status_code == 403
    made.refresh_from_db()
    assert made.state == "parked"


def test_nobody_else_sees_them(as_kate: Client, as_nobody: Client, client: Client) -> None:
    made = notice()
    for other in (as_kate, as_nobody):
        assert other.get(PAGE).status_code == 403
        assert other.post(RESEND, {"notice": made.pk}).status_code == 403
    assert client.get(PAGE).status_code == 302
    assert client.post(RESEND, {"notice": made.pk}).status_code == 302
    made.refresh_from_db()
    assert made.state == "parked"


def test_sending_again_takes_a_token_and_a_post(sue: User) -> None:
    made = notice()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(sue)
    assert strict.post(RESEND, {"notice": made.pk}).status_code == 403
    assert strict.get(RESEND).status_code == 405
    page = shown(strict)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    assert strict.post(RESEND, {"notice": made.pk, "csrfmiddlewaretoken": token[1]}).status_code == 302


def test_supervisors_are_led_to_it(as_sue: Client, sue: User) -> None:
    assert f'href="{PAGE}"' in shown(as_sue, "/callbacks/")
    assert sue.groups.get() == Group.objects.get(name="Supervisor")


def test_the_list_refreshes_itself_only_where_something_changed(as_sue: Client) -> None:
    notice()
    page = shown(as_sue)
    seen = re.search(r'id="live-part".*?"seen": "([0-9a-f]+)"', page, re.S)
    assert seen is not None
    headers = {"HX-Request": "true"}
    assert as_sue.get(f"{PAGE}?seen={seen[1]}", headers=headers).status_code == 204
    notice(callback="369-2")
    assert as_sue.get(f"{PAGE}?seen={seen[1]}", headers=headers).status_code == 200


def test_the_address_of_the_refresh_does_not_grow(as_sue: Client) -> None:
    notice(state="delivered", receiver=CRM)
    asked = f"{PAGE}?state=delivered&receiver=https%3A%2F%2Fcrm.example.org%3A443"
    page = shown(as_sue, asked)
    for _ in range(2):
        address = re.search(r'id="live-part".*?hx-get="([^"]*)"', page, re.S)
        assert address is not None
        assert unescape(address[1]) == asked
        refreshed = as_sue.get(f"{asked}&seen=0123456789abcdef", headers={"HX-Request": "true"})
        assert refreshed.status_code == 200
        page = refreshed.content.decode()


def test_a_callback_lists_its_own(as_sue: Client) -> None:
    callback = CallbackFactory.create()
    assert "Status notifications" not in shown(as_sue, f"/callbacks/{callback.pk}/")
    notice(callback=callback.pk, event="_cbe_on_service_create", state="delivered", attempt=1, reason="")
    notice(callback=callback.pk, resent_by="sue")
    notice(callback="369-2", event="_cbe_on_dial_done")
    page = shown(as_sue, f"/callbacks/{callback.pk}/")
    said = text_of(page)
    assert said.index("_cbe_on_service_create Delivered") < said.index("_cbe_on_service_exit Parked it answered 500")
    assert "sent again by sue" in said
    assert "_cbe_on_dial_done" not in said
    assert f'href="{PAGE}?q={callback.pk}"' in page
