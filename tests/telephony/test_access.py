"""Access numbers: booked once or with codes that differ, exactly as many as there are; found when the call comes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from services.models import ConfiguredService, NamedList, Section
from telephony import access, access_codes
from telephony.access import Booking, Exhausted, Health, Match, PrefixTooLarge, PrefixTooLong, UnknownGroup
from telephony.models import AccessBooking
from tests.factories import NOON

ADA, BOB = "+493055550100", "+493055550101"
SECOND = timedelta(seconds=1)


def make_pools(**groups: dict[str, str]) -> None:
    NamedList.objects.update_or_create(name="GMS_Resources", defaults={"sections": groups})


def make_pool(*numbers: str, allocation: str = "CLUSTER", **options: str) -> None:
    make_pools(DNIS={"_allocation": allocation, **options, **{f"n{i}": each for i, each in enumerate(numbers)}})


def book(owner: str, phone: str = "", **changes: Any) -> Booking:
    asked = {"group": "DNIS", "code_length": 0, "seconds": 30, "now": NOON, **changes}
    return access.book(owner=owner, phone_number=phone, **asked)


def match(number: str, phone: str = "", *, after: int = 0) -> Match:
    return access.match(access_number=number, phone_number=phone, now=NOON + after * SECOND)


def test_a_number_is_held_for_one_owner_until_the_booking_ends(
    db: None, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_pool("8001")
    with django_assert_num_queries(6):
        assert book("ada", ADA) == Booking("ada", "8001", "", NOON + 30 * SECOND)
    with pytest.raises(Exhausted, match=r"^No access number of DNIS is free\.$"):
        book("bob", BOB, now=NOON + 29 * SECOND)
    assert access.booking_of("bob") is None
    assert book("bob", BOB, now=NOON + 30 * SECOND).number == "8001"
    assert access.booking_of("ada") is None


def test_a_released_number_is_free_for_the_next(db: None) -> None:
    make_pool("8001", allocation="LOCAL")
    book("ada")
    access.release("ada")
    access.release("ada")
    assert book("bob").number == "8001"


def test_a_later_booking_of_an_owner_replaces_the_earlier_one_unless_it_fails(db: None) -> None:
    make_pools(DNIS={"_allocation": "CLUSTER", "a": "8001"}, VIP={"_allocation": "CLUSTER", "a": "8002"})
    book("ada")
    book("ada")
    book("bob", group="VIP")
    with pytest.raises(Exhausted):
        book("ada", group="VIP")
    assert access.booking_of("ada") == Booking("ada", "8001", "", NOON + 30 * SECOND)
    assert AccessBooking.objects.count() == 2


def test_a_number_in_two_pools_is_held_once(db: None) -> None:
    make_pools(DNIS={"a": "8001"}, VIP={"a": "80 01", "b": "8002"})
    book("ada")
    assert book("bob", group="VIP").number == "8002"


def test_a_free_number_is_preferred_to_one_whose_late_caller_may_still_come(db: None) -> None:
    make_pool("8001", "8002")
    late = book("ada")
    assert book("bob", now=NOON + timedelta(minutes=1)).number == {"8001": "8002", "8002": "8001"}[late.number]


def test_any_number_of_a_random_pool_is_given_to_any_number_of_people(db: None) -> None:
    make_pool("8001", allocation="RANDOM")
    assert {book(f"owner{n}", f"+4930555500{n:02}").number for n in range(20)} == {"8001"}
    assert match("8001", "+493055550007") == Match("owner7", needs_code=False)


@pytest.mark.parametrize("allocation", ["RANDOM", "LOCAL", "CLUSTER"])
def test_with_codes_a_number_serves_as_many_as_there_are_codes(db: None, allocation: str) -> None:
    make_pool("8001", allocation=allocation)
    codes = [book(f"owner{n}", code_length=1, now=NOON + n * SECOND).code for n in range(10)]
    assert sorted(codes) == list("0123456789")
    with pytest.raises(Exhausted):
        book("one too many", code_length=1, now=NOON + 29 * SECOND)
    # The code of who came first is free again, and no other.
    assert book("late", code_length=1, now=NOON + 30 * SECOND).code == codes[0]
    assert access.booking_of("owner0") is None


def test_codes_share_a_number_only_when_there_is_no_other(db: None) -> None:
    make_pool("8001", "8002")
    assert {book(owner, code_length=4).number for owner in ("ada", "bob")} == {"8001", "8002"}
    assert book("cyd", code_length=4).number in {"8001", "8002"}


def test_who_needs_a_number_without_a_code_gets_one_without_codes(db: None) -> None:
    make_pool("8001", "8002")
    coded = book("ada", code_length=4).number
    other = {"8001": "8002", "8002": "8001"}[coded]
    assert book("bob").number == other
    with pytest.raises(Exhausted):
        book("cyd")
    assert book("dan", code_length=4).number == coded


@pytest.mark.parametrize(
    ("groups", "group"),
    [({}, "DNIS"), ({"DNIS": {"a": "8001"}}, "VIP"), ({"DNIS": {"_allocation": "LOCAL", "a": "no number"}}, "DNIS")],
)
def test_a_pool_that_is_not_there_or_empty(db: None, groups: dict[str, Any], group: str) -> None:
    make_pools(**groups)
    with pytest.raises(UnknownGroup, match=rf"^GMS_Resources has no section {group} with access numbers\.$"):
        book("ada", group=group)


@pytest.mark.parametrize(("of_the_pool", "seconds", "held"), [("", 0, 30), ("60", 0, 60), ("60", 90, 90), ("4", 0, 30)])
def test_how_long_a_booking_lasts(db: None, of_the_pool: str, seconds: int, held: int) -> None:
    make_pool("8001", _booking_expiration_timeout=of_the_pool)
    assert book("ada", seconds=seconds).expires_at == NOON + held * SECOND


@pytest.mark.parametrize(("options", "seconds"), [({}, 0), ({"_booking_expiration_timeout": "45"}, 45)])
def test_a_preset_leaves_it_to_the_pool_how_long_a_booking_lasts(
    db: None, options: dict[str, str], seconds: int
) -> None:
    service = ConfiguredService(type="callback", configuration="User Originated Immediate", options=options)
    assert access.seconds_of(service) == seconds


class TestMatching:
    @pytest.mark.parametrize("caller", [ADA, "493055550100", "030 5555-0100", "3055550100", ""])
    def test_the_owner_of_a_number_is_known_by_it(self, db: None, caller: str) -> None:
        """Also by callers who withhold their number, or whose trunk writes it in another way."""
        make_pool("8001", "8002")
        number = book("ada", ADA).number
        assert match(number, caller) == Match("ada", needs_code=False)

    @pytest.mark.parametrize("number", ["8001", "8002", "98001", "", "not a number"])
    def test_strangers_are_nobody(self, db: None, number: str) -> None:
        make_pool("8001", "8002")
        held = book("ada", ADA).number
        assert match(number, BOB if number == held else ADA) == Match("", needs_code=False)

    def test_nobody_is_known_after_the_booking_ended(self, db: None) -> None:
        make_pool("8001")
        book("ada", ADA)
        assert match("8001", ADA, after=29) == Match("ada", needs_code=False)
        assert match("8001", ADA, after=30) == Match("", needs_code=False)

    def test_an_access_number_is_known_with_and_without_its_country_code(self, db: None) -> None:
        make_pool("+493055551234")
        book("ada", ADA)
        assert match("03055551234", ADA).owner == match("493055551234", ADA).owner == "ada"

    def test_who_asked_last_from_the_same_phone_is_who_calls(self, db: None) -> None:
        make_pool("8001", allocation="RANDOM")
        book("first", ADA)
        book("second", ADA, now=NOON + SECOND)
        assert match("8001", ADA, after=2).owner == "second"

    def test_two_who_could_be_meant_are_not_guessed_at(self, db: None) -> None:
        make_pool("8001", allocation="RANDOM")
        book("ada", ADA)
        assert match("8001").owner == "ada"
        book("bob", BOB)
        assert match("8001").owner == ""

    def test_a_code_is_asked_for_even_of_a_known_phone(self, db: None) -> None:
        make_pool("8001")
        booking = book("ada", ADA, code_length=4)
        assert match("8001", ADA) == Match("", needs_code=True)
        given: dict[str, Any] = {"access_number": "8001", "now": NOON}
        assert access.match_code(code=booking.code, **given) == "ada"
        wrong = f"{(int(booking.code) + 1) % 10_000:04}"
        assert access.match_code(code=wrong, **given) == ""
        assert access.match_code(code="", **given) == ""
        assert access.match_code(code=booking.code, access_number="8002", now=NOON) == ""
        assert access.match_code(code=booking.code, access_number="8001", now=NOON + 30 * SECOND) == ""

    def test_a_code_is_asked_for_rather_than_guessing_who_withholds_a_number(self, db: None) -> None:
        make_pool("8001", allocation="RANDOM")
        book("ada", ADA)
        book("bob", BOB, code_length=4)
        assert match("8001") == Match("", needs_code=True)
        assert match("8001", ADA) == Match("ada", needs_code=False)


def test_who_asks_no_code_is_told_the_only_owner_of_one(db: None) -> None:
    make_pool("8001")
    asked: dict[str, Any] = {"access_number": "8001", "now": NOON}
    book("ada", ADA, code_length=4)
    assert access.owner_of(phone_number="", **asked) == access.owner_of(phone_number=ADA, **asked) == "ada"
    assert access.owner_of(phone_number=BOB, **asked) == ""
    book("bob", BOB, code_length=4)
    assert access.owner_of(phone_number="", **asked) == ""
    assert access.owner_of(phone_number=BOB, **asked) == "bob"
    book("cyd", group="DNIS", code_length=4)
    assert access.owner_of(phone_number=BOB, **asked) == ""


def test_pool_health_counts_numbers_that_are_held(db: None) -> None:
    make_pool("8001", "8002", "8003")
    for owner in ("ada", "bob", "cyd", "dan"):
        book(owner, code_length=4)
    assert access.health("DNIS", NOON) == Health(size=3, booked=3)
    assert access.health("DNIS", NOON + 30 * SECOND) == Health(size=3, booked=0)
    make_pool("8001", allocation="RANDOM")
    assert access.health("DNIS", NOON) is None


def test_the_sweep_removes_what_has_ended_and_nothing_else(db: None) -> None:
    make_pool("8001", "8002")
    book("ada")
    book("bob", seconds=60)
    assert access.delete_expired(NOON + 30 * SECOND) == 1
    assert list(AccessBooking.objects.values_list("owner", flat=True)) == ["bob"]
    access.forget(["bob"])
    assert not AccessBooking.objects.exists()


class TestCodes:
    @pytest.mark.parametrize(
        ("prefix", "length", "begins"),
        [
            ("", 2, set("0123456789")),
            ("9", 4, {"9"}),
            ("7-9", 2, set("789")),
            ("07-08", 3, {"0"}),
            ("9-7", 2, set("789")),
        ],
    )
    def test_all_codes_of_a_prefix(self, prefix: str, length: int, begins: set[str]) -> None:
        codes = access_codes.codes(length, prefix)
        many = codes.many()
        assert {code[0] for code in many} == begins
        assert {len(code) for code in [*many, *codes.few()]} == {length}
        assert len(many) == len(set(many)) == {"": 100, "9": 1000, "7-9": 30, "07-08": 20, "9-7": 30}[prefix]
        assert set(codes.few()) <= set(many)

    def test_more_codes_than_anybody_needs(self) -> None:
        many = access_codes.codes(12, "0-2147483647").many()
        assert 9_900 < len(many) <= 10_000
        assert {len(code) for code in many} == {12}

    @pytest.mark.parametrize(("prefix", "length"), [("12345", 5), ("123", 1), ("9-10", 2)])
    def test_a_prefix_that_leaves_nothing_to_chance(self, prefix: str, length: int) -> None:
        with pytest.raises(PrefixTooLong, match=r"^n must be positive$"):
            access_codes.codes(length, prefix)

    @pytest.mark.parametrize(
        ("prefix", "named"), [("2147483648", "2147483648"), ("7-99999999999", "99999999999"), ("nine", "nine")]
    )
    def test_a_prefix_that_is_too_large(self, prefix: str, named: str) -> None:
        with pytest.raises(PrefixTooLarge, match=rf'^For input string: "{named}"$'):
            access_codes.codes(20, prefix)

    def test_the_prefix_of_the_server_begins_the_codes(self, db: None) -> None:
        Section.objects.create(name="server", options={"access_code_prefix": "7-9"})
        make_pool("8001")
        codes = [book(f"owner{n}", code_length=4).code for n in range(20)]
        assert len(set(codes)) == 20
        assert {code[0] for code in codes} <= set("789")
        assert {len(code) for code in codes} == {4}


WORKERS = 64
NUMBERS = 40


@pytest.fixture
def constraint(request: pytest.FixtureRequest) -> Iterator[bool]:
    """The guard; taken away for the test where the parameter is false."""
    if request.param:
        yield True
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX access_booked_once")
    yield False
    AccessBooking.objects.all().delete()
    with connection.schema_editor() as editor:
        editor.execute(
            "CREATE UNIQUE INDEX access_booked_once ON telephony_accessbooking (number, code) WHERE NOT shared"
        )


def at_once(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[Booking]:
    """What 64 who ask at once are given; each has looked for a free number before any of them takes one."""
    all_looked, look = threading.Barrier(WORKERS), access._free
    have_looked = threading.local()

    def look_and_wait(*args: Any) -> tuple[str, str] | None:
        found = look(*args)
        if not hasattr(have_looked, "once"):
            have_looked.once = True
            all_looked.wait(timeout=60)
        return found

    def ask(n: int) -> Booking | None:
        try:
            with suppress(Exhausted):
                return book(f"owner{n}", **changes)
            return None
        finally:
            connection.close()

    monkeypatch.setattr(access, "_free", look_and_wait)
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = list(pool.map(ask, range(WORKERS)))
    return [answer for answer in answers if answer]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("constraint", [True, False], indirect=True, ids=["guarded", "unguarded"])
def test_of_64_at_once_as_many_get_a_number_as_there_are_and_each_another(
    constraint: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pool(*(f"8{n:03}" for n in range(NUMBERS)))
    given = Counter(booking.number for booking in at_once(monkeypatch))
    if constraint:
        assert len(given) == NUMBERS
        assert set(given.values()) == {1}
    else:
        assert max(given.values()) > 1
    assert AccessBooking.objects.count() == given.total()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("constraint", [True, False], indirect=True, ids=["guarded", "unguarded"])
def test_of_64_at_once_no_two_have_the_same_number_and_code(constraint: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    make_pool("8001", "8002", "8003")
    given = Counter((booking.number, booking.code) for booking in at_once(monkeypatch, code_length=1))
    if constraint:
        assert len(given) == 30
        assert set(given.values()) == {1}
    else:
        assert max(given.values()) > 1


@pytest.mark.django_db(transaction=True)
def test_of_64_at_once_each_expired_booking_is_taken_over_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    make_pool("8001", "8002", "8003", "8004")
    for n in range(4):
        book(f"before{n}")
    given = [booking.number for booking in at_once(monkeypatch, now=NOON + 30 * SECOND)]
    assert sorted(given) == ["8001", "8002", "8003", "8004"]
    assert AccessBooking.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_of_64_bookings_of_one_owner_at_once_one_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    make_pool("8001", "8002")
    with ThreadPoolExecutor(8) as pool:

        def ask(n: int) -> None:
            try:
                book("ada")
            finally:
                connection.close()

        list(pool.map(ask, range(WORKERS)))
    assert [row.owner for row in AccessBooking.objects.all()] == ["ada"]


@pytest.mark.django_db
def test_the_database_holds_no_number_twice() -> None:
    row = {"group": "DNIS", "number": "8001", "expires_at": NOON}
    AccessBooking.objects.create(owner="ada", **row)
    AccessBooking.objects.create(owner="bob", code="1", **row)
    AccessBooking.objects.create(owner="cyd", shared=True, **row)
    for twice in ({"code": ""}, {"code": "1"}, {"code": "2", "shared": True}):
        with pytest.raises(IntegrityError), transaction.atomic():
            AccessBooking.objects.create(owner="dan", **row, **twice)
