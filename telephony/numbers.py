"""What a telephone number says by itself: in which time zones it may be, and how else it can be written.

The tables are those of Google's libphonenumber. A number without a country code is read as one of `country` (the option
`_default_country`, two letters or empty).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# What people write between digits, and the marks of direction that come along when a number is copied from a page.
_SEPARATORS = re.compile(r"[\s./()\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\u2010-\u2015\u2212-]")
_NUMBER = re.compile(r"\+?[0-9]{1,31}")
# Numbers of which a process remembers the zones: a few hundred that are called again and again, none for long.
_MOST_REMEMBERED = 512


def normalised(text: str) -> str:
    """The number without what people write between digits; empty when it is no number."""
    bare = _SEPARATORS.sub("", text)
    return bare if _NUMBER.fullmatch(bare) else ""


@functools.lru_cache(maxsize=_MOST_REMEMBERED)
def zones_of(number: str, country: str) -> tuple[ZoneInfo, ...]:
    """Every time zone in which this number may be, such as one for +1 650 and some forty for +1 800.

    Empty when the number cannot be read, cannot exist, or belongs to no country.
    """
    # It takes a twentieth of a second and some megabytes, in processes that may never ask.
    from phonenumbers import timezone

    read = parsed(number, country)
    names = timezone.time_zones_for_number(read) if read else ()
    return tuple(zone for name in names if name != timezone.UNKNOWN_TIMEZONE and (zone := _zone(name)))


def forms(number: str, country: str) -> frozenset[str]:
    """The ways in which this number is written: as given, in E.164, and as it is dialled within `country`."""
    import phonenumbers

    # Whatever stands between its digits: a number that is written oddly is still that number.
    sign = "+" if number.lstrip().startswith("+") else ""
    found = {sign + digits} if (digits := phonenumbers.normalize_digits_only(number)) else set()
    if read := parsed(number, country):
        found.add(phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164))
        if read.country_code == phonenumbers.country_code_for_region(country.upper()):
            national = phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.NATIONAL)
            found.add(phonenumbers.normalize_digits_only(national))
    return frozenset(found)


def canonical(number: str, country: str) -> str:
    """One text for a number however it is written: E.164 where it is a valid number, else its digits."""
    import phonenumbers

    read = parsed(number, country)
    if read is not None and phonenumbers.is_valid_number(read):
        return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)
    return phonenumbers.normalize_digits_only(number)


def parsed(number: str, country: str) -> PhoneNumber | None:
    """The number as the tables read it, without `+` as one of `country`; None where it cannot be read."""
    import phonenumbers

    try:
        return phonenumbers.parse(number, country.upper() or None)
    except phonenumbers.NumberParseException:
        return None


def _zone(name: str) -> ZoneInfo | None:
    """None for a zone that this installation's tables do not have yet, or no more."""
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return None
