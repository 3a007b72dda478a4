"""Creating a callback on its page: what is offered, what is refused, and what is created once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from callbacks import actions
from callbacks.flow.states import State
from callbacks.models import Callback, JournalEntry
from callbacks.pages.times import value_of
from services.models import ConfiguredService
from telephony.models import BlockedNumber
from tests.factories import CallbackFactory, limited_supervisor
from tests.world import World

pytestmark = pytest.mark.django_db

NUMBER = "+498912345678"
NEW = "/callbacks/new/"


@pytest.fixture
def world() -> Iterator[World]:
    """One service, which waits for an agent; nobody is logged in."""
    world = World(_wait_for_agent="true", _default_country="DE", _disallow_impossible_phone_numbers="true")
    with world.patched():
        yield world


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def filled(client: Client, world: World, address: str = NEW, **typed: Any) -> dict[str, Any]:
    """The form as it comes, with a number and as soon as possible, unless said otherwise."""
    html = client.get(address).content.decode()
    named = re.findall(r'name="(form|from)" value="([^"]*)"', html)
    return {**dict(named), "service": world.service.name, "number": NUMBER, "at": "now", **typed}


def create(client: Client, world: World, address: str = NEW, **typed: Any) -> Any:
    return client.post(NEW, filled(client, world, address, **typed))


def hour(**ahead: float) -> datetime:
    return (datetime.now(UTC) + timedelta(**ahead)).replace(minute=0, second=0, microsecond=0)


def judged(client: Client, world: World, number: str) -> str:
    return text_of(client.post(f"{NEW}number/", {"service": world.service.name, "number": number}))


# ---- what is made


def test_a_callback_for_now(as_sue: Client, world: World) -> None:
    sent = filled(as_sue, world, number="089 / 123 456 78", key=["first_name"], value=["Ada"], was=[""], new=["yes"])
    response = as_sue.post(NEW, sent)
    made = Callback.objects.get()
    assert response["Location"] == f"/callbacks/{made.pk}/"
    assert (made.state, made.customer_number, made.user_data) == (State.QUEUED, "08912345678", {"first_name": "Ada"})
    assert set(JournalEntry.objects.values_list("actor", flat=True)) == {"sue"}


def test_a_callback_for_a_time_has_its_place(as_sue: Client, world: World) -> None:
    at = hour(hours=30)
    create(as_sue, world, at=value_of(at))
    made = Callback.objects.get()
    assert (made.state, made.desired_at) == (State.SCHEDULED, at)
    assert made.properties["_desired_time"] == value_of(at)


def test_the_same_form_makes_one_callback(as_sue: Client, world: World) -> None:
    sent = filled(as_sue, world)
    first, second = as_sue.post(NEW, sent), as_sue.post(NEW, sent, follow=True)
    assert Callback.objects.count() == 1
    assert second.redirect_chain[0][0] == first["Location"]
    assert "This form was sent before: nothing more was created." in text_of(second)
    # Another number in the same form is not what was made.
    refused = as_sue.post(NEW, {**sent, "number": "+498912345699"})
    assert (refused.status_code, Callback.objects.count()) == (409, 1)
    assert "This form has made a callback already" in text_of(refused)


# ---- what is offered


def test_the_form_comes_filled_in_as_its_address_says(as_sue: Client, world: World) -> None:
    at = hour(hours=30)
    page = as_sue.get(f"{NEW}?service={world.service.name}&at={value_of(at)}").content.decode()
    assert re.search(rf'value="{world.service.name}" selected', page)
    assert re.search(rf'value="{value_of(at)}" checked', page)
    assert f'name="day" value="{at:%Y-%m-%d}"' in page


def test_a_time_within_a_slot_chooses_the_slot(as_sue: Client, world: World) -> None:
    at = hour(hours=30)
    page = as_sue.get(f"{NEW}?service={world.service.name}&at={value_of(at + timedelta(minutes=3))}").content.decode()
    assert re.search(rf'value="{value_of(at)}" checked', page)


def test_a_time_that_cannot_be_had_is_said(as_sue: Client, world: World) -> None:
    page = text_of(as_sue.get(f"{NEW}?service={world.service.name}&at={value_of(hour(hours=-30))}"))
    assert "is not free, or cannot be had. Choose another time." in page


def test_a_full_slot_is_not_offered(as_sue: Client, world: World) -> None:
    ConfiguredService.objects.update(options={**world.service.options, "_max_request_by_time_bucket": "1"})
    at = hour(hours=30)
    create(as_sue, world, at=value_of(at))
    page = as_sue.get(f"{NEW}?service={world.service.name}&at={value_of(at)}").content.decode()
    assert f'value="{value_of(at)}"' not in page
    refused = create(as_sue, world, number="+498912345699", at=value_of(at))
    assert refused.status_code == 409
    assert "its time slot is full" in text_of(refused)
    assert Callback.objects.count() == 1


def test_only_services_of_mine_are_offered_and_taken(world: World) -> None:
    other = ConfiguredService.objects.create(name="other", type="callback", configuration="User Terminated Immediate")
    lisa = Client()
    lisa.force_login(limited_supervisor("other"))
    page = lisa.get(NEW).content.decode()
    assert f'value="{other.name}"' in page
    assert f'value="{world.service.name}"' not in page
    assert "Choose a service." in text_of(create(lisa, world))
    assert Callback.objects.count() == 0


# ---- the number


@pytest.mark.parametrize(
    ("number", "said"),
    [
        ("+49 89 12345678", "+49 89 12345678"),
        ("089 12345678", "+49 89 12345678"),
        ("+49 1", "There can be no such number"),
        ("+49 900 1234567", "It is a premium number"),
        ("abc", "This is no telephone number"),
    ],
)
def test_a_number_is_judged_while_it_is_typed(as_sue: Client, world: World, number: str, said: str) -> None:
    assert said in judged(as_sue, world, number)


def test_the_block_list_and_the_customers_other_callbacks_are_said(as_sue: Client, world: World) -> None:
    CallbackFactory.create(service=world.service, customer_number=NUMBER)
    assert f"Has one already: {world.service.name}" in judged(as_sue, world, NUMBER)
    BlockedNumber.objects.create(number=NUMBER, reason="asked", created_by="x", created_at=timezone.now())
    assert "The number is on the block list." in judged(as_sue, world, NUMBER)
    refused = create(as_sue, world)
    assert refused.status_code == 409
    assert "Nothing was created. The number is on the block list." in text_of(refused)
    assert Callback.objects.count() == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"service": ""}, "Choose a service."),
        ({"number": ""}, "This is no telephone number"),
        ({"number": "+49 900 1234567"}, "It is a premium number"),
        ({"at": ""}, "Choose one of the times, or as soon as possible."),
        ({"key": [""], "value": ["x"], "was": [""], "new": ["yes"]}, "Something is wrong with the user data."),
    ],
)
def test_what_is_missing_or_wrong_is_said_and_what_was_typed_stays(
    as_sue: Client, world: World, typed: dict[str, Any], said: str
) -> None:
    refused = create(as_sue, world, **typed)
    assert refused.status_code in {409, 422}
    assert said in text_of(refused)
    assert f'value="{typed.get("number", NUMBER)}"' in refused.content.decode()
    assert Callback.objects.count() == 0


def test_keys_that_the_service_needs_are_asked_for(as_sue: Client, world: World) -> None:
    ConfiguredService.objects.update(
        options={**world.service.options, "_mandatory_customer_lookup_keys": "_customer_number,contract"}
    )
    page = as_sue.get(f"{NEW}?service={world.service.name}").content.decode()
    assert re.search(r'name="key" value="contract"', page)
    refused = create(as_sue, world)
    assert "This service needs a value for: contract." in text_of(refused)
    assert Callback.objects.count() == 0


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.000Z", "2026-02-30T10:00:00Z"])
def test_a_moment_that_no_clock_shows_is_none(as_sue: Client, world: World, at: str) -> None:
    assert as_sue.get(f"{NEW}?service={world.service.name}&at={at}").status_code == 200
    refused = create(as_sue, world, at=at)
    assert "Choose one of the times, or as soon as possible." in text_of(refused)
    assert Callback.objects.count() == 0


# ---- again


def test_one_that_is_over_is_created_again_and_each_names_the_other(as_sue: Client, world: World) -> None:
    old = world.start(NUMBER, first_name="Ada", _device_os="gcm", _wait_for_agent="true")
    actions.cancel(callback_id=old.pk, actor="app", now=world.now())
    again = as_sue.get(f"/callbacks/{old.pk}/recreate/")
    assert again["Location"] == f"{NEW}?from={old.pk}"
    page = as_sue.get(again["Location"])
    assert "Both timelines will say so." in text_of(page)
    keys = {"key": ["first_name"], "value": ["Ada"], "was": [""], "new": ["yes"]}
    sent = filled(as_sue, world, again["Location"], **keys)
    as_sue.post(NEW, sent)
    as_sue.post(NEW, sent)
    made = Callback.objects.exclude(pk=old.pk).get()
    assert (made.customer_number, made.user_data, made.properties["_device_os"]) == (
        NUMBER,
        {"first_name": "Ada"},
        "gcm",
    )
    assert made.overrides["_wait_for_agent"] == "true"
    links = JournalEntry.objects.filter(kind="recreated").values_list("callback", "actor", "data").order_by("callback")
    assert sorted(links) == sorted([(old.pk, "sue", {"callback": made.pk}), (made.pk, "sue", {"callback": old.pk})])


def test_two_who_create_it_again_at_once_make_one(as_sue: Client, world: World) -> None:
    old = world.start(NUMBER)
    actions.cancel(callback_id=old.pk, actor="app", now=world.now())
    address = f"{NEW}?from={old.pk}"
    first, second = filled(as_sue, world, address), filled(as_sue, world, address)
    as_sue.post(NEW, first)
    made = Callback.objects.exclude(pk=old.pk).get()
    refused = as_sue.post(NEW, second)
    assert refused.status_code == 409
    assert f"It was created again already, as callback {made.pk}, which is not over." in text_of(refused)
    assert Callback.objects.count() == 2
    assert JournalEntry.objects.filter(callback=old, kind="recreated").count() == 1
    # Once that one is over as well, it may be tried again.
    actions.cancel(callback_id=made.pk, actor="app", now=world.now())
    as_sue.post(NEW, second)
    assert Callback.objects.count() == 3


def test_what_cannot_be_created_again_leaves_no_link(as_sue: Client, world: World) -> None:
    old = CallbackFactory.create(service=world.service, state=State.COMPLETED, customer_number=NUMBER)
    BlockedNumber.objects.create(number=NUMBER, reason="asked", created_by="x", created_at=timezone.now())
    refused = create(as_sue, world, f"{NEW}?from={old.pk}")
    assert refused.status_code == 409
    assert (Callback.objects.count(), JournalEntry.objects.count()) == (1, 0)


def test_one_that_is_not_over_is_not_created_again(as_sue: Client, world: World) -> None:
    live = CallbackFactory.create(service=world.service, customer_number=NUMBER)
    page = as_sue.get(f"{NEW}?from={live.pk}")
    assert "is not over, or is gone" in text_of(page)
    assert NUMBER not in page.content.decode()
