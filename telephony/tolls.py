"""Toll fraud: numbers that cost extra, or that lie in countries where nobody has customers, are not called.

Pure. The tables are those of Google's libphonenumber. What is judged is what would be dialled: a number that is too
long rings what its first digits ring, and is judged by them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from telephony import numbers

if TYPE_CHECKING:
    from phonenumbers import PhoneNumber

# As people write the way out of their country before a country code.
_WAYS_OUT = ("00", "011")

PREMIUM, SHARED_COST, SATELLITE, GLOBAL_NETWORK = "premium", "shared_cost", "satellite", "global_network"
PERSONAL, PAGER, UNIVERSAL_ACCESS = "personal", "pager", "universal_access"
# The words of the option `_refused_number_types`, as a sentence says them.
TYPES = {
    PREMIUM: "a premium-rate number",
    SHARED_COST: "a shared-cost number",
    SATELLITE: "the number of a satellite phone",
    GLOBAL_NETWORK: "a number of a network without a country",
    PERSONAL: "a personal number, which is forwarded at the caller's cost",
    PAGER: "the number of a pager",
    UNIVERSAL_ACCESS: "a universal access number",
}
# Country codes without a country, whose cost is known by the code alone (ITU-T, list of assigned country codes).
_BY_CODE = {
    808: SHARED_COST,  # international shared cost
    870: SATELLITE,  # Inmarsat
    878: GLOBAL_NETWORK,
    881: SATELLITE,  # Iridium, Globalstar
    882: GLOBAL_NETWORK,
    883: GLOBAL_NETWORK,
    979: PREMIUM,  # international premium rate
}
_THURAYA = "16"  # below 882


def why_not(number: str, *, country: str, allowed: Collection[str], refused: Collection[str]) -> str:
    """Why this number may not be called, as the end of a sentence that names the option; empty where it may.

    `country` is the option `_default_country`, two letters or empty. `allowed` are the countries of
    `_allowed_countries`, two letters each; none: all. `refused` are words of TYPES. What cannot be read as a number of
    a country, such as an extension, is of no type; it is refused only where countries are allowed and it is none of
    them.
    """
    readings = list(_readings(number, country))
    for parsed in (*readings, *_unstripped(number, readings)):
        if (found := _type(parsed)) in refused:
            options = "_refused_number_types" + (" or _disallow_premium_phone_numbers" if found == PREMIUM else "")
            return f"it is {TYPES[found]} ({options})"
    if not allowed:
        return ""
    listed = f"allowed {'is' if len(allowed) == 1 else 'are'} {', '.join(sorted(allowed))} (_allowed_countries)"
    countries = {country for parsed in readings for country in _countries(parsed)}
    if countries and countries <= set(allowed):
        return ""
    if len(countries) == 1:
        return f"it is a number of {countries.pop()}; {listed}"
    return f"it cannot be told of which country it is; {listed}"


def _readings(number: str, country: str) -> Iterator[PhoneNumber]:
    """What this number may mean: as one of `country`, and, where it is none, as one dialled out of a country."""
    import phonenumbers

    parsed = numbers.parsed(number, country)
    if parsed is not None:
        yield parsed
        if phonenumbers.is_valid_number(parsed):
            return
    digits = phonenumbers.normalize_digits_only(number)
    for way_out in _WAYS_OUT:
        if digits.startswith(way_out) and (abroad := numbers.parsed(f"+{digits.removeprefix(way_out)}", "")):
            yield abroad


def _unstripped(number: str, readings: Collection[PhoneNumber]) -> Iterator[PhoneNumber]:
    """The same with all digits behind the country code.

    Of a number that is too long what looks like the prefix of calls within the country is taken off: +7 809 is read as
    +7 09.
    """
    import phonenumbers

    digits = phonenumbers.normalize_digits_only(number)
    for parsed in readings:
        code = str(parsed.country_code)
        for before in ("", *_WAYS_OUT):
            if digits.startswith(before + code) and (behind := digits.removeprefix(before + code)):
                yield phonenumbers.PhoneNumber(country_code=parsed.country_code, national_number=int(behind))


def _type(parsed: PhoneNumber) -> str:
    """The word of TYPES for it; empty for ordinary numbers and those that cannot be."""
    from phonenumbers import PhoneNumberType, number_type

    if parsed.country_code == 882 and str(parsed.national_number).startswith(_THURAYA):
        return SATELLITE
    if by_code := _BY_CODE.get(parsed.country_code or 0):
        return by_code
    by_type = {
        PhoneNumberType.PREMIUM_RATE: PREMIUM,
        PhoneNumberType.SHARED_COST: SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER: PERSONAL,
        PhoneNumberType.PAGER: PAGER,
        PhoneNumberType.UAN: UNIVERSAL_ACCESS,
    }
    return by_type.get(number_type(_as_dialled(parsed)), "")


def _countries(parsed: PhoneNumber) -> Collection[str]:
    """The country of a number; every country with its code where the number does not say which; none for a network."""
    import phonenumbers

    country = phonenumbers.region_code_for_number(_as_dialled(parsed))
    found = (country,) if country else phonenumbers.region_codes_for_country_code(parsed.country_code or 0)
    return [each for each in found if each != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY]


def _as_dialled(parsed: PhoneNumber) -> PhoneNumber:
    """Without the digits that no exchange waits for: behind a premium-rate number they would make it an unknown one."""
    import phonenumbers

    dialled = phonenumbers.PhoneNumber()
    dialled.merge_from(parsed)
    return dialled if phonenumbers.truncate_too_long_number(dialled) else parsed
