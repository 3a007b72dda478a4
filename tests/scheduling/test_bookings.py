"""Places in slots: never more than the limit, each given back once, whoever comes at the same time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from scheduling import bookings
from scheduling.bookings import Full, book, cancel, forget, forget_past, taken
from scheduling.hours import OfficeHours
from scheduling.models import Booking, SlotCalendar, SlotCounter
from scheduling.plan import Plan
from scheduling.slots import Slot
from services.kinds import WeekHours
from services.models import ConfiguredService
from tests.factories import NOON, ServiceFactory

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
KATHMANDU = ZoneInfo("Asia/Kathmandu")
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)

Answer = TypeVar("Answer")


def plan(*, minutes: int = 15, limit: int = 2, zone: ZoneInfo = BERLIN, hours: OfficeHours | None = None) -> Plan:
    return Plan(hours=hours, capacity=None, limit_by_default=limit, minutes=minutes, zone=zone)


def at(clock: str, day: int = 2) -> datetime:
    """A time of day, UTC, in March 2026; the 2nd is the Monday whose noon it is."""
    return datetime.fromisoformat(f"2026-03-{day:02}T{clock}+00:00")


def counted(service: ConfiguredService) -> dict[str, int]:
    """Places taken by the start of the slot, as the counters say; with the day when it is not the 2nd."""
    counters = SlotCounter.objects.filter(service=service).order_by("start").values_list("start", "booked")
    return {f"{start:%H:%M}" if start.day == 2 else f"{start:%d %H:%M}": places for start, places in counters}


def held() -> dict[str, tuple[str, str]]:
    """The slot and the exact time of each owner's booking."""
    rows = Booking.objects.order_by("owner").values_list("owner", "slot_start", "desired_at")
    return {owner: (f"{start:%H:%M}", f"{desired_at:%H:%M:%S}") for owner, start, desired_at in rows}


def booked(service: ConfiguredService, cut: Plan, start: str, end: str) -> dict[datetime, int]:
    return taken({service.pk: cut}, at(start), at(end))[service.pk].places


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timezone, "now", lambda: NOON)


@pytest.fixture
def service(db: None) -> ConfiguredService:
    return ServiceFactory.create()


def test_a_place_is_booked_in_the_slot_of_the_desired_time(
    service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert book("ada", service_id=service.pk, plan=plan(), desired_at=at("14:07:30")) == at("14:00")
    with django_assert_num_queries(3):
        assert book("bob", service_id=service.pk, plan=plan(), desired_at=at("14:14:59")) == at("14:00")
    assert book("cyd", service_id=service.pk, plan=plan(), desired_at=at("14:15")) == at("14:15")
    assert counted(service) == {"14:00": 2, "14:15": 1}
    assert held() == {"ada": ("14:00", "14:07:30"), "bob": ("14:00", "14:14:59"), "cyd": ("14:15", "14:15:00")}


def test_a_full_slot_takes_nobody_and_another_service_has_its_own(service: ConfiguredService) -> None:
    other = ServiceFactory.create(name="other")
    for owner in ("ada", "bob"):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at("14:07"))
    with pytest.raises(Full, match=r"^2026-03-02T14:00:00\+00:00: no place is left\.$"):
        book("cyd", service_id=service.pk, plan=plan(), desired_at=at("14:07"))
    assert counted(service) == {"14:00": 2}
    assert held() == {"ada": ("14:00", "14:07:00"), "bob": ("14:00", "14:07:00")}
    book("cyd", service_id=other.pk, plan=plan(), desired_at=at("14:07"))
    assert (counted(service), counted(other)) == ({"14:00": 2}, {"14:00": 1})


def test_a_closed_slot_takes_nobody(service: ConfiguredService) -> None:
    hours = OfficeHours(zone=BERLIN, weekly=(WeekHours((1, 2, 3, 4, 5), 9 * 60, 17 * 60),))
    # Five o'clock in Berlin.
    with pytest.raises(Full):
        book("ada", service_id=service.pk, plan=plan(hours=hours), desired_at=at("16:00"))
    assert (counted(service), held()) == ({}, {})
    assert book("ada", service_id=service.pk, plan=plan(hours=hours), desired_at=at("15:59")) == at("15:45")


