"""Promised times kept and refused, on the simulator, every process in one thread."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from callbacks import actions
from callbacks.actions import NotAvailable, NumberBlocked, Refused
from callbacks.models import Attempt, Callback
from scheduling import bookings
from scheduling.models import Booking, SlotCounter
from scheduling.slots import Slot
from services.models import ConfiguredService, NamedList
from telephony.models import BlockedNumber, Leg, QueueEntry
from tests.world import HUMAN, World

pytestmark = pytest.mark.django_db(transaction=True)

BERLIN = {"_timezone": "Europe/Berlin", "_bh_regular1": "Mon-Fri 09:00-17:00"}
# Nobody's holiday, and no change of clocks near: Berlin is at UTC+1.
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
NINE = MONDAY + timedelta(hours=8)


@pytest.fixture(autouse=True)
def _fast(settings: Any) -> None:
    settings.SIMULATOR_SPEED = 200.0


def centre(at: datetime = NINE, **options: str) -> World:
    """A contact centre in Berlin, open from nine to five on weekdays, at a moment."""
    ConfiguredService.objects.create(name="berlin", type="office-hours", configuration="Custom", options=BERLIN)
    world = World(agents=("kate",), **{"_business_hours_service": "berlin", **options})
    world.ready()
    put_clock(world, at)
    return world


def put_clock(world: World, at: datetime) -> None:
    world.offset = at - datetime.now(UTC)


def seconds_pass(world: World, number: int, until: str = "") -> None:
    """Let the clock tick second by second, at most until the callback is in a state."""
    for _ in range(number):
        while world.step():
            pass
        if until and Callback.objects.get().state == until:
            return
        world.offset += timedelta(seconds=1)
        world.tick()
    assert not until, f"not {until}:\n{world.story()}"


def start_for(world: World, at: datetime | None, number: str = HUMAN, **parameters: str) -> Callback:
    with world.patched():
        return actions.start(
            service=ConfiguredService.objects.get(pk=world.service.pk),
            parameters={"_customer_number": number, **parameters},
            desired_at=at,
            actor="app",
            now=world.now(),
        )


def move(world: World, callback: Callback, at: datetime | None, **properties: str) -> Callback:
    with world.patched():
        return actions.reschedule(
            callback_id=callback.pk, desired_at=at, properties=properties, actor="app", now=world.now()
        )


def taken(at: datetime) -> int:
    return SlotCounter.objects.filter(start=at).values_list("booked", flat=True).first() or 0


def offered(error: NotAvailable) -> dict[str, int]:
    return {f"{offer.time:%m-%d %H:%M}": offer.free for offer in error.offers}


def hour(of_monday: float) -> datetime:
    return MONDAY + timedelta(hours=of_monday)


def rung_at(callback: Callback, number: int = 0) -> datetime:
    """When the customer's phone was rung, the first or a later time."""
    rung = callback.attempts.filter(party="customer", dialled_at__isnull=False).order_by("number")
    found = rung.values_list("dialled_at", flat=True)[number]
    assert found is not None
    return found


def last_note(callback: Callback, kind: str) -> str:
    return callback.journal.filter(kind=kind).latest("id").text


# What can be promised


def test_a_promised_time_takes_a_place_and_is_kept() -> None:
    world = centre()
    callback = start_for(world, hour(9))
    assert (callback.state, taken(hour(9))) == ("SCHEDULED", 1)
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    assert timedelta() <= rung_at(callback) - hour(9) < timedelta(seconds=5)
    # A kept promise used its place.
    assert taken(hour(9)) == 1


def test_a_closed_office_is_refused_with_the_nearest_open_times_on_both_sides() -> None:
    world = centre(_request_time_bucket="60")
    with pytest.raises(NotAvailable, match="the office is closed") as refused:
        start_for(world, hour(18))
    assert offered(refused.value) == {
        "03-02 11:00": 100, "03-02 12:00": 100, "03-02 13:00": 100, "03-02 14:00": 100, "03-02 15:00": 100,
        "03-03 08:00": 100, "03-03 09:00": 100, "03-03 10:00": 100, "03-03 11:00": 100, "03-03 12:00": 100,
    }  # fmt: skip
    assert not Callback.objects.exists()
    assert not Booking.objects.exists()


