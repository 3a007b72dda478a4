"""The rules of the wire contract, sections 6 and 7, as clients meet them: statuses, classes and texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from callbacks.limits.models import StartTotal
from callbacks.models import Callback
from services.models import ConfiguredService, Section
from telephony.models import BlockedNumber
from tests.api.conftest import OPTIONS, at, make_office

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START = "/genesys/1/service/callback/billing"
UNAVAILABLE = "com.genesyslab.gsg.services.callback.exceptions.CallbackExceptionServiceUnavailable"
NUMBER = "com.genesyslab.gsg.services.callback.exceptions.CallbackExceptionNumber"

ACCEPTED = 200
REACHED = "Limit of queued callbacks for billing is reached."
# What a row of the table below says of one request: the seconds after noon, and the interval that it is refused with.
Asked = tuple[float, int]


def billing(**options: str) -> ConfiguredService:
    """A service that says of its limits what a test says; a number may be in its queue as often as it likes."""
    return ConfiguredService.objects.create(
        name="billing",
        type="callback",
        configuration="User Terminated Immediate",
        options={**OPTIONS, "_enable_in_queue_checking": "false", **options},
    )


def ask(client: Client, *, after: float = 0, desired_in: float | None = None, **parameters: str) -> Any:
    """The answer to a start so many seconds after noon."""
    now = NOON + timedelta(seconds=after)
    request = {"_customer_number": "5115", **parameters}
    if desired_in is not None:
        request["_desired_time"] = f"{now + timedelta(seconds=desired_in):%Y-%m-%dT%H:%M:%S.000Z}"
    with at(now):
        return client.post(START, request)


def told(answer: Any) -> tuple[int, str]:
    """Status and message; no message where it was accepted."""
    return answer.status_code, answer.json().get("message", "")


def reached_in(seconds: int) -> str:
    return f"Limit of queued callbacks for billing is reached for interval {seconds}s."


def bucket(number: int, limit: str, ttl: str) -> dict[str, str]:
    return {f"_throttle_callbacks_per_service_{number}": limit, f"_throttle_ttl_{number}": ttl}


FREE = 0


@pytest.mark.parametrize(
    ("own", "section", "requests"),
    [
        # 1. The service's value, else the section's; absent and empty are the same.
        (bucket(1, "2", "10"), bucket(1, "1", "20"), [(0, FREE), (0, FREE), (1, 10), (10, FREE)]),
        ({}, bucket(1, "1", "20"), [(0, FREE), (1, 20), (19, 20), (20, FREE)]),
        (bucket(1, "", ""), bucket(1, "1", "20"), [(0, FREE), (1, 20), (20, FREE)]),
        (bucket(1, "1", ""), bucket(1, "", "20"), [(0, FREE), (1, 20), (20, FREE)]),
        (bucket(2, "1", "7"), bucket(2, "9", "20"), [(0, FREE), (6, 7), (7, FREE)]),
        # ... else the hard default.
        ({"_throttle_callbacks_per_service_1": "1"}, {}, [(0, FREE), (299, 300), (300, FREE)]),
        ({"_throttle_callbacks_per_service_2": "1"}, {}, [(0, FREE), (3599, 3600), (3600, FREE)]),
        # 2. Negative is the hard default at either level, and does not fall through.
        (bucket(1, "1", "-1"), bucket(1, "", "9"), [(0, FREE), (9, 300), (299, 300), (300, FREE)]),
        (bucket(1, "1", ""), bucket(1, "", "-9"), [(0, FREE), (299, 300), (300, FREE)]),
        (bucket(1, "-1", "10"), bucket(1, "2", "10"), [(0, FREE), (0, FREE), (0, FREE)]),
        # 3. A limit of 0 rejects every request, naming that bucket's ttl.
        (bucket(1, "0", "10"), {}, [(0, 10), (1000, 10)]),
        (bucket(2, "0", "10"), {}, [(0, 10)]),
        # 4. A ttl of 0 switches the bucket off.
        (bucket(1, "0", "0"), {}, [(0, FREE), (0, FREE)]),
        ({**bucket(1, "0", "0"), **bucket(2, "1", "5")}, {}, [(0, FREE), (1, 5), (5, FREE)]),
        # 5. Both are full: bucket 1 is named, also when it is the shorter one.
        ({**bucket(1, "1", "10"), **bucket(2, "1", "30")}, {}, [(0, FREE), (1, 10), (10, 30), (30, FREE)]),
        ({**bucket(1, "1", "30"), **bucket(2, "1", "10")}, {}, [(0, FREE), (1, 30), (10, 30), (30, FREE)]),
        # 6. What is rejected does not count and does not prolong.
        (bucket(1, "1", "10"), {}, [(0, FREE), *[(second, 10) for second in range(1, 10)], (10, FREE), (11, 10)]),
        # 7. Whole seconds.
        (bucket(1, "1", "10"), {}, [(0.9, FREE), (9.9, 10), (10, FREE)]),
    ],
)
def test_the_rate_of_a_service(
    client: Client,
    telephony: None,
    own: Mapping[str, str],
    section: Mapping[str, str],
    requests: list[Asked],
) -> None:
    billing(_throttle_request_parameters_limit="100", **own)
    Section.objects.create(name="callback", options=dict(section))
    answers = [told(ask(client, after=after)) for after, _ in requests]
    assert answers == [(503, reached_in(ttl)) if ttl else (200, "") for _, ttl in requests]


def test_a_rejected_request_leaves_nothing_and_says_so_in_the_error_shape(client: Client, telephony: None) -> None:
    billing(**bucket(1, "1", "10"))
    assert ask(client).status_code == 200
    answer = ask(client)
    assert answer.json() == {"exception": UNAVAILABLE, "message": reached_in(10)}
    assert (Callback.objects.count(), StartTotal.objects.get().accepted) == (1, 1)


def test_cancelling_gives_nothing_back(client: Client, telephony: None) -> None:
    billing(**bucket(1, "1", "10"))
    made = ask(client).json()["_id"]
    with at(NOON):
        assert client.delete(f"{START}/{made}").status_code == 200
    assert told(ask(client, after=9)) == (503, reached_in(10))
    assert told(ask(client, after=10)) == (200, "")


def test_those_for_later_are_free_and_those_for_soon_are_not(client: Client, telephony: None) -> None:
    billing(**bucket(1, "1", "10"))
    assert [told(ask(client, desired_in=300)) for _ in range(2)] == [(200, "")] * 2
    assert told(ask(client, desired_in=30)) == (200, "")
    assert told(ask(client)) == (503, reached_in(10))
    assert told(ask(client, desired_in=30)) == (503, reached_in(10))
    assert told(ask(client, desired_in=300)) == (200, "")


def test_a_change_of_the_limit_counts_at_once(client: Client, telephony: None) -> None:
    service = billing(**bucket(1, "1", "10"))
    assert [ask(client).status_code for _ in range(2)] == [200, 503]
    service.options |= {"_throttle_callbacks_per_service_1": "2"}
    service.save(update_fields=["options"])
    assert [ask(client).status_code for _ in range(2)] == [200, 503]


# Per parameter value


def too_often(limit: int, value: str = "5115", key: str = "_customer_number") -> str:
    return (
        f"Callback for {key}={value} rejected because previous callbacks for this parameter were requested for more "
        f"than {limit} times today."
    )


@pytest.mark.parametrize(
    ("own", "section", "limit"),
    [
        ("2", "3", 2),
        ("", "3", 3),
        ("", "", 6),
        ("-1", "2", 6),
        ("", "-1", 6),
        ("0", "3", 0),
        ("", "0", 0),
    ],
)
def test_a_value_is_accepted_so_often_a_day(
    client: Client, telephony: None, own: str, section: str, limit: int
) -> None:
    billing(_throttle_request_parameters_limit=own)
    Section.objects.create(name="callback", options={"_throttle_request_parameters_limit": section})
    assert [told(ask(client, after=n)) for n in range(limit)] == [(200, "")] * limit
    assert ask(client, after=60).json() == {"exception": UNAVAILABLE, "message": too_often(limit)}
    # The same number has its own quota in another service, and another number in this one.
    if limit:
        assert told(ask(client, _customer_number="5116")) == (200, "")
        ConfiguredService.objects.filter(name="billing").update(name="other")
        billing()
        assert told(ask(client)) == (200, "")


def test_it_begins_anew_with_the_day(client: Client, telephony: None) -> None:
    billing(_throttle_request_parameters_limit="1")
    made = ask(client).json()["_id"]
    with at(NOON):
        client.delete(f"{START}/{made}")
    assert told(ask(client)) == (503, too_often(1))
    assert told(ask(client, after=24 * 3600)) == (200, "")


def test_a_value_of_a_header_is_counted_and_wins(client: Client, telephony: None) -> None:
    billing(_throttle_request_parameters="gms_user", _throttle_request_parameters_limit="1")
    request = {"_customer_number": "5115", "gms_user": "from-the-body"}
    with at(NOON):
        first = client.post(START, request, headers={"gms_user": "ada"})
        again = client.post(START, request, headers={"gms_user": "ada"})
        of_body = client.post(START, request)
    assert (first.status_code, told(again)) == (200, (503, too_often(1, "ada", "gms_user")))
    assert of_body.status_code == 200
    Section.objects.create(name="callback", options={"_enable_throttle_header_parameters": "false"})
    with at(NOON):
        answer = client.post(START, request, headers={"gms_user": "bob"})
    assert told(answer) == (503, too_often(1, "from-the-body", "gms_user"))


def test_a_customers_number_in_a_header_is_counted_too(client: Client, telephony: None) -> None:
    billing(_throttle_request_parameters_limit="1")
    for number, status in (("5115", 200), ("5116", 503)):
        with at(NOON):
            answer = client.post(START, {"_customer_number": number}, headers={"_customer_number": "5114"})
        assert answer.status_code == status


# The queue


@pytest.mark.parametrize(("own", "section", "limit"), [("2", "1", 2), ("", "1", 1), ("0", "3", 0), ("-1", "0", 1000)])
def test_so_many_may_be_queued(client: Client, telephony: None, own: str, section: str, limit: int) -> None:
    billing(_max_queued_callbacks_per_service=own)
    Section.objects.create(name="callback", options={"max_queued_callbacks_per_service": section})
    made = [ask(client) for _ in range(3)]
    assert [told(answer) for answer in made] == [(200, "") if n < limit else (503, REACHED) for n in range(3)]
    if limit < 3:
        assert made[2].json() == {"exception": UNAVAILABLE, "message": REACHED}


@pytest.mark.parametrize("first", ["CUSTOMER", "AGENT"])
def test_scheduled_ones_are_free_and_a_cancel_makes_room(client: Client, telephony: None, first: str) -> None:
    billing(_max_queued_callbacks_per_service="1", _userterminated_first_connect_party=first)
    assert [told(ask(client, desired_in=180)) for _ in range(2)] == [(200, "")] * 2
    made = ask(client).json()["_id"]
    assert told(ask(client)) == (503, REACHED)
    with at(NOON):
        assert client.delete(f"{START}/{made}").status_code == 200
    assert told(ask(client)) == (200, "")


# One number in the queue


@pytest.mark.parametrize(
    ("word", "statuses"),
    [
        ("true", [200, 200, 503, 503]),
        ("strict", [200, 503, 503, 503]),
        ("false", [200, 200, 200, 200]),
        ("", [200, 200, 503, 503]),
    ],
)
def test_a_customer_who_is_in_the_queue(client: Client, telephony: None, word: str, statuses: list[int]) -> None:
    billing(_enable_in_queue_checking=word)
    answers = [ask(client, desired_in=seconds) for seconds in (None, 3600, None, 7200)]
    assert [answer.status_code for answer in answers] == statuses
    assert ask(client, _customer_number="5116").status_code == 200


def test_what_such_a_customer_is_told(client: Client, telephony: None) -> None:
    billing(_enable_in_queue_checking="strict")
    ask(client)
    assert ask(client).json() == {
        "exception": UNAVAILABLE,
        "message": "Callback for _customer_number=5115 rejected because a callback of this number is already in queue "
        "for billing. Check option _enable_in_queue_checking",
    }
    Section.objects.create(name="callback", options={"_enable_in_queue_checking": "false"})
    assert ask(client).status_code == 503
    ConfiguredService.objects.update(options=OPTIONS)
    assert ask(client).status_code == 200


# Numbers


@pytest.mark.parametrize(
    ("number", "options", "message"),
    [
        (
            "+19005551234",
            {},
            "Customer Number [+19005551234] is disallowed, because it's a premium number. "
            "Check option _disallow_premium_phone_numbers",
        ),
        (
            "111",
            {"_disallow_impossible_phone_numbers": "true"},
            "Customer Number [111] is disallowed, because it is invalid. "
            "Check option _disallow_impossible_phone_numbers",
        ),
        (
            "5115",
            {"_exceptions": "5114,5115"},
            "Customer Number [5115] is disallowed, because it is listed there. Check option _exceptions",
        ),
    ],
)
def test_numbers_that_are_not_taken(
    client: Client, telephony: None, number: str, options: dict[str, str], message: str
) -> None:
    billing(**options)
    answer = ask(client, _customer_number=number)
    assert (answer.status_code, answer.json()) == (400, {"exception": NUMBER, "message": message})
    # Also for later, and none of it is stored or counted.
    assert ask(client, _customer_number=number, desired_in=3600).status_code == 400
    assert (Callback.objects.count(), StartTotal.objects.count()) == (0, 0)


@pytest.mark.parametrize("option", ["_disallow_premium_phone_numbers", "_disallow_impossible_phone_numbers"])
def test_a_rule_without_a_country(client: Client, telephony: None, option: str) -> None:
    """Only a Custom service has none."""
    both_off = {"_disallow_premium_phone_numbers": "false", "_disallow_impossible_phone_numbers": "false"}
    service = billing(_call_direction="USERTERMINATED", **{**both_off, option: "true"})
    ConfiguredService.objects.filter(pk=service.pk).update(configuration="Custom")
    assert ask(client).json() == {
        "exception": NUMBER,
        "message": f"Service option billing / _default_country is not configured. But option {option} is set. "
        "We cannot validate phone numbers without knowing the country.",
    }


def test_the_sections_rules_count_where_the_service_has_none(client: Client, telephony: None) -> None:
    billing()
    Section.objects.create(
        name="callback", options={"_disallow_premium_phone_numbers": "false", "_refused_number_types": "none"}
    )
    assert ask(client, _customer_number="+19005551234").status_code == 200


# Which reason a request is told that has several


def test_the_order_in_which_a_request_is_judged(client: Client, telephony: None) -> None:
    """Every limit is reached and everything is wrong with it; one thing after the other is mended."""
    make_office("hours", _bh_regular1="Mon-Fri 09:00-11:00")
    service = billing(
        _mandatory_customer_lookup_keys="_customer_number,usr_id",
        _customer_lookup_keys="_customer_number,usr_id",
        _disallow_impossible_phone_numbers="true",
        _exceptions="+12025550123",
        _enable_in_queue_checking="strict",
        _throttle_request_parameters_limit="0",
        _max_queued_callbacks_per_service="0",
        _business_hours_service="hours",
        _enable_reject_out_of_office_hours="true",
        **bucket(1, "0", "10"),
        **bucket(2, "0", "60"),
    )
    Callback.objects.all().delete()
    wishes: list[str] = []

    def hear(number: str, usr_id: str = "7") -> str:
        return told(ask(client, _customer_number=number, usr_id=usr_id))[1]

    def mend(**options: str) -> None:
        service.options |= options
        service.save(update_fields=["options"])

    wishes.append(hear("+19005551234", usr_id=""))
    wishes.append(hear("111"))
    wishes.append(hear("+19005551234"))
    wishes.append(hear("+12025550123"))
    BlockedNumber.objects.create(number="+12025550124", reason="asked for it", created_at=NOON)
    wishes.append(hear("+12025550124"))
    ada = "+12025550125"
    mend(_enable_in_queue_checking="false")
    # One of hers for later, which no limit but the one of the queue concerns.
    assert ask(client, _customer_number=ada, usr_id="7", desired_in=21.5 * 3600).status_code == 200
    mend(_enable_in_queue_checking="strict")
    for repair in (
        {"_enable_in_queue_checking": "false"},
        {"_throttle_request_parameters_limit": "5"},
        bucket(1, "5", "10"),
        bucket(2, "5", "60"),
        {"_max_queued_callbacks_per_service": "5"},
        {"_enable_reject_out_of_office_hours": "false"},
    ):
        wishes.append(hear(ada))
        mend(**repair)
    assert hear(ada) == ""
    assert [wish.partition(" (")[0] for wish in wishes] == [
        "Invalid option: mandatory key usr_id is missing",
        "Customer Number [111] is disallowed, because it is invalid. Check option _disallow_impossible_phone_numbers",
        "Customer Number [+19005551234] is disallowed, because it's a premium number. "
        "Check option _disallow_premium_phone_numbers",
        "Customer Number [+12025550123] is disallowed, because it is listed there. Check option _exceptions",
        "Customer Number [+12025550124] is disallowed, because it is blocked.",
        f"Callback for _customer_number={ada} rejected because a callback of this number is already in queue for "
        "billing. Check option _enable_in_queue_checking",
        too_often(0, ada),
        reached_in(10),
        reached_in(60),
        REACHED,
        "Nobody can be called now: the office is closed",
    ]