@pytest.mark.parametrize(("to", "slot"), [("15:20:00", "15:15"), ("13:20:00", "13:15")])
def test_a_move_takes_a_place_and_gives_one_back(
    service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries, to: str, slot: str
) -> None:
    for owner in ("ada", "bob"):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at("14:07"))
    with django_assert_num_queries(6):
        assert book("bob", service_id=service.pk, plan=plan(), desired_at=at(to)) == at(slot)
    assert counted(service) == {"14:00": 1, slot: 1}
    assert held() == {"ada": ("14:00", "14:07:00"), "bob": (slot, to)}


@pytest.mark.parametrize("to", ["15:20", "13:20"])
def test_a_refused_move_leaves_the_booking_as_it_was(service: ConfiguredService, to: str) -> None:
    for owner in ("ada", "bob"):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at("14:07"))
    for owner in ("cyd", "dan"):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at(to))
    before = (counted(service), held())
    with pytest.raises(Full):
        book("bob", service_id=service.pk, plan=plan(), desired_at=at(to))
    assert (counted(service), held()) == before


def test_within_its_slot_a_booking_moves_although_it_is_full(service: ConfiguredService) -> None:
    for owner in ("ada", "bob"):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at("14:07"))
    assert book("bob", service_id=service.pk, plan=plan(), desired_at=at("14:09")) == at("14:00")
    assert counted(service) == {"14:00": 2}
    assert held() == {"ada": ("14:00", "14:07:00"), "bob": ("14:00", "14:09:00")}


def test_cancelling_gives_the_place_back_once(
    service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for owner in ("ada", "bob"):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at("14:07"))
    with django_assert_num_queries(3):
        assert cancel("ada") is True
    with django_assert_num_queries(2):
        assert cancel("ada") is False
    assert cancel("nobody") is False
    assert (counted(service), held()) == ({"14:00": 1}, {"bob": ("14:00", "14:07:00")})


def test_who_is_forgotten_leaves_a_place_only_where_its_time_has_not_come(service: ConfiguredService) -> None:
    """A place of ten minutes ago was used: the slot that is running does not get it back."""
    for owner, clock in (("ada", "11:50"), ("bob", "12:20"), ("cyd", "14:07"), ("dan", "14:08")):
        book(owner, service_id=service.pk, plan=plan(minutes=60), desired_at=at(clock))
    book("eve", service_id=service.pk, plan=plan(minutes=60), desired_at=at("12:00"))
    forget(["ada", "bob", "cyd", "eve", "nobody"])
    assert counted(service) == {"11:00": 1, "12:00": 1, "14:00": 1}
    assert held() == {"dan": ("14:00", "14:08:00")}


def test_a_lowered_limit_evicts_nobody(service: ConfiguredService) -> None:
    for owner in ("ada", "bob", "cyd"):
        book(owner, service_id=service.pk, plan=plan(limit=3), desired_at=at("14:07"))
    with pytest.raises(Full):
        book("dan", service_id=service.pk, plan=plan(limit=2), desired_at=at("14:07"))
    assert counted(service) == {"14:00": 3}
    cancel("ada")
    with pytest.raises(Full):
        book("dan", service_id=service.pk, plan=plan(limit=2), desired_at=at("14:07"))
    cancel("bob")
    book("dan", service_id=service.pk, plan=plan(limit=2), desired_at=at("14:07"))
    assert (counted(service), list(held())) == ({"14:00": 2}, ["cyd", "dan"])


def test_an_hour_that_comes_twice_is_two_slots(service: ConfiguredService) -> None:
    """On 1 November 2026 clocks in New York go back from 02:00 to 01:00, at 06:00 UTC."""
    first, second = (datetime.fromisoformat(f"2026-11-01T0{hour}:30+00:00") for hour in (5, 6))
    assert first.astimezone(NEW_YORK).time() == second.astimezone(NEW_YORK).time()
    one_each = plan(minutes=60, limit=1, zone=NEW_YORK)
    starts = [
        book(owner, service_id=service.pk, plan=one_each, desired_at=moment)
        for owner, moment in (("ada", first), ("bob", second))
    ]
    assert starts == [first - 30 * MINUTE, second - 30 * MINUTE]
    for moment in (first, second):
        with pytest.raises(Full):
            book("cyd", service_id=service.pk, plan=one_each, desired_at=moment)
    assert counted(service) == {"01 05:00": 1, "01 06:00": 1}


