"""Toll fraud: which numbers may be called, by what they cost and where they are."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.kinds import NUMBER_TYPES
from telephony.tolls import TYPES, why_not

# As long as a service says nothing.
REFUSED = frozenset(TYPES) - {"universal_access"}


def why(number: str, country: str = "", *, allowed: tuple[str, ...] = (), refused: frozenset[str] = REFUSED) -> str:
    return why_not(number, country=country, allowed=allowed, refused=refused)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        # The vendor's samples, those of the simulator, and what a PBX knows as its own.
        ("916504661232", ""),
        ("916504661232", "US"),
        ("5115", ""),
        ("5115", "US"),
        ("111", "US"),
        ("0049 30 123456", ""),
        ("0049 30 123456", "US"),
        ("442000000191", ""),
        ("sip:ada@example.org", "DE"),
        ("", ""),
        # Ordinary ones, however they are written.
        ("+1 650 466 1232", ""),
        ("030 123456", "DE"),
        ("+49 170 1234567", "US"),
        ("011 44 20 7946 0000", "US"),
        ("1 800 555 1234", "US"),
    ],
)
def test_an_ordinary_number_may_be_called_unless_somebody_says_otherwise(number: str, country: str) -> None:
    assert why(number, country) == ""


@pytest.mark.parametrize(
    ("number", "country", "found"),
    [
        ("+19005551234", "", "premium"),
        ("900 555 1234", "US", "premium"),
        ("0900 1234567", "DE", "premium"),
        ("+979 123456789", "", "premium"),
        ("+33 884 012345", "", "shared_cost"),
        ("0180 1234567", "DE", "shared_cost"),
        ("+808 12345678", "", "shared_cost"),
        ("+881 6 12345678", "", "satellite"),
        ("+870 773 123456", "", "satellite"),
        ("+882 16 1234567", "", "satellite"),
        ("+882 99 1234567", "", "global_network"),
        ("+883 5100 123456", "", "global_network"),
        ("+44 70 1234 5678", "", "personal"),
        ("+44 76 4012 3456", "", "pager"),
        # As one dials out of one's country, whatever the service's country is.
        ("00 882 16 1234567", "", "satellite"),
        ("00881612345678", "US", "satellite"),
        ("011 881 6 12345678", "", "satellite"),
        ("011 1 900 555 1234", "", "premium"),
        # The exchange rings when it has enough digits; more of them hide nothing.
        ("+1 900 555 1234 99", "", "premium"),
        ("900 555 1234 99", "US", "premium"),
        ("00 1 900 555 1234 99", "", "premium"),
        ("+7 809 123 4567 0", "", "premium"),
    ],
)
def test_a_number_of_a_costly_type_is_refused(number: str, country: str, found: str) -> None:
    option = (
        "_refused_number_types or _disallow_premium_phone_numbers" if found == "premium" else "_refused_number_types"
    )
    assert why(number, country) == f"it is {TYPES[found]} ({option})"
    assert why(number, country, refused=REFUSED - {found}) == ""


def test_a_type_that_is_named_is_refused() -> None:
    assert why("+31 88 123 4567") == ""
    named = why("+31 88 123 4567", refused=frozenset({"universal_access"}))
    assert named == "it is a universal access number (_refused_number_types)"


@pytest.mark.parametrize(
    ("number", "country", "sentence"),
    [
        ("+49 30 123456", "", ""),
        ("030 123456", "DE", ""),
        ("0049 30 123456", "", ""),
        ("+43 1 5880000", "", ""),
        ("+1 876 555 1234", "", "it is a number of JM; allowed are AT, DE (_allowed_countries)"),
        ("030 123456", "US", "it cannot be told of which country it is; allowed are AT, DE (_allowed_countries)"),
        ("030 123456", "", "it cannot be told of which country it is; allowed are AT, DE (_allowed_countries)"),
        ("5115", "", "it cannot be told of which country it is; allowed are AT, DE (_allowed_countries)"),
        ("+882 99 1234567", "", "it cannot be told of which country it is; allowed are AT, DE (_allowed_countries)"),
    ],
)
def test_only_the_countries_that_are_allowed(number: str, country: str, sentence: str) -> None:
    assert why(number, country, allowed=("AT", "DE"), refused=frozenset()) == sentence


def test_several_countries_share_a_code() -> None:
    """+1 is also the Caribbean: what does not say where it is may be called only where all of them may."""
    nobody_knows = "it cannot be told of which country it is; allowed is US (_allowed_countries)"
    assert why("+1 650 466 1232", allowed=("US",)) == ""
    assert why("+1 876 555 1234", allowed=("US",)) == "it is a number of JM; allowed is US (_allowed_countries)"
    assert why("+1 876 555 1234 99", allowed=("US",)) == "it is a number of JM; allowed is US (_allowed_countries)"
    assert why("+1 199 555 1234", allowed=("US",)) == nobody_knows
    assert why("+1 199 555 1234", allowed=tuple(phonenumbers.region_codes_for_country_code(1))) == ""


@given(
    number=st.text(alphabet="+0123456789 ()-x#*abcé\u200e", max_size=40),
    country=st.sampled_from(["", "US", "DE", "GB", "XX"]),
    allowed=st.lists(st.sampled_from(["US", "DE", "JM"]), max_size=2),
)
def test_every_text_gets_an_answer(number: str, country: str, allowed: list[str]) -> None:
    answer = why(number, country, allowed=tuple(allowed))
    assert answer == "" or answer.endswith(")")
    # What more is refused never lets more through.
    assert why(number, country, refused=frozenset()) == ""
    if not why(number, country, allowed=tuple(allowed), refused=frozenset()):
        assert answer == "" or "_refused_number_types" in answer


@given(
    region=st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)),
    extra=st.text(alphabet="0123456789", max_size=3),
    way_out=st.sampled_from(["+", "00", "011"]),
)
def test_no_premium_number_of_any_country_gets_through(region: str, extra: str, way_out: str) -> None:
    """However it is written, and whatever is dialled behind it."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.PREMIUM_RATE)
    assume(example)
    assert example is not None
    written = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164).removeprefix("+")
    assert "premium" in why(f"{way_out}{written}{extra}")


def test_the_option_knows_the_types_that_are_told_apart() -> None:
    for found in TYPES:
        assert NUMBER_TYPES.read(found) == (found,)
    assert NUMBER_TYPES.choices is not None
    assert {text for text, _ in NUMBER_TYPES.choices()} == {*TYPES, "none"}
