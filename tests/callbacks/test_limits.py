"""Which limits a service has, which requests are within them, and which numbers it takes: without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from callbacks.limits import number_rules, rules
from callbacks.limits.number_rules import NumberDisallowed
from callbacks.limits.rules import Counts, LimitReached, Limits, Window
from services import resolution
from services.types import service_type


@dataclass
class Service:
    """What resolving needs of a service, without the database that most kinds of reference would ask."""

    options: dict[str, str]
    sections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    type: str = "callback"
    configuration: str = "User Terminated Immediate"

    @property
    def global_sections(self) -> Mapping[str, Mapping[str, str]]:
        return self.sections


def resolved(own: Mapping[str, str] | None = None, section: Mapping[str, str] | None = None) -> dict[str, object]:
    service = Service(dict(own or {}), {"callback": dict(section or {})})
    names = [option.name for option in service_type("callback").options]
    wanted = [name for name in names if "throttle" in name or "queue" in name or name in NUMBER_OPTIONS]
    return {name: resolution.resolve_one(service, name) for name in wanted}


NUMBER_OPTIONS = {
    "_default_country",
    "_disallow_impossible_phone_numbers",
    "_disallow_premium_phone_numbers",
    "_exceptions",
}


def limits(own: Mapping[str, str] | None = None, section: Mapping[str, str] | None = None) -> Limits:
    service = Service(dict(own or {}), {"callback": dict(section or {})})
    return rules.of_service(service, "billing", resolved(own, section))


# Values


def test_the_hard_defaults() -> None:
    assert limits() == Limits(
        service="billing",
        windows=(Window(500, 300), Window(1000, 3600)),
        keys=("_customer_number",),
        of_a_value=6,
        headers=True,
        queued=1000,
        of_a_number=2,
    )


@pytest.mark.parametrize(
    ("own", "section", "seconds"),
    [
        ({}, {}, 300),
        ({"_throttle_ttl_1": "12"}, {"_throttle_ttl_1": "9"}, 12),
        ({"_throttle_ttl_1": ""}, {"_throttle_ttl_1": "9"}, 9),
        ({}, {"_throttle_ttl_1": "9"}, 9),
        ({"_throttle_ttl_1": ""}, {"_throttle_ttl_1": ""}, 300),
        ({"_throttle_ttl_1": "0"}, {"_throttle_ttl_1": "9"}, 0),
        # Negative is the hard default at either level; it does not fall through.
        ({"_throttle_ttl_1": "-1"}, {"_throttle_ttl_1": "9"}, 300),
        ({}, {"_throttle_ttl_1": "-1"}, 300),
        # Each of the four values is resolved on its own.
        ({"_throttle_callbacks_per_service_1": "2"}, {"_throttle_ttl_1": "9"}, 9),
    ],
)
def test_a_ttl_is_the_services_or_the_sections_or_the_hard_default(
    own: dict[str, str], section: dict[str, str], seconds: int
) -> None:
    assert limits(own, section).windows[0].seconds == seconds


@pytest.mark.parametrize(
    ("own", "section", "limit"),
    [
        ({"_throttle_callbacks_per_service_1": "-1"}, {"_throttle_callbacks_per_service_1": "2"}, 500),
        ({}, {"_throttle_callbacks_per_service_1": "2"}, 2),
        ({"_throttle_callbacks_per_service_1": "0"}, {"_throttle_callbacks_per_service_1": "2"}, 0),
        ({"_throttle_ttl_1": "7"}, {}, 500),
    ],
)
def test_so_is_a_limit(own: dict[str, str], section: dict[str, str], limit: int) -> None:
    assert limits(own, section).windows[0].limit == limit


DAILY, FORMER = "_throttle_request_parameters_limit", "_throttle_customer_number_limit"


@pytest.mark.parametrize(
    ("own", "section", "limit"),
    [
        ({DAILY: "-1"}, {DAILY: "2"}, 6),
        ({}, {DAILY: "2"}, 2),
        ({DAILY: "0"}, {DAILY: "2"}, 0),
        # The former name counts at each level where the present one is not set.
        ({FORMER: "600"}, {}, 600),
        ({FORMER: "600"}, {DAILY: "2"}, 600),
        ({FORMER: "600", DAILY: "3"}, {}, 3),
        ({DAILY: "3"}, {FORMER: "600"}, 3),
        ({}, {FORMER: "600"}, 600),
        ({}, {FORMER: "600", DAILY: "2"}, 2),
        ({FORMER: "-5"}, {FORMER: "600"}, 6),
        ({FORMER: " ", DAILY: " "}, {FORMER: " "}, 6),
    ],
)
def test_the_daily_limit_has_a_former_name(own: dict[str, str], section: dict[str, str], limit: int) -> None:
    assert limits(own, section).of_a_value == limit


@pytest.mark.parametrize(
    ("own", "section", "keys"),
    [
        ({"_throttle_request_parameters": "usr_id, gms_user"}, {}, ("usr_id", "gms_user")),
        ({"_throttle_request_parameters": ""}, {"_throttle_request_parameters": "usr_id"}, ("usr_id",)),
        ({"_throttle_request_parameters": ""}, {}, ("_customer_number",)),
    ],
)
def test_which_keys_are_counted(own: dict[str, str], section: dict[str, str], keys: tuple[str, ...]) -> None:
    assert limits(own, section).keys == keys


def test_the_sections_key_for_the_queue_has_no_underscore_in_front() -> None:
    assert limits({}, {"max_queued_callbacks_per_service": "7", "_max_queued_callbacks_per_service": "8"}).queued == 7
    own = {"_max_queued_callbacks_per_service": "3"}
    assert limits(own, {"max_queued_callbacks_per_service": "7"}).queued == 3


@pytest.mark.parametrize(("word", "most"), [("true", 2), ("false", None), ("strict", 1), ("STRICT", 1)])
def test_in_queue_checking(word: str, most: int | None) -> None:
    assert limits({"_enable_in_queue_checking": word}).of_a_number == most


# Which values of a request are counted

HEADERS = {"gms_user": "ada-on-the-phone", "usr_id": " 17 "}


@pytest.mark.parametrize(
    ("own", "values"),
    [
        ({}, (("_customer_number", "5115"),)),
        # A header wins over a key of the body.
        (
            {"_throttle_request_parameters": "usr_id,_customer_number"},
            (("usr_id", "17"), ("_customer_number", "5115")),
        ),
        (
            {"_throttle_request_parameters": "usr_id", "_enable_throttle_header_parameters": "false"},
            (("usr_id", "4"),),
        ),
        # Nothing is counted of a key that the request does not have.
        ({"_throttle_request_parameters": "gms_user", "_enable_throttle_header_parameters": "false"}, ()),
        ({"_throttle_request_parameters": "usr_empty,usr_nowhere"}, ()),
    ],
)
def test_the_values_that_are_counted(own: dict[str, str], values: tuple[tuple[str, str], ...]) -> None:
    parameters = {"_customer_number": "5115", "usr_id": "4", "usr_empty": " "}
    assert rules.counted_values(limits(own), parameters, HEADERS) == values


# Whether one more is within them

ADA = (("_customer_number", "5115"),)
FULL = {
    "_throttle_callbacks_per_service_1": "5",
    "_throttle_ttl_1": "10",
    "_throttle_callbacks_per_service_2": "8",
    "_throttle_ttl_2": "60",
    "_max_queued_callbacks_per_service": "9",
    "_throttle_request_parameters_limit": "3",
}
TOO_OFTEN = (
    "Callback for _customer_number=5115 rejected because previous callbacks for this parameter were requested for more "
    "than 3 times today."
)


def refusal(counts: Counts, **own: str) -> str:
    """What a request for now is told; empty when it is let in."""
    try:
        rules.check_now(limits({**FULL, **own}), ADA, counts)
    except LimitReached as reached:
        return str(reached)
    return ""


@pytest.mark.parametrize(
    ("of_ada", "in_10", "in_60", "queued", "text"),
    [
        (2, 4, 7, 8, ""),
        (3, 4, 7, 8, TOO_OFTEN),
        (2, 5, 7, 8, "Limit of queued callbacks for billing is reached for interval 10s."),
        (2, 4, 8, 8, "Limit of queued callbacks for billing is reached for interval 60s."),
        (2, 4, 7, 9, "Limit of queued callbacks for billing is reached."),
        # More than a limit, which may have been lowered meanwhile.
        (2, 50, 7, 8, "Limit of queued callbacks for billing is reached for interval 10s."),
        # The order in which they are asked.
        (3, 5, 8, 9, TOO_OFTEN),
        (2, 5, 8, 9, "Limit of queued callbacks for billing is reached for interval 10s."),
        (2, 4, 8, 9, "Limit of queued callbacks for billing is reached for interval 60s."),
    ],
)
def test_the_next_one_is_refused_when_a_limit_is_reached(
    of_ada: int, in_10: int, in_60: int, queued: int, text: str
) -> None:
    assert refusal(Counts(0, (of_ada,), (in_10, in_60), queued)) == text


NOTHING_YET = Counts(0, (0,), (0, 0), 0)


@pytest.mark.parametrize(
    ("own", "text"),
    [
        (
            {"_throttle_callbacks_per_service_1": "0"},
            "Limit of queued callbacks for billing is reached for interval 10s.",
        ),
        (
            {"_throttle_callbacks_per_service_2": "0"},
            "Limit of queued callbacks for billing is reached for interval 60s.",
        ),
        ({"_max_queued_callbacks_per_service": "0"}, "Limit of queued callbacks for billing is reached."),
        ({"_throttle_request_parameters_limit": "0"}, TOO_OFTEN.replace("3 times", "0 times")),
        # No seconds: nothing is counted, so that not even a limit of 0 counts.
        ({"_throttle_callbacks_per_service_1": "0", "_throttle_ttl_1": "0"}, ""),
    ],
)
def test_a_limit_of_0_refuses_all(own: dict[str, str], text: str) -> None:
    assert refusal(NOTHING_YET, **own) == text


@pytest.mark.parametrize(
    ("word", "has", "text"),
    [
        ("true", 1, ""),
        (
            "true",
            2,
            "Callback for _customer_number=5115 rejected because 2 callbacks of this number are already in queue for "
            "billing. Check option _enable_in_queue_checking",
        ),
        ("strict", 0, ""),
        (
            "strict",
            1,
            "Callback for _customer_number=5115 rejected because a callback of this number is already in queue for "
            "billing. Check option _enable_in_queue_checking",
        ),
        ("false", 100, ""),
    ],
)
def test_a_number_that_is_in_the_queue(word: str, has: int, text: str) -> None:
    told = ""
    try:
        rules.check_number(limits({"_enable_in_queue_checking": word}), "5115", Counts(has))
    except LimitReached as reached:
        told = str(reached)
    assert told == text


# Numbers

BOTH = {"_disallow_impossible_phone_numbers": "true", "_disallow_premium_phone_numbers": "true"}
PREMIUM = (
    "Customer Number [{}] is disallowed, because it's a premium number. Check option _disallow_premium_phone_numbers"
)
IMPOSSIBLE = (
    "Customer Number [{}] is disallowed, because it is invalid. Check option _disallow_impossible_phone_numbers"
)
NO_COUNTRY = (
    "Service option billing / _default_country is not configured. But option {} is set. "
    "We cannot validate phone numbers without knowing the country."
)
LISTED = "Customer Number [{}] is disallowed, because it is listed there. Check option _exceptions"


@pytest.mark.parametrize(
    ("number", "options", "text"),
    [
        ("+19005551234", {}, PREMIUM),
        ("9005551234", {}, PREMIUM),
        ("+19005551234", {"_disallow_premium_phone_numbers": "false"}, ""),
        ("+19005551234", BOTH, PREMIUM),
        ("+499001234567", {}, PREMIUM),
        ("111", BOTH, IMPOSSIBLE),
        # The preset does not ask whether a number can exist: the samples of both seed documents could not.
        ("111", {}, ""),
        ("916504661232", {}, ""),
        ("5115", {}, ""),
        ("916504661232", BOTH, IMPOSSIBLE),
        ("+16504661232", BOTH, ""),
        ("6504661232", BOTH, ""),
        ("+999123456", BOTH, IMPOSSIBLE),
        ("+41446681800", BOTH, ""),
        ("0446681800", {**BOTH, "_default_country": "CH"}, ""),
        # Listed ones, however they are written.
        ("+16504661232", {"_exceptions": "5115, 6504661232"}, LISTED),
        ("6504661232", {"_exceptions": "+16504661232"}, LISTED),
        ("5115", {"_exceptions": "5115"}, LISTED),
        ("5116", {"_exceptions": "5115"}, ""),
        # The rules come first, then the list.
        ("+19005551234", {"_exceptions": "+19005551234"}, PREMIUM),
    ],
)
def test_which_numbers_are_taken(number: str, options: dict[str, str], text: str) -> None:
    if not text:
        number_rules.check("billing", number, resolved(options))
        return
    with pytest.raises(NumberDisallowed) as disallowed:
        number_rules.check("billing", number, resolved(options))
    assert str(disallowed.value) == text.format(number)


@pytest.mark.parametrize(
    ("rules_on", "named"),
    [
        (("_disallow_premium_phone_numbers",), "_disallow_premium_phone_numbers"),
        (("_disallow_impossible_phone_numbers",), "_disallow_impossible_phone_numbers"),
        (
            ("_disallow_impossible_phone_numbers", "_disallow_premium_phone_numbers"),
            "_disallow_impossible_phone_numbers",
        ),
    ],
)
def test_a_rule_needs_to_know_the_country(rules_on: tuple[str, ...], named: str) -> None:
    """Also for a number that says its own."""
    options = {**resolved(), "_default_country": ""}
    options |= {name: name in rules_on for name in BOTH}
    with pytest.raises(NumberDisallowed) as disallowed:
        number_rules.check("billing", "+16504661232", options)
    assert str(disallowed.value) == NO_COUNTRY.format(named)


def test_without_a_rule_it_needs_not() -> None:
    options = {**resolved(), "_default_country": "", **dict.fromkeys(BOTH, False)}
    number_rules.check("billing", "+19005551234", options)
