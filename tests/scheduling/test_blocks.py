"""Blocked slots: nothing more is offered or booked in them, whoever books at the same moment; what is booked stays."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduling import availability, blocks, bookings, offices
from scheduling.bookings import Full, book
from scheduling.models import Booking, SlotBlock, SlotCounter
from scheduling.occupancy import SlotUse, occupancy, plans
from scheduling.occupancy import uses as uses_of
from scheduling.plan import Plan
from services.models import Change, ConfiguredService
from tests.factories import NOON, ServiceFactory

DAY = timedelta(days=1)
BERLIN = {"_timezone": "Europe/Berlin", "_bh_regular1": "Mon-Fri 09:00-17:00"}
CUT = Plan(hours=None, capacity=None, limit_by_default=100, minutes=30, zone=ZoneInfo("UTC"))


def at(clock: str, day: int = 2) -> datetime:
    """A time of day, UTC, in March 2026; the 2nd is the Monday whose noon it is."""
    return datetime.fromisoformat(f"2026-03-{day:02}T{clock}+00:00")


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


def billing(**options: str) -> ConfiguredService:
    made: ConfiguredService = ServiceFactory.create(name="billing")
    made.options |= {"_request_time_bucket": "30", **options}
    made.save()
    return ConfiguredService.objects.get(pk=made.pk)


@pytest.fixture
def service(db: None) -> ConfiguredService:
    return billing()


def block(service: ConfiguredService, start: str, end: str, reason: str = "training", actor: str = "sam") -> None:
    blocks.block(service, at(start), at(end), reason=reason, actor=actor, now=NOON)


def blocked() -> dict[str, str]:
    rows = SlotBlock.objects.order_by("start")
    return {f"{row.start:%H:%M}-{row.end:%H:%M}": f"{row.actor}: {row.reason}" for row in rows}


def offered(service: ConfiguredService, start: str, end: str, *, report_busy: bool = False) -> dict[str, int]:
    found = availability.offers(
        service.pk, CUT, at(start), at(end), earliest=NOON, latest=None, report_busy=report_busy
    )
    return {f"{offer.time:%H:%M}": offer.free for offer in found}


def test_a_blocked_slot_is_not_offered_and_takes_nobody(
    service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    book("ada", service_id=service.pk, plan=CUT, desired_at=at("14:05"))
    block(service, "14:00", "15:00")
    assert offered(service, "13:30", "15:30") == {"13:30": 100, "15:00": 100}
    assert offered(service, "13:30", "15:30", report_busy=True) == {"13:30": 100, "14:00": 0, "14:30": 0, "15:00": 100}
    for clock in ("14:00", "14:29", "14:59"):
        with pytest.raises(Full):
            book("bob", service_id=service.pk, plan=CUT, desired_at=at(clock))
    assert list(Booking.objects.values_list("owner", "desired_at")) == [("ada", at("14:05"))]
    assert SlotCounter.objects.get().booked == 1
    # A block costs who books nothing.
    with django_assert_num_queries(3):
        book("bob", service_id=service.pk, plan=CUT, desired_at=at("15:00"))


def test_who_is_booked_stays_and_may_move_within_the_slot_and_out_of_it_but_not_in(service: ConfiguredService) -> None:
    for owner, clock in (("ada", "14:05"), ("bob", "14:06"), ("cyd", "15:00")):
        book(owner, service_id=service.pk, plan=CUT, desired_at=at(clock))
    block(service, "14:00", "14:30")
    book("ada", service_id=service.pk, plan=CUT, desired_at=at("14:20"))
    book("bob", service_id=service.pk, plan=CUT, desired_at=at("16:00"))
    with pytest.raises(Full):
        book("cyd", service_id=service.pk, plan=CUT, desired_at=at("14:10"))
    held = dict(Booking.objects.values_list("owner", "desired_at"))
    assert held == {"ada": at("14:20"), "bob": at("16:00"), "cyd": at("15:00")}
    assert dict(SlotCounter.objects.values_list("start", "booked")) == {at("14:00"): 1, at("15:00"): 1, at("16:00"): 1}


def test_a_block_takes_whole_slots_and_leaves_what_is_blocked_already(service: ConfiguredService) -> None:
    block(service, "14:10", "14:20")
    block(service, "13:00", "16:00", reason="fire drill", actor="eve")
    assert blocked() == {
        "13:00-14:00": "eve: fire drill",
        "14:00-14:30": "sam: training",
        "14:30-16:00": "eve: fire drill",
    }
    with pytest.raises(blocks.Unchanged) as refused:
        block(service, "14:00", "15:00", reason="me too", actor="tom")
    assert [each.reason for each in refused.value.found] == ["training", "fire drill"]
    assert len(blocked()) == 3


def test_a_part_of_a_block_is_unblocked_and_the_rest_stays(service: ConfiguredService) -> None:
    block(service, "13:00", "16:00")
    blocks.unblock(service, at("14:00"), at("14:30"), actor="eve", now=NOON)
    assert blocked() == {"13:00-14:00": "sam: training", "14:30-16:00": "sam: training"}
    assert offered(service, "13:30", "15:00") == {"14:00": 100}
    book("ada", service_id=service.pk, plan=CUT, desired_at=at("14:29"))
    with pytest.raises(blocks.Unchanged):
        blocks.unblock(service, at("14:00"), at("14:30"), actor="eve", now=NOON)
    blocks.unblock(service, at("12:00"), at("20:00"), actor="eve", now=NOON)
    assert blocked() == {}


def test_the_change_log_says_who_blocked_what_and_why(service: ConfiguredService) -> None:
    block(service, "13:00", "14:00")
    blocks.unblock(service, at("13:00"), at("13:30"), actor="eve", now=NOON)
    whole, rest = "2026-03-02 13:00 to 2026-03-02 14:00 UTC", "2026-03-02 13:30 to 2026-03-02 14:00 UTC"
    logged = Change.objects.order_by("pk").values_list("part", "name", "actor", "reason", "before", "after")
    assert list(logged) == [
        ("blocked slots", "billing", "sam", "training", None, {whole: "training"}),
        ("blocked slots", "billing", "eve", "", {whole: "training"}, {rest: "training"}),
    ]


@pytest.mark.parametrize(
    ("start", "end", "error"),
    [
        (at("10:00"), at("12:00"), blocks.Past),
        (at("14:00"), at("14:00"), blocks.TooLong),
        (at("15:00"), at("14:00"), blocks.TooLong),
        (at("14:00"), at("14:00") + 367 * DAY, blocks.TooLong),
    ],
)
def test_what_cannot_be_blocked_changes_nothing(
    service: ConfiguredService, start: datetime, end: datetime, error: type[Exception]
) -> None:
    with pytest.raises(error):
        blocks.block(service, start, end, reason="training", actor="sam", now=NOON)
    assert (blocked(), Change.objects.count()) == ({}, 0)


def test_the_slot_that_is_running_can_be_blocked(service: ConfiguredService) -> None:
    block(service, "12:10", "12:20")
    assert blocked() == {"12:00-12:30": "sam: training"}


def test_another_cut_leaves_every_slot_blocked_that_a_block_touches(service: ConfiguredService) -> None:
    block(service, "14:00", "14:30")
    hourly = Plan(hours=None, capacity=None, limit_by_default=100, minutes=60, zone=ZoneInfo("UTC"))
    with pytest.raises(Full):
        book("ada", service_id=service.pk, plan=hourly, desired_at=at("14:45"))
    assert Booking.objects.count() == 0
    book("ada", service_id=service.pk, plan=hourly, desired_at=at("15:00"))


def test_blocks_that_are_long_past_are_removed_and_those_of_a_deleted_service_go_with_it(
    service: ConfiguredService,
) -> None:
    for days in (31, 29):
        start = NOON - days * DAY
        SlotBlock.objects.create(service=service, start=start, end=start + DAY / 2, reason="r", actor="sam", at=start)
    assert blocks.forget_past(NOON) == 1
    assert [row.start for row in SlotBlock.objects.all()] == [NOON - 29 * DAY]
    service.delete()
    assert SlotBlock.objects.count() == 0


@pytest.mark.parametrize(
    ("fields", "constraint"),
    [
        ({"end": at("14:00")}, "slot_block_ends_after_its_start"),
        ({"reason": ""}, "slot_block_says_why"),
        ({"start": at("13:00")}, "slot_block_one_per_start"),
    ],
)
def test_the_database_refuses_what_must_not_be(
    service: ConfiguredService, fields: dict[str, Any], constraint: str
) -> None:
    block(service, "13:00", "13:30")
    row = {"start": at("14:00"), "end": at("15:00"), "reason": "r", "actor": "sam", "at": NOON, **fields}
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SlotBlock.objects.create(service=service, **row)


def test_occupancy_says_of_each_slot_what_is_booked_of_how_much(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Tuesday in Berlin, open from eight to four in UTC, with capacity until noon there; Monday night is closed."""
    ServiceFactory.create(name="berlin", type="office-hours", configuration="Custom", options=BERLIN)
    numbers = {
        "_capacity": "[Tue]",
        "_capacity_1": '{"1": {"0900": 3, "1000": 3, "1100": 3}}',
        "_timezone": "Europe/Berlin",
    }
    ServiceFactory.create(name="numbers", type="capacity", configuration="Custom", options=numbers)
    service = billing(_request_time_bucket="60", _business_hours_service="berlin", _capacity_service="numbers")
    ServiceFactory.create(name="other")
    other = ConfiguredService.objects.get(name="other")
    plan = offices.plan_of(service)
    for owner in ("ada", "bob"):
        book(owner, service_id=service.pk, plan=plan, desired_at=at("08:30", 3))
    blocks.block(service, at("09:00", 3), at("10:00", 3), reason="training", actor="sam", now=NOON)
    with django_assert_num_queries(2):
        uses = occupancy(service, at("07:00", 3), at("12:00", 3), now=NOON)
    assert uses == [
        SlotUse(at("07:00", 3), at("08:00", 3), 0, 0, "", is_open=False),
        SlotUse(at("08:00", 3), at("09:00", 3), 2, 3, "", is_open=True),
        SlotUse(at("09:00", 3), at("10:00", 3), 0, 3, "training", is_open=True),
        SlotUse(at("10:00", 3), at("11:00", 3), 0, 3, "", is_open=True),
        SlotUse(at("11:00", 3), at("12:00", 3), 0, 0, "", is_open=True),
    ]
    assert [use.free for use in uses] == [0, 1, 0, 3, 0]
    # Also for two weeks of many services; one more because nothing was ever booked in the other.
    with django_assert_num_queries(3):
        of_all = uses_of(plans([service, other]), at("00:00", 3), at("00:00", 17), now=NOON)
    assert {pk: len(uses) for pk, uses in of_all.items()} == {service.pk: 14 * 24, other.pk: 14 * 288}
    assert uses[1] in of_all[service.pk]
    # What began more than a day ago is not counted any more.
    assert occupancy(service, at("00:00", 1), at("12:00", 1), now=NOON) == []