def test_a_longer_bucket_is_noticed_by_the_next_booking_and_evicts_nobody(service: ConfiguredService) -> None:
    for owner, clock in (("ada", "14:07"), ("bob", "14:20"), ("cyd", "14:25"), ("dan", "15:00"), ("eve", "09:10")):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at(clock))
    hourly = plan(minutes=60)
    # What is offered before the next booking is already counted in the new slots.
    assert booked(service, hourly, "14:30", "15:10") == {at("14:00"): 3, at("15:00"): 1}
    book("fay", service_id=service.pk, plan=hourly, desired_at=at("15:59"))
    # What began before now stays as it was counted.
    assert counted(service) == {"09:00": 1, "14:00": 3, "15:00": 2}
    # Within the hour it keeps its place now.
    assert book("bob", service_id=service.pk, plan=hourly, desired_at=at("14:50")) == at("14:00")
    assert counted(service) == {"09:00": 1, "14:00": 3, "15:00": 2}
    cancel("bob")
    cancel("dan")
    assert counted(service) == {"09:00": 1, "14:00": 2, "15:00": 1}
    assert booked(service, hourly, "14:30", "15:10") == {at("14:00"): 2, at("15:00"): 1}


def test_a_shorter_bucket_of_the_running_hour_counts_what_is_booked_in_it(service: ConfiguredService) -> None:
    for owner, clock in (("ada", "12:01"), ("bob", "12:20")):
        book(owner, service_id=service.pk, plan=plan(minutes=60), desired_at=at(clock))
    book("cyd", service_id=service.pk, plan=plan(minutes=15), desired_at=at("12:16"))
    assert counted(service) == {"12:00": 1, "12:15": 2}
    cancel("bob")
    assert counted(service) == {"12:00": 1, "12:15": 1}


def test_another_zone_cuts_other_slots(service: ConfiguredService) -> None:
    """Full hours in Kathmandu begin at a quarter past in UTC."""
    for owner, clock in (("ada", "14:10"), ("bob", "14:20"), ("cyd", "15:10")):
        book(owner, service_id=service.pk, plan=plan(minutes=60), desired_at=at(clock))
    moved = plan(minutes=60, zone=KATHMANDU)
    with pytest.raises(Full), transaction.atomic():
        book("dan", service_id=service.pk, plan=moved, desired_at=at("14:30"))
    assert counted(service) == {"14:00": 2, "15:00": 1}
    book("dan", service_id=service.pk, plan=moved, desired_at=at("15:30"))
    assert counted(service) == {"13:15": 1, "14:15": 2, "15:15": 1}
    assert SlotCalendar.objects.filter(service=service).values_list("minutes", "zone").get() == (60, "Asia/Kathmandu")


