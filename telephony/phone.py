"""What is known of a telephone number by itself, as the API tells it (wire contract, section 6)."""

from __future__ import annotations

from typing import Any

COUNTRY, LANGUAGE = "US", "en"


class NotANumber(ValueError):
    """It cannot be read as a number of that country."""


def facts(number: str, *, country: str, language: str) -> dict[str, Any]:
    """Everything that libphonenumber says of a number, under the vendor's names.

    `country`, two letters, is where a number without a country code is dialled; `language` is that of names of places
    and carriers, English where there is no other. Raises NotANumber.
    """
    # With their tables they take a second and some eighty megabytes, in processes that may never be asked.
    import phonenumbers
    from phonenumbers import carrier, geocoder, timezone

    try:
        parsed = phonenumbers.parse(number, country, keep_raw_input=True)
    except phonenumbers.NumberParseException as error:
        raise NotANumber(number) from error
    kind = phonenumbers.number_type(parsed)
    spoken = language.replace("-", "_").split("_")[0]
    written = phonenumbers.PhoneNumberFormat
    return {
        "carrier": carrier.name_for_number(parsed, spoken),
        "country-code": parsed.country_code,
        "country-code-source": phonenumbers.CountryCodeSource.to_string(parsed.country_code_source),
        "country-default": country,
        "extension": parsed.extension or "",
        "is-possible-number": phonenumbers.is_possible_number(parsed),
        "is-premium": kind == phonenumbers.PhoneNumberType.PREMIUM_RATE,
        "is-valid-number": phonenumbers.is_valid_number(parsed),
        "is-valid-number-for-region": phonenumbers.is_valid_number_for_region(parsed, country),
        "italian-leading-zero": bool(parsed.italian_leading_zero),
        "language-specified": language,
        "location": geocoder.description_for_number(parsed, spoken),
        "number-E164": phonenumbers.format_number(parsed, written.E164),
        "number-international": phonenumbers.format_number(parsed, written.INTERNATIONAL),
        "number-national": phonenumbers.format_number(parsed, written.NATIONAL),
        "number-national-short": phonenumbers.national_significant_number(parsed),
        "number-original": phonenumbers.format_in_original_format(parsed, country),
        "number-specified": number,
        "number-type": phonenumbers.PhoneNumberType.to_string(kind),
        "region-code": phonenumbers.region_code_for_number(parsed) or "",
        "time-zone": ",".join(
            zone for zone in timezone.time_zones_for_number(parsed) if zone != timezone.UNKNOWN_TIMEZONE
        ),
    }
