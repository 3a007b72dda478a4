"""Which customers' numbers a service takes. Pure; the tables are those of Google's libphonenumber.

The texts are those of the wire contract's error catalogue, where it has one.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from enum import Enum, auto

from telephony import numbers

# Numbers of which a process remembers what they are.
_MOST_REMEMBERED = 512


class NumberDisallowed(Exception):
    """The service does not take the number; nothing was stored. Its text is what the client is told.

    `option` is the one that says so, `why` the end of a sentence; both may be empty.
    """

    def __init__(self, text: str, *, option: str = "", why: str = "") -> None:
        super().__init__(text)
        self.option = option
        self.why = why


class _Judgement(Enum):
    IMPOSSIBLE = auto()
    PREMIUM = auto()
    NEITHER = auto()


def check(service_name: str, number: str, resolved: Mapping[str, object]) -> None:
    """Refuse a number that cannot exist, one that costs extra, one that is listed, in this order.

    `resolved` are the service's options. The two rules need `_default_country`, also for a number that says its
    country: so the wire contract has it. Raises NumberDisallowed.
    """
    country = str(resolved["_default_country"] or "")
    if resolved["_disallow_impossible_phone_numbers"] is True:
        option = "_disallow_impossible_phone_numbers"
        _need_country(service_name, country, option)
        if _judge(number, country) is _Judgement.IMPOSSIBLE:
            raise _disallowed(number, "it is invalid", option)
    if resolved["_disallow_premium_phone_numbers"] is True:
        option = "_disallow_premium_phone_numbers"
        _need_country(service_name, country, option)
        if _judge(number, country) is _Judgement.PREMIUM:
            raise _disallowed(number, "it's a premium number", option)
    listed = resolved["_exceptions"]
    if isinstance(listed, tuple) and listed:
        forms = numbers.forms(number, country)
        if any(forms & numbers.forms(each, country) for each in listed):
            raise _disallowed(number, "it is listed there", "_exceptions")


def _need_country(service_name: str, country: str, option: str) -> None:
    if not country:
        raise NumberDisallowed(
            f"Service option {service_name} / _default_country is not configured. But option {option} is set. "
            "We cannot validate phone numbers without knowing the country.",
            why=f"{option} needs _default_country, which is not set",
        )


def _disallowed(number: str, why: str, option: str) -> NumberDisallowed:
    text = f"Customer Number [{number}] is disallowed, because {why}. Check option {option}"
    return NumberDisallowed(text, option=option, why=why)


@functools.lru_cache(maxsize=_MOST_REMEMBERED)
def _judge(number: str, country: str) -> _Judgement:
    import phonenumbers

    try:
        parsed = phonenumbers.parse(number, country.upper())
    except phonenumbers.NumberParseException:
        return _Judgement.IMPOSSIBLE
    if not phonenumbers.is_possible_number(parsed):
        return _Judgement.IMPOSSIBLE
    premium = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.PREMIUM_RATE
    return _Judgement.PREMIUM if premium else _Judgement.NEITHER
