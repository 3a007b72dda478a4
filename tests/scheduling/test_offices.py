"""Office hours, capacity and plans, read from what is configured."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from pytest_django import DjangoAssertNumQueries

from scheduling.hours import OfficeHours
from scheduling.offices import Unreadable, capacity, capacity_of, hours_of, office_hours, plan_of
from scheduling.slots import slot_of
from services.models import ConfiguredService
from services.readiness import Readiness
from tests.factories import ServiceFactory

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")


def make_office(name: str, zone: str = "Europe/Berlin", **options: str) -> ConfiguredService:
    return ServiceFactory.create(
        name=name, type="office-hours", configuration="Custom", options={"_timezone": zone, **options}
    )


def make_capacity(name: str, **options: str) -> ConfiguredService:
    return ServiceFactory.create(
        name=name, type="capacity", configuration="Custom", options={"_timezone": "America/Toronto", **options}
    )


def change(service: ConfiguredService, **options: str) -> None:
    service.options.update(options)
    service.save(update_fields=["options"])


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def week(hours: OfficeHours, first: str = "2026-06-29", last: str = "2026-07-06") -> list[str]:
    """When it is open, as its own clock shows it; by default in the week of Wednesday, 1 July 2026."""
    start, end = (datetime.fromisoformat(day).replace(tzinfo=hours.zone).astimezone(UTC) for day in (first, last))
    shown = [(p.start.astimezone(hours.zone), p.end.astimezone(hours.zone)) for p in hours.periods(start, end)]
    return [f"{opens:%a %H:%M} to {closes:%a %H:%M}" for opens, closes in shown]


def refusal(name: str) -> str:
    with pytest.raises(Unreadable) as caught:
        office_hours(name)
    return str(caught.value)


def test_the_texts_of_a_service_are_its_hours() -> None:
    make_office(
        "office",
        _bh_regular1="Mon-Fri 9:00-17:00",
        _bh_regular10="Sat 10:00-12:00",
        _bh_regular2="",
        _bh_add1="2026-07-05 10:00-11:00",
        _holiday1="2026-07-02",
        _effective_dates1="2026-06-30 to 2026-07-31",
    )
    assert week(office_hours("office")) == [
        "Tue 09:00 to Tue 17:00",
        "Wed 09:00 to Wed 17:00",
        "Fri 09:00 to Fri 17:00",
        "Sat 10:00 to Sat 12:00",
        "Sun 10:00 to Sun 11:00",
    ]


def test_public_holidays_are_those_of_the_country() -> None:
    make_office("office", _bh_regular1="Mon-Sun 9:00-17:00", _holidays_country="us-ca")
    hours = office_hours("office")
    assert hours.day(date(2026, 3, 31)).holiday == "Cesar Chavez Day"
    assert week(hours, "2026-03-30", "2026-04-02") == ["Mon 09:00 to Mon 17:00", "Wed 09:00 to Wed 17:00"]


def test_the_same_texts_are_one_object_and_other_texts_count_at_once() -> None:
    office = make_office("office", _bh_regular1="Mon 9:00-17:00")
    make_office("its-twin", _bh_regular1="Mon 9:00-17:00")
    hours = office_hours("office")
    assert office_hours("office") is hours
    assert office_hours("its-twin") is hours
    change(office, _bh_regular1="Mon 9:00-18:00")
    assert week(office_hours("office")) == ["Mon 09:00 to Mon 18:00"]
    assert week(office_hours("its-twin")) == ["Mon 09:00 to Mon 17:00"]


def test_other_offices_are_included_or_count_instead(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_office("tokyo", "Asia/Tokyo", _bh_regular1="Tue 8:00-9:00", _bh_add1="07-03 8:00-9:00", _holiday1="07-02")
    make_office("holidays", _holiday1="2026-06-29", _include1="more-holidays")
    more = make_office("more-holidays", _holiday1="2026-07-05")
    make_office("london", "Europe/London", _bh_regular1="Mon-Sun 10:00-12:00")
    make_office(
        "office",
        _bh_regular1="Mon-Sun 14:00-15:00",
        _include_regular1="tokyo",
        _include1="holidays",
        _use_alternative2="london",
        _effective_dates2="2026-07-03 to 2026-07-04",
    )
    with django_assert_num_queries(3):
        hours = office_hours("office")
    assert week(hours) == [
        "Tue 08:00 to Tue 09:00",
        "Tue 14:00 to Tue 15:00",
        "Wed 14:00 to Wed 15:00",
        "Thu 14:00 to Thu 15:00",
        "Fri 11:00 to Fri 13:00",
        "Sat 11:00 to Sat 13:00",
    ]
    change(more, _holiday1="2026-07-01")
    assert week(office_hours("office"))[2:] == [
        "Thu 14:00 to Thu 15:00",
        "Fri 11:00 to Fri 13:00",
        "Sat 11:00 to Sat 13:00",
        "Sun 14:00 to Sun 15:00",
    ]


def test_a_draft_is_read_as_it_is_with_others_as_they_are_stored() -> None:
    make_office("holidays", _holiday1="2026-06-29")
    office = make_office("office", _bh_regular1="Mon-Tue 9:00-17:00")
    office.options["_include1"] = "holidays"
    assert week(hours_of(office)) == ["Tue 09:00 to Tue 17:00"]
    assert week(office_hours("office")) == ["Mon 09:00 to Mon 17:00", "Tue 09:00 to Tue 17:00"]
    draft = ConfiguredService(type="capacity", configuration="Custom", options={"_timezone": "UTC"})
    assert capacity_of(draft).at(utc("2026-07-01 09:00")) == 0


# What cannot be read


def test_a_service_that_is_not_there_is_named() -> None:
    assert refusal("office") == "There is no service office."
    make_office("office", _include3="holidays")
    assert refusal("office") == "Service office refers to holidays, but there is no service holidays."
    make_capacity("holidays")
    assert refusal("office") == (
        "Service office refers to holidays, but there is no service holidays of type office-hours: its type is "
        "capacity."
    )
    with pytest.raises(Unreadable, match=r"^There is no service office of type capacity: its type is office-hours\.$"):
        capacity("office")


def test_texts_that_cannot_be_read_are_named() -> None:
    make_office("office", _bh_regular1="always")
    assert refusal("office").startswith("Service office: Option _bh_regular1: 'always' was given, allowed is days and")
    make_office("nowhere", "")
    assert refusal("nowhere").startswith("Service nowhere: Option _timezone: nothing was given, allowed is a time zone")


def test_an_alternative_needs_the_dates_of_its_number() -> None:
    make_office("summer")
    make_office("office", _use_alternative2="summer", _effective_dates1="2026-07-01")
    assert refusal("office") == "Service office: _use_alternative2 needs _effective_dates2, which is empty."


def test_references_in_a_circle_are_named() -> None:
    """a includes b, b counts c instead of itself on a day, and c includes the weekly hours of b."""
    make_office("a", _include1="b")
    make_office("b", _use_alternative1="c", _effective_dates1="2026-07-01")
    make_office("c", _include_regular1="b")
    circles = ("b refers to c refers to b", "c refers to b refers to c")
    assert refusal("a") in {f"Office hours go round in a circle: {circle}." for circle in circles}
    make_office("self", _include1="self")
    assert refusal("self") == "Office hours go round in a circle: self refers to self."


def test_a_circle_stands_in_the_list_of_what_cannot_work() -> None:
    good = make_office("good", _bh_regular1="Mon 9:00-17:00")
    office = make_office("self", _include1="self")
    problem = "office hours go round in a circle: self refers to self"
    assert Readiness().problems(office) == [f"cannot work: _include1: {problem}"]
    assert Readiness().problems(make_office("other", _include_regular1="self", _include1="good")) == [
        f"cannot work: _include_regular1: {problem}"
    ]
    assert Readiness().problems(good) == []
    service = ServiceFactory.build(options={"_business_hours_service": "self"})
    assert f"cannot work: _business_hours_service: {problem}" in Readiness().problems(service)
    service.options["_business_hours_service"] = "gone"
    missing = "cannot work: _business_hours_service: there is no service gone of type office-hours"
    assert missing in Readiness().problems(service)


def test_offices_refer_to_others_over_ten_steps_at_most() -> None:
    make_office("o0", _bh_regular1="Mon 9:00-17:00")
    for n in range(1, 11):
        make_office(f"o{n}", _include1=f"o{n - 1}")
    assert week(office_hours("o9")) == ["Mon 09:00 to Mon 17:00"]
    assert refusal("o10") == "Service o10: its office hours refer to others over more than 10 steps."


def test_offices_that_include_the_same_one_many_times_are_read_as_fast() -> None:
    """Nine storeys of three offices, each of which includes all three below: 19,683 ways to the ground."""
    for n in range(9):
        below = {f"_include{k}": f"o{n - 1}-{k}" for k in range(3)} if n else {"_bh_regular1": "Mon 9:00-17:00"}
        for k in range(3):
            make_office(f"o{n}-{k}", **below)
    make_office("top", **{f"_include{k}": f"o8-{k}" for k in range(3)})
    assert week(office_hours("top")) == ["Mon 09:00 to Mon 17:00"]


# Capacity and plans


def test_the_texts_of_a_capacity_service_are_its_numbers() -> None:
    make_capacity(
        "numbers",
        _capacity="[Wed, Thu]",
        _capacity_1='{"1": {"0900": 10, "1000": 6}}',
        _capacity_2='{"2": {"0900": 4}}',
        _capacity_3='{"3": {"0900": 99}}',
        _capacity_add='{"2026-07-09": {"0900": 5}, "07-16": {}}',
    )
    numbers = capacity("numbers")
    assert numbers.zone == ZoneInfo("America/Toronto")
    days = ("2026-07-01 13:00", "2026-07-01 14:00", "2026-07-02 13:00", "2026-07-03 13:00")
    assert [numbers.at(utc(day)) for day in days] == [10, 6, 4, 0]
    assert [numbers.at(utc(day)) for day in ("2026-07-09 13:00", "2026-07-16 13:00", "2027-07-09 13:00")] == [5, 0, 0]


def test_a_service_without_office_hours_and_capacity_is_always_open() -> None:
    plan = plan_of(ServiceFactory.create())
    assert (plan.hours, plan.capacity, plan.limit_by_default, plan.minutes) == (None, None, 100, 5)
    assert plan.zone == ZoneInfo("UTC")


def test_a_plan_is_what_the_service_names(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    make_office("office", _bh_regular1="Mon-Fri 9:10-17:00")
    make_capacity("numbers", _capacity_3='{"3": {"0300": 7}}')
    ServiceFactory.create(name="voice")
    service = ConfiguredService.objects.get(name="voice")
    change(service, _request_time_bucket="30", _max_request_by_time_bucket="8", _business_hours_service="office")
    with django_assert_num_queries(1):
        plan = plan_of(service)
    assert (plan.hours, plan.minutes, plan.zone) == (office_hours("office"), 30, BERLIN)
    slot = slot_of(utc("2026-07-01 07:20"), plan.minutes, plan.zone)
    assert (plan.opens_in(slot), plan.limit(slot)) == (utc("2026-07-01 07:10"), 8)

    change(service, _capacity_service="numbers")
    with django_assert_num_queries(2):
        plan = plan_of(service)
    assert (plan.zone, plan.limit(slot)) == (BERLIN, 7)
    change(service, _business_hours_service="")
    assert plan_of(service).zone == ZoneInfo("America/Toronto")


def test_a_plan_that_cannot_be_read_says_why() -> None:
    service = ServiceFactory.create()
    change(service, _business_hours_service="gone")
    with pytest.raises(Unreadable, match=r"^There is no service gone\.$"):
        plan_of(service)
    change(service, _request_time_bucket="7")
    with pytest.raises(
        Unreadable, match=r"^Service voice-userterm-immediate: Option _request_time_bucket: '7' was given"
    ):
        plan_of(service)