def test_a_full_slot_is_refused_and_a_cancel_gives_its_place_back_once() -> None:
    world = centre(_max_request_by_time_bucket="1")
    first = start_for(world, hour(9))
    with pytest.raises(NotAvailable, match="its time slot is full") as refused:
        start_for(world, hour(9) + timedelta(minutes=4), number="916504661233")
    assert (hour(9) not in [offer.time for offer in refused.value.offers], taken(hour(9))) == (True, 1)
    for _ in range(2):
        with world.patched():
            try:
                actions.cancel(callback_id=first.pk, actor="app", now=world.now())
            except Refused:
                continue
    assert taken(hour(9)) == 0
    assert start_for(world, hour(9), number="916504661233").state == "SCHEDULED"


@pytest.mark.parametrize(
    ("at", "why"),
    [
        (NINE - timedelta(seconds=61), "it has passed (_reject_past_desired_time)"),
        (NINE + timedelta(days=31, seconds=1), "it is too far ahead (_reject_future_desired_time)"),
    ],
)
def test_times_too_long_ago_or_too_far_ahead_are_refused(at: datetime, why: str) -> None:
    world = centre(at=NINE)
    with pytest.raises(NotAvailable) as refused:
        start_for(world, at)
    assert why in refused.value.message


def test_the_limits_of_times_are_the_services() -> None:
    world = centre(at=NINE + timedelta(hours=1), _reject_past_desired_time="7200", _reject_future_desired_time="2d")
    # An hour ago is near enough, and called at once.
    assert start_for(world, NINE + timedelta(minutes=1)).state == "QUEUED"
    with pytest.raises(NotAvailable, match="too far ahead"):
        start_for(world, NINE + timedelta(days=2, hours=2))


def test_a_time_at_which_the_customer_is_not_called_is_no_promise() -> None:
    world = centre(_calling_window="08:00-21:00")
    # Nine in Berlin is three in the morning in New York.
    with pytest.raises(NotAvailable, match="customers are not called at this time of their day") as refused:
        start_for(world, hour(9), _customer_timezone="America/New_York")
    # Offered are the nearest that this customer can have: eight in New York is one in the afternoon at UTC.
    assert list(offered(refused.value)) == [f"03-02 13:{minutes:02}" for minutes in range(0, 25, 5)]
    assert start_for(world, hour(14), _customer_timezone="America/New_York").state == "SCHEDULED"


# Calls at once


def test_while_closed_a_request_waits_for_the_morning_unless_it_is_to_be_refused() -> None:
    world = centre(at=hour(20))
    callback = start_for(world, None)
    callback = world.finish(callback)
    assert (callback.reason, callback.attempts.filter(party="customer", dialled_at__isnull=False).count()) == (
        "AGENT_CONNECTED", 1
    )  # fmt: skip
    assert timedelta() <= rung_at(callback) - (NINE + timedelta(days=1)) < timedelta(seconds=10)
    assert last_note(callback, "put-off") == (
        "Not dialled: the office is closed (Mon 2026-03-02 21:00 in Europe/Berlin). "
        "Next try at 2026-03-03 08:00:00 UTC; no attempt was used."
    )


@pytest.mark.parametrize(
    ("options", "at", "why"),
    [
        ({"_enable_reject_out_of_office_hours": "true"}, hour(20), "_enable_reject_out_of_office_hours"),
        # From Friday evening to Monday morning is longer than its day to live.
        ({}, hour(4 * 24 + 20), "until after the request would be over (_ttl)"),
    ],
)
def test_a_request_that_nobody_can_serve_is_refused_at_once(options: dict[str, str], at: datetime, why: str) -> None:
    world = centre(at=at, **options)
    with pytest.raises(NotAvailable) as refused:
        start_for(world, None)
    assert why in refused.value.message
    assert refused.value.offers
    assert not Callback.objects.exists()


# Another time


def test_another_time_moves_the_place_and_what_is_refused_leaves_it() -> None:
    world = centre(_max_request_by_time_bucket="1")
    callback, other = start_for(world, hour(9)), start_for(world, hour(10), number="916504661233")
    with pytest.raises(NotAvailable, match="its time slot is full"):
        move(world, callback, hour(10), _customer_id="7")
    callback.refresh_from_db()
    assert (taken(hour(9)), callback.desired_at, callback.properties.get("_customer_id")) == (1, hour(9), None)

    moved = move(world, callback, hour(11), _customer_id="7")
    assert (moved.state, moved.desired_at, moved.properties["_customer_id"]) == ("SCHEDULED", hour(11), "7")
    assert [taken(hour(at)) for at in (9, 10, 11)] == [0, 1, 1]
    # Its time to live counts from the new time.
    assert moved.expires_at == hour(11) + timedelta(days=1)
    move(world, other, None, _customer_id="")
    assert "_customer_id" not in Callback.objects.get(pk=other.pk).properties