def test_what_is_booked_is_read_by_one_statement(
    service: ConfiguredService, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(2):
        assert booked(service, plan(), "14:00", "15:00") == {}
    for owner, clock in (("ada", "13:59"), ("bob", "14:00"), ("cyd", "14:59"), ("dan", "15:00")):
        book(owner, service_id=service.pk, plan=plan(), desired_at=at(clock))
    with django_assert_num_queries(1):
        assert booked(service, plan(), "14:07", "15:00") == {at("14:00"): 1, at("14:45"): 1}
    with django_assert_num_queries(0):
        assert booked(service, plan(), "15:00", "15:00") == {}


def test_counters_go_a_day_after_their_slot(service: ConfiguredService) -> None:
    for owner, moment in (("ada", at("11:59", 1)), ("bob", at("12:00", 1)), ("cyd", at("14:00"))):
        book(owner, service_id=service.pk, plan=plan(), desired_at=moment)
    assert forget_past(NOON) == 1
    assert counted(service) == {"01 12:00": 1, "14:00": 1}
    # Its booking outlives the counter, also one that has begun anew since.
    book("dan", service_id=service.pk, plan=plan(), desired_at=at("11:58", 1))
    assert (cancel("dan"), cancel("ada")) == (True, True)
    assert counted(service) == {"01 11:45": 0, "01 12:00": 1, "14:00": 1}
    assert list(held()) == ["bob", "cyd"]


def test_a_deleted_service_takes_its_bookings_along(service: ConfiguredService) -> None:
    other = ServiceFactory.create(name="other")
    book("ada", service_id=service.pk, plan=plan(), desired_at=at("14:00"))
    book("bob", service_id=other.pk, plan=plan(), desired_at=at("14:00"))
    service.delete()
    assert list(held()) == ["bob"]
    assert list(SlotCounter.objects.values_list("service_id", flat=True)) == [other.pk]
    assert list(SlotCalendar.objects.values_list("service_id", flat=True)) == [other.pk]


def test_a_counter_is_never_negative(service: ConfiguredService) -> None:
    with pytest.raises(IntegrityError, match="slot_counter_not_negative"), transaction.atomic():
        SlotCounter.objects.create(service=service, start=NOON, booked=-1)


# Races. Each thread has a connection of its own, and each test a control: the same without the guard.


@pytest.fixture
def shared(transactional_db: None) -> ConfiguredService:
    """A service that other connections see."""
    return ServiceFactory.create()


@contextlib.contextmanager
def connected() -> Iterator[None]:
    """A transaction on this thread's own connection; patient, because the machine may be busy."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '30s'")
            yield
    finally:
        connection.close()


def together(*works: Callable[[], Answer]) -> list[Answer | Exception]:
    """Each in a thread and a transaction of its own, all at the same moment; what they return or raise."""
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], Answer]) -> Answer | Exception:
        try:
            with connected():
                barrier.wait(timeout=60)
                return work()
        except (Full, OperationalError, IntegrityError) as error:
            return error

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def booking(service: ConfiguredService, owner: str, clock: str, cut: Plan) -> Callable[[], datetime]:
    return lambda: book(owner, service_id=service.pk, plan=cut, desired_at=at(clock))


def compare_then_write(service_id: int, slot: Slot, limit: int) -> bool:
    """A quota by read, compare, save: what `_take` must not be."""
    start = slot.start
    counter, _ = SlotCounter.objects.get_or_create(service_id=service_id, start=start, defaults={"booked": 0})
    if counter.booked >= limit:
        return False
    time.sleep(0.05)
    SlotCounter.objects.filter(service_id=service_id, start=start).update(booked=counter.booked + 1)
    return True


@pytest.mark.parametrize("guarded", [True, False])
def test_64_at_once_for_a_slot_of_10_are_exactly_10(
    shared: ConfiguredService, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(bookings, "_take", compare_then_write)
    ten = plan(minutes=60, limit=10)
    answers = together(*[booking(shared, f"owner{n}", "14:30", ten) for n in range(64)])
    assert len(answers) == 64
    if guarded:
        assert answers.count(at("14:00")) == 10
        assert sum(isinstance(answer, Full) for answer in answers) == 54
        assert (Booking.objects.count(), counted(shared)) == (10, {"14:00": 10})
    else:
        assert Booking.objects.count() > 10


def test_who_was_refused_holds_nobody_up(shared: ConfiguredService) -> None:
    """Of a full slot that many ask for, a refused one still has its answer to work out when the next one comes."""
    book("ada", service_id=shared.pk, plan=plan(limit=1), desired_at=at("14:07"))

    def cancel_at_once() -> bool:
        with connected(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '100ms'")
            return cancel("ada")

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        with pytest.raises(Full):
            book("bob", service_id=shared.pk, plan=plan(limit=1), desired_at=at("14:07"))
        assert pool.submit(cancel_at_once).result(timeout=30) is True
    assert counted(shared) == {"14:00": 0}


def read_then_delete(owners: list[str], *, used_before: datetime | None = None) -> int:
    """What `_delete` must not be: two who read the booking both give its place back."""
    rows = list(Booking.objects.filter(owner__in=owners))
    time.sleep(0.2)
    for row in rows:
        Booking.objects.filter(pk=row.pk).delete()
        bookings._give(row.service_id, at("14:00"))
    return len(rows)


@pytest.mark.parametrize("guarded", [True, False])
def test_of_two_who_cancel_at_once_one_gives_the_place_back(
    shared: ConfiguredService, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    for owner in ("ada", "bob", "cyd"):
        book(owner, service_id=shared.pk, plan=plan(limit=3), desired_at=at("14:07"))
    if not guarded:
        monkeypatch.setattr(bookings, "_delete", read_then_delete)
    answers = together(lambda: cancel("ada"), lambda: cancel("ada"))
    if guarded:
        assert sorted(map(str, answers)) == ["False", "True"]
        assert counted(shared) == {"14:00": 2}
    else:
        assert answers == [True, True]
        assert counted(shared) == {"14:00": 1}
    assert list(held()) == ["bob", "cyd"]


def take_then_give(service_id: int, held: datetime, slot: Slot, limit: int) -> None:
    """What `_exchange` must not be: the new slot first, wherever it lies."""
    if not bookings._take(service_id, slot, limit):
        raise Full
    bookings._give(service_id, held)


@pytest.mark.parametrize("guarded", [True, False])
def test_two_who_move_in_opposite_directions_do_not_block_each_other(
    shared: ConfiguredService, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    for owner, clock in (("ada", "14:00"), ("bob", "15:00")):
        book(owner, service_id=shared.pk, plan=plan(), desired_at=at(clock))
    if not guarded:
        monkeypatch.setattr(bookings, "_exchange", take_then_give)
    for name in ("_take", "_give"):
        monkeypatch.setattr(bookings, name, slowly(getattr(bookings, name)))
    answers = together(booking(shared, "ada", "15:00", plan()), booking(shared, "bob", "14:00", plan()))
    if guarded:
        assert answers == [at("15:00"), at("14:00")]
        assert held() == {"ada": ("15:00", "15:00:00"), "bob": ("14:00", "14:00:00")}
        assert counted(shared) == {"14:00": 1, "15:00": 1}
    else:
        (refused,) = (answer for answer in answers if isinstance(answer, Exception))
        assert "deadlock detected" in str(refused)


def slowly(change: Callable[..., bool]) -> Callable[..., bool]:
    """Long enough after the first counter for the other to have locked its own."""

    def changed(*args: object) -> bool:
        outcome = change(*args)
        time.sleep(0.5)
        return outcome

    return changed


def not_held(service_id: int, cut: Plan) -> bool:
    """What `_share_calendar` must not be: it looks, but holds nothing."""
    return SlotCalendar.objects.filter(pk=service_id, minutes=cut.minutes, zone=cut.zone.key).exists()


@pytest.mark.parametrize(
    ("change", "guarded", "after"),
    [
        ("book", True, {"14:00": 3}),
        # Who was being booked is in a slot that is no more.
        ("book", False, {"14:00": 2, "14:15": 1}),
        ("cancel", True, {"14:00": 1}),
        # Who was being cancelled was counted, and keeps a place for ever.
        ("cancel", False, {"14:00": 2}),
    ],
)
def test_counting_anew_waits_for_whoever_is_booking(
    shared: ConfiguredService, monkeypatch: pytest.MonkeyPatch, change: str, guarded: bool, after: dict[str, int]
) -> None:
    book("ada", service_id=shared.pk, plan=plan(), desired_at=at("14:10"))
    if not guarded:
        monkeypatch.setattr(bookings, "_share_calendar", not_held)
        monkeypatch.setattr(bookings, "_delete", read_then_delete)

    def book_hourly() -> None:
        with connected():
            book("cyd", service_id=shared.pk, plan=plan(minutes=60, limit=9), desired_at=at("14:40"))

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            if change == "book":
                book("bob", service_id=shared.pk, plan=plan(), desired_at=at("14:20"))
            else:
                cancel("ada")
            counting = pool.submit(book_hourly)
            time.sleep(0.5)
            assert not (guarded and counting.done())
        counting.result(timeout=30)
    assert counted(shared) == after


def test_many_who_notice_a_change_at_once_count_once(shared: ConfiguredService) -> None:
    book("ada", service_id=shared.pk, plan=plan(limit=20), desired_at=at("14:10"))
    hourly = plan(minutes=60, limit=20)
    answers = together(*[booking(shared, f"owner{n}", "14:50", hourly) for n in range(16)])
    assert answers == [at("14:00")] * 16
    assert counted(shared) == {"14:00": 17}
    assert len(held()) == 17
