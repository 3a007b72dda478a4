"""What a number says by itself: where it may be, and how else it is written."""

from __future__ import annotations

import subprocess
import sys

import pytest

from telephony.numbers import forms, normalised, zones_of


def zones(number: str, country: str = "") -> tuple[str, ...]:
    return tuple(zone.key for zone in zones_of(number, country))


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+16504661232", "", ("America/Los_Angeles",)),
        ("+1 (650) 466-1232", "", ("America/Los_Angeles",)),
        ("6504661232", "US", ("America/Los_Angeles",)),
        ("6504661232", "us", ("America/Los_Angeles",)),
        ("+49 30 123456", "US", ("Europe/Berlin",)),
        ("030 123456", "DE", ("Europe/Berlin",)),
        ("0049 30 123456", "DE", ("Europe/Berlin",)),
        ("+977 1 4221234", "", ("Asia/Katmandu",)),
        # The vendor's samples, which are numbers of nowhere.
        ("916504661232", "", ()),
        ("916504661232", "US", ()),
        ("5115", "", ()),
        ("5115", "US", ()),
        # No country, no number, no code of any country.
        ("030 123456", "", ()),
        ("+999 123456", "", ()),
        ("", "DE", ()),
        ("sip:ada@example.org", "DE", ()),
        ("1" * 400, "DE", ()),
    ],
)
def test_where_a_number_may_be(number: str, country: str, expected: tuple[str, ...]) -> None:
    assert zones(number, country) == expected


def test_a_number_of_many_places_may_be_in_all_of_them() -> None:
    free_of_charge = zones("+18005551234")
    assert len(free_of_charge) > 30
    assert {"America/New_York", "America/Los_Angeles", "Pacific/Honolulu", "America/Barbados"} <= set(free_of_charge)
    # A Russian mobile phone.
    assert {"Europe/Moscow", "Asia/Vladivostok"} <= set(zones("+79161234567"))


@pytest.mark.parametrize(
    ("number", "country", "expected"),
    [
        ("+4930123456", "", {"+4930123456"}),
        ("+49 (0)30 / 12 34-56", "", {"+4930123456", "+49030123456"}),
        ("030123456", "DE", {"030123456", "+4930123456"}),
        ("+4930123456", "DE", {"030123456", "+4930123456"}),
        ("0049 30 123456", "DE", {"004930123456", "030123456", "+4930123456"}),
        ("030123456", "", {"030123456"}),
        ("916504661232", "", {"916504661232"}),
        ("916504661232", "US", {"916504661232", "+1916504661232"}),
        ("1-800-FLOWERS", "US", {"1800", "+18003569377", "8003569377"}),
        ("nobody", "DE", set()),
        ("", "", set()),
    ],
)
def test_how_else_it_is_written(number: str, country: str, expected: set[str]) -> None:
    assert forms(number, country) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("+49 (30) 12-34.56/7", "+49301234567"),
        ("\u202a+49\u00a030\u2011123456\u202c", "+4930123456"),
        ("5115", "5115"),
        ("1" * 31, "1" * 31),
        ("1" * 32, ""),
        ("+", ""),
        ("49+30", ""),
        ("+49*", ""),
        ("030 abc", ""),
        ("", ""),
    ],
)
def test_what_people_write_between_digits_is_left_out(text: str, expected: str) -> None:
    assert normalised(text) == expected


def test_the_tables_are_read_only_by_who_asks() -> None:
    """They take time and memory in every worker, also where no service has a calling window."""
    program = "import sys, telephony.numbers; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