def test_a_start_under_way_is_not_started_twice() -> None:
    world = centre(_wait_for_agent="true")
    for agent in world.group.agents.all():
        agent.state = "not_ready"
        agent.save()
    callback = start_for(world, None)
    world.run(lambda: Callback.objects.get().stage == "awaiting")
    place = QueueEntry.objects.get().place_at
    move(world, callback, world.now() + timedelta(seconds=60))
    assert QueueEntry.objects.get().place_at == place
    world.ready()
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    assert callback.attempts.filter(party="customer").count() == 1
    assert callback.journal.filter(kind="started").count() == 1


def test_a_completed_one_gets_no_other_time() -> None:
    world = centre()
    callback = world.finish(start_for(world, None))
    with pytest.raises(Refused, match="Callback is COMPLETED and cannot be given another time"):
        move(world, callback, hour(11))
    assert not Booking.objects.exists()
    # Nor other data.
    with pytest.raises(Refused, match="Callback is COMPLETED and cannot be changed"):
        move(world, callback, None, note="please hurry")


# At every dial


def test_a_retry_outside_the_customers_window_waits_for_their_morning() -> None:
    world = centre(at=hour(15.9), _calling_window="09:00-17:00", _dial_retry_timeout="600")
    ConfiguredService.objects.filter(name="berlin").update(options={**BERLIN, "_bh_regular1": "Mon-Sun 00:00-24:00"})
    busy = start_for(world, None, number="916504661280", _customer_timezone="Europe/Berlin")
    world.run(lambda: Attempt.objects.filter(party="customer", dialled_at__isnull=False).count() == 2, seconds=30)
    assert rung_at(busy) < hour(16)
    assert timedelta() <= rung_at(busy, 1) - (NINE + timedelta(days=1)) < timedelta(seconds=10)
    assert "customers are not called at this time of their day" in last_note(busy, "put-off")


def test_a_blocked_number_is_refused_and_one_blocked_since_is_not_dialled() -> None:
    world = centre()
    callback = start_for(world, hour(9), number="+4930123456")
    BlockedNumber.objects.create(number="+4930", is_prefix=True, reason="asked not to be called", created_by="boss")
    with pytest.raises(NumberBlocked):
        start_for(world, None, number="+4930999999")
    callback = world.finish(callback)
    assert (callback.reason, Leg.objects.count()) == ("FAIL_NUMBER_BLOCKED", 0)
    assert last_note(callback, "ended") == "Not dialled: the number is on the block list: asked not to be called."
    assert not callback.attempts.filter(dialled_at__isnull=False).exists()


# Pauses


def set_pause(**flags: str) -> None:
    NamedList.objects.update_or_create(name="GMS_Paused_Services", defaults={"sections": {"services": flags}})


@pytest.mark.parametrize("key", ["voice-userterm-immediate", "all", "Billing"])
def test_a_pause_keeps_places_and_dials_nobody_until_it_is_over(key: str) -> None:
    world = centre(_wait_for_agent="true", _paused_services_id="Billing")
    for agent in world.group.agents.all():
        agent.state = "not_ready"
        agent.save()
    callback = start_for(world, None)
    world.run(lambda: Callback.objects.get().stage == "awaiting")
    place = QueueEntry.objects.get().place_at
    set_pause(**{key: "true"})
    world.ready()
    seconds_pass(world, 3, until="PAUSED")
    seconds_pass(world, 10)
    assert (Callback.objects.get().state, QueueEntry.objects.get().place_at) == ("PAUSED", place)
    set_pause(**{key: "false"})
    seconds_pass(world, 3, until="QUEUED")
    assert world.finish(callback).reason == "AGENT_CONNECTED"


def test_nothing_is_dialled_in_the_moment_between_the_flag_and_the_sweep() -> None:
    world = centre()
    set_pause(all="true")
    callback = start_for(world, None)
    assert callback.stage == "dialling"
    while world.step():
        pass
    callback.refresh_from_db()
    assert (callback.stage, last_note(callback, "put-off")[:38]) == (
        "retrying",
        "Not dialled: the service is paused. Ne",
    )
    assert not callback.attempts.filter(dialled_at__isnull=False).exists()


# After an outage