# Races


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """A transaction on this thread's own connection; patient, because the machine may be busy."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '60s'")
            cursor.execute("SET LOCAL statement_timeout = '60s'")
            yield
    finally:
        connection.close()


@pytest.mark.parametrize("guarded", [True, False])
def test_no_booking_comes_after_the_commit_of_a_block(
    transactional_db: None, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """64 who book at once, half of them before somebody blocks the slot, half when that is committed."""
    service = billing()
    monkeypatch.setattr(bookings, "PATIENCE", "60s")
    if not guarded:
        monkeypatch.setattr(bookings, "hold_calendar_alone", lambda service_id, plan: None)
    first, done = threading.Event(), threading.Event()
    barrier = threading.Barrier(32)

    def request(n: int) -> bool:
        if n < 32:
            barrier.wait(timeout=60)
        else:
            done.wait(timeout=60)
        try:
            with connected():
                book(f"owner{n}", service_id=service.pk, plan=CUT, desired_at=at("14:05"))
                # What a start still does before its commit.
                time.sleep(0.02)
            first.set()
        except Full:
            return False
        return True

    def close() -> int:
        first.wait(timeout=60)
        try:
            with connected():
                block(service, "14:00", "14:30")
            booked = Booking.objects.count()
        finally:
            done.set()
            connection.close()
        return booked

    with ThreadPoolExecutor(65) as pool:
        closing = pool.submit(close)
        accepted = list(pool.map(request, range(64)))
    booked_at_commit = closing.result()
    assert not any(accepted[32:])
    assert Booking.objects.count() == sum(accepted) == SlotCounter.objects.get().booked
    if guarded:
        assert Booking.objects.count() == booked_at_commit
    else:
        assert Booking.objects.count() > booked_at_commit


def test_of_two_who_block_the_same_time_one_does(transactional_db: None) -> None:
    service = billing()
    barrier = threading.Barrier(8)

    def close(actor: str) -> bool:
        barrier.wait(timeout=60)
        try:
            with connected():
                block(service, "13:00", "16:00", actor=actor)
        except blocks.Unchanged:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(close, [f"supervisor{n}" for n in range(8)])) == 1
    assert len(blocked()) == 1
