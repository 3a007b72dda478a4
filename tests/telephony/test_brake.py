"""The brake on spending, and how often one number is dialled: counted to the last dial, told, and released."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from telephony import brake
from telephony.brake import Allowance, Limit, Period, counted_as
from telephony.models import BrakeRelease, DialCount, NumberDials
from telephony.upwards import Refusal

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 12, 40, tzinfo=UTC)
ADA, BOB = counted_as("+49 30 123456", ""), counted_as("+49 30 654321", "")
ONE_O_CLOCK = datetime(2026, 6, 10, 13, 0, tzinfo=UTC)
MIDNIGHT = datetime(2026, 6, 11, 0, 0, tzinfo=UTC)


def limits(service: str = "billing", **most: int) -> list[Limit]:
    hour, day, all_hour, all_day = (most.get(name, 0) for name in ("hour", "day", "all_hour", "all_day"))
    return [
        Limit(service, Period.HOUR, hour, "_max_dials_per_hour"),
        Limit(service, Period.DAY, day, "_max_dials_per_day"),
        Limit(DialCount.ALL, Period.HOUR, all_hour, "_max_dials_per_hour_all_services"),
        Limit(DialCount.ALL, Period.DAY, all_day, "_max_dials_per_day_all_services"),
    ]


def dial(
    of: Sequence[Limit] = (), *, number: str = ADA, per_day: int = 0, per_week: int = 0, now: datetime = NOW
) -> Refusal | None:
    with transaction.atomic():
        return brake.count(Allowance(number, per_day, per_week, tuple(of)), now)


def counted() -> dict[tuple[str, str], int]:
    return {(row.service, row.period): row.dials for row in DialCount.objects.all()}


@pytest.fixture(autouse=True)
def in_utc(settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"


class TestTheBrake:
    def test_a_dial_counts_for_its_service_and_for_all(self) -> None:
        assert dial(limits()) is None
        assert dial(limits()) is None
        assert dial(limits(service="sales")) is None
        assert counted() == {
            ("billing", "hour"): 2,
            ("billing", "day"): 2,
            ("sales", "hour"): 1,
            ("sales", "day"): 1,
            ("", "hour"): 3,
            ("", "day"): 3,
        }

    @pytest.mark.parametrize(
        ("most", "said", "ends"),
        [
            ({"hour": 2}, "at most 2 are dialled per hour for service billing (_max_dials_per_hour)", ONE_O_CLOCK),
            ({"day": 2}, "at most 2 are dialled per day for service billing (_max_dials_per_day)", MIDNIGHT),
            (
                {"all_hour": 2},
                "at most 2 are dialled per hour for all services (_max_dials_per_hour_all_services)",
                ONE_O_CLOCK,
            ),
            (
                {"all_day": 2},
                "at most 2 are dialled per day for all services (_max_dials_per_day_all_services)",
                MIDNIGHT,
            ),
        ],
    )
    def test_beyond_a_limit_nobody_is_dialled_until_the_hour_or_day_is_over(
        self, most: dict[str, int], said: str, ends: datetime
    ) -> None:
        allowed = Allowance(ADA, 0, 0, tuple(limits("billing", **most)))
        assert brake.refusal(allowed, NOW) is None
        assert dial(limits("billing", **most)) is None
        assert dial(limits("billing", **most)) is None
        before = counted()
        assert dial(limits("billing", **most), per_day=9) == Refusal(
            f"the spending brake is pulled: {said}", retry_at=ends
        )
        # What was refused is counted nowhere: not for the others, and not for the number.
        assert counted() == before
        assert not NumberDials.objects.exists()
        assert brake.refusal(allowed, NOW) == Refusal(f"the spending brake is pulled: {said}", retry_at=ends)
        assert dial(limits("billing", **most), now=ends) is None

    def test_a_service_that_has_used_up_its_own_leaves_the_others_alone(self) -> None:
        assert dial(limits(hour=1)) is None
        assert dial(limits(hour=1)) is not None
        assert dial(limits(hour=1, service="sales")) is None

    def test_a_limit_that_is_set_or_lowered_counts_at_once(self) -> None:
        for _ in range(3):
            assert dial(limits(hour=10)) is None
        assert dial(limits(hour=2)) is not None
        [pulled] = brake.pulled(NOW)
        assert (pulled.service, pulled.period, pulled.dials, pulled.most) == ("billing", "hour", 3, 2)
        assert dial(limits(hour=10)) is None
        assert brake.pulled(NOW) == []

    def test_a_day_is_a_day_of_the_office(self, settings: Settings) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        evening = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
        begins, ends = Period.DAY.span(evening)
        assert begins == datetime(2026, 10, 24, 22, 0, tzinfo=UTC)
        # That night summer time ends: the day has 25 hours.
        assert ends - begins == timedelta(hours=25)
        assert Period.HOUR.span(evening) == (evening - timedelta(minutes=30), evening + timedelta(minutes=30))

    def test_it_is_marked_and_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        assert dial(limits(hour=1)) is None
        for minute in range(3):
            assert dial(limits(hour=1), now=NOW + timedelta(minutes=minute)) is not None
        [pulled] = brake.pulled(NOW + timedelta(minutes=3))
        assert pulled.pulled_at == NOW
        assert [record.getMessage() for record in caplog.records] == [
            "the spending brake is pulled: at most 1 are dialled per hour for service billing "
            "(_max_dials_per_hour); nothing more is dialled until 2026-06-10 13:00 UTC"
        ]
        assert brake.pulled(ONE_O_CLOCK) == []

    def test_a_release_lets_as_many_more_be_dialled_and_is_kept(self) -> None:
        for _ in range(2):
            assert dial(limits(hour=2)) is None
        assert dial(limits(hour=2)) is not None
        [pulled] = brake.pulled(NOW)
        released = brake.release(pulled.pk, by="sue", reason="A mailing went out", now=NOW)
        assert released is not None
        [kept] = BrakeRelease.objects.values_list("service", "period", "begins_at", "extra", "released_by", "reason")
        assert kept == ("billing", "hour", NOW.replace(minute=0), 2, "sue", "A mailing went out")
        assert [dial(limits(hour=2)) is None for _ in range(4)] == [True, True, False, False]
        # The next hour is an hour like any other.
        assert [dial(limits(hour=2), now=ONE_O_CLOCK) is None for _ in range(3)] == [True, True, False]

    def test_what_is_not_pulled_cannot_be_released(self) -> None:
        assert dial(limits(hour=1)) is None
        row = DialCount.objects.get(service="billing", period="hour")
        assert brake.release(row.pk, by="sue", reason="why not", now=NOW) is None
        assert dial(limits(hour=1)) is not None
        assert brake.release(row.pk, by="sue", reason="too late", now=ONE_O_CLOCK) is None
        assert brake.release(row.pk, by="sue", reason="first", now=NOW) is not None
        assert brake.release(row.pk, by="bob", reason="second", now=NOW) is None
        assert BrakeRelease.objects.count() == 1

    def test_old_counts_are_removed(self) -> None:
        dial(limits(), per_day=9)
        later = NOW + timedelta(days=6, hours=23)
        dial(limits(), number=BOB, per_day=9, now=later)
        assert brake.sweep(NOW + timedelta(days=7)) == 1
        assert [held.pk for held in NumberDials.objects.all()] == [BOB]
        assert brake.sweep(NOW + timedelta(days=9)) == 4
        assert set(DialCount.objects.values_list("begins_at", flat=True)) == {
            Period.HOUR.span(later)[0],
            Period.DAY.span(later)[0],
        }


class TestOneNumber:
    def test_a_number_is_the_same_however_it_is_written(self) -> None:
        same = {
            counted_as(number, country)
            for number, country in (("+4930123456", ""), ("030 123456", "DE"), ("0049 30 123456", "DE"))
        }
        assert len(same) == 1
        assert counted_as("5115", "US") == counted_as("51-15", "")
        assert counted_as("5115", "") != counted_as("5116", "")
        # Nobody can tell the number by it.
        assert "123456" not in counted_as("+4930123456", "")

    def test_so_often_in_a_day_for_whichever_service(self) -> None:
        for hour in range(3):
            service = "billing" if hour else "sales"
            assert dial(limits(service=service), per_day=3, now=NOW + timedelta(hours=hour)) is None
        refused = dial(limits(), per_day=3, now=NOW + timedelta(hours=3))
        assert refused == Refusal(
            "the number was dialled 3 times within 24 hours, for whichever service (_max_attempts_per_number_per_day)",
            retry_at=NOW + timedelta(hours=24),
        )
        assert brake.refusal(Allowance(ADA, 3, 0, ()), NOW + timedelta(hours=3)) == refused
        assert dial(limits(), number=BOB, per_day=3, now=NOW + timedelta(hours=3)) is None
        assert counted()["", "day"] == 4
        # As the first of them is a day ago there is room for one, and only one.
        assert dial(limits(), per_day=3, now=NOW + timedelta(hours=24)) is None
        assert dial(limits(), per_day=3, now=NOW + timedelta(hours=24, minutes=1)) is not None

    def test_so_often_in_a_week(self) -> None:
        for day in range(4):
            assert dial(per_week=4, per_day=2, now=NOW + timedelta(days=day)) is None
        refused = dial(per_week=4, per_day=2, now=NOW + timedelta(days=4))
        assert refused == Refusal(
            "the number was dialled 4 times within 7 days, for whichever service (_max_attempts_per_number_per_week)",
            retry_at=NOW + timedelta(days=7),
        )
        assert dial(per_week=4, per_day=2, now=NOW + timedelta(days=7)) is None
        assert len(NumberDials.objects.get().dialled) == 4

    def test_without_a_limit_it_is_not_even_kept(self) -> None:
        assert dial() is None
        assert not NumberDials.objects.exists()

    def test_it_can_be_forgotten(self) -> None:
        dial(per_day=1)
        assert brake.forget("030 123456", "DE") == 1
        assert brake.forget("030 123456", "DE") == 0
        assert dial(per_day=1) is None