@pytest.mark.parametrize(("hours", "reason"), [(3, "AGENT_CONNECTED"), (26, "FAIL_TOO_LATE")])
def test_what_is_overdue_starts_inside_the_recovery_window_and_ends_behind_it(hours: float, reason: str) -> None:
    world = centre(_ttl="604800")
    callback = start_for(world, hour(9))
    put_clock(world, hour(9 + hours))
    callback = world.finish(callback)
    assert callback.reason == reason
    assert callback.attempts.filter(party="customer").exists() is (reason == "AGENT_CONNECTED")


# Asking the customer


def test_the_customer_is_asked_and_called_when_they_confirm() -> None:
    world = centre(_wait_for_agent="true", _wait_for_user_confirm="true")
    callback = start_for(world, None, _device_os="comet")
    with pytest.raises(Refused, match="is not waiting for a confirmation"), world.patched():
        actions.connect(callback_id=callback.pk, actor="app", now=world.now())
    world.run(lambda: Callback.objects.get().stage == "confirming")
    for _ in range(2):
        with world.patched():
            actions.connect(callback_id=callback.pk, actor="app", now=world.now())
    callback = world.finish(callback)
    assert callback.reason == "AGENT_CONNECTED"
    assert callback.attempts.filter(party="customer").count() == 1
    assert last_note(callback, "confirmed") == "The customer wants to be called now (app)."


def test_who_says_later_is_asked_again_later() -> None:
    world = centre(_wait_for_agent="true", _wait_for_user_confirm="true", _snooze_duration="600")
    callback = start_for(world, None, _device_os="comet")
    world.run(lambda: Callback.objects.get().stage == "confirming")
    with world.patched():
        actions.snooze(callback_id=callback.pk, actor="app", now=world.now())
    snoozed_at = world.now()
    world.run(lambda: Callback.objects.get().stage == "confirming")
    assert world.now() - snoozed_at >= timedelta(seconds=599)
    assert callback.journal.filter(kind="asked").count() == 2


def test_an_agent_who_waits_is_left_to_others_while_the_customer_does_not_answer() -> None:
    world = centre(_wait_for_agent="true", _wait_for_user_confirm="true", _on_user_confirm_timeout="GIVE-UP")
    callback = world.finish(start_for(world, None, _device_os="comet"))
    assert (callback.reason, callback.journal.filter(kind="asked").count()) == ("FAIL_USER_NO_CONFIRM", 3)
    assert not callback.attempts.exists()


def test_nobody_is_asked_at_night_whether_to_be_called_now() -> None:
    world = centre(at=hour(20), _wait_for_agent="true", _wait_for_user_confirm="true")
    callback = start_for(world, None, _device_os="comet")
    world.run(lambda: Callback.objects.get().stage == "confirming", seconds=30)
    asked = callback.journal.get(kind="asked").at
    assert timedelta() <= asked - (NINE + timedelta(days=1)) < timedelta(seconds=10)
    assert last_note(callback, "put-off").startswith("Not dialled: the office is closed")


# Everybody at once


def read_compare_write(service_id: int, slot: Slot, limit: int) -> bool:
    """What a counter must not do: two who read the same number both take the last place."""
    start = slot.start
    booked = SlotCounter.objects.filter(service_id=service_id, start=start).values_list("booked", flat=True).first()
    if booked is not None and booked >= limit:
        return False
    time.sleep(0.05)
    SlotCounter.objects.update_or_create(service_id=service_id, start=start, defaults={"booked": (booked or 0) + 1})
    return True


@pytest.mark.parametrize("guarded", [True, False])
def test_of_64_starts_at_once_for_a_slot_of_10_exactly_10_are_accepted(
    guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = centre(_max_request_by_time_bucket="10")
    service, now = ConfiguredService.objects.get(pk=world.service.pk), world.now()
    if not guarded:
        monkeypatch.setattr(bookings, "_take", read_compare_write)
    barrier = threading.Barrier(64)

    def request(n: int) -> bool:
        try:
            barrier.wait()
            actions.start(
                service=service,
                parameters={"_customer_number": f"9165046{n:05d}"},
                desired_at=hour(9) + timedelta(seconds=n),
                actor="app",
                now=now,
            )
        except NotAvailable:
            return False
        finally:
            connection.close()
        return True

    with world.patched(), ThreadPoolExecutor(64) as pool:
        accepted = sum(pool.map(request, range(64)))
    stored = (Callback.objects.count(), Booking.objects.count())
    assert stored == (accepted, accepted)
    if guarded:
        assert (accepted, taken(hour(9))) == (10, 10)
    else:
        assert accepted > 10
