from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services import types
from services.catalogue import CALLBACK_OPTIONS
from services.configurations import CommonDefaultConfiguration
from services.kinds import Treatment
from services.resolution import (
    OptionError,
    allowed_overrides,
    effective,
    explicit_texts,
    missing_mandatory,
    problems,
    replace_tokens,
    resolve,
    resolve_one,
)
from services.types import CALLBACK, UnknownType
from tests.services.doubles import COMPLETE, Service


def test_a_complete_user_terminated_immediate_service() -> None:
    resolved = resolve(Service({**COMPLETE, "_treatment_call_failure_answering_machine": "{ }"}))
    assert resolved.keys() == {option.name for option in CALLBACK_OPTIONS}
    expected = {
        "_type": "ors",
        "_service": "callback",
        "_media_type": "voice",
        "_call_direction": "USERTERMINATED",
        "_wait_for_agent": False,
        "_wait_for_user_confirm": False,
        "_ttl": 86400,
        "_customer_lookup_keys": ("_customer_number",),
        "_mandatory_customer_lookup_keys": ("_customer_number",),
        "_overwritable_options": (),
        "_max_transfer_to_agent_attempts": 5,
        "_max_time_to_wait_for_agent_on_the_call": 3600,
        "_agent_reserve_timeout": 30,
        "_wrap_up_time": 10,
        "_retain_session_until_ixn_deleted": False,
        "_max_time_to_wait_for_ixn_delete": 3600,
        "_use_debug_push_certificate": False,
        "_target": "Billing@StatServer.GA",
        "_urs_virtual_queue": "Billing_VQ",
        "_urs_queued_ttl": 14400,
        "_urs_prioritization_strategy": "WaitForTarget",
        "_urs_strategy_update_sub_routine": "SetRouteDelay",
        "_route_point": "8999@SIP_Switch",
        "_userterminated_first_connect_party": "CUSTOMER",
        "_prefix_dial_out": "",
        "_max_dial_attempts": 3,
        "_dial_retry_timeout": 300,
        "_ixn_createcall_timeout": 32,
        "_calling_party_number": "",
        "_calling_party_display_name": "",
        "_cpd_enable": True,
        "_cpd_unsure": "human",
        "_call_timeguard_timeout": 15000,
        "_treatment_customer_connect": None,
        "_treatment_waiting_for_agent": None,
        "_treatment_find_agent_fail": None,
        "_treatment_call_failure_answering_machine": Treatment(""),
        "_request_execution_time_buffer": 120,
        "_desired_connect_time_threshold": 180,
        "_provide_code": False,
        "_resource_group": "",
    }
    assert {name: resolved[name] for name in expected} == expected


def test_the_service_beats_its_configuration_which_beats_the_table() -> None:
    assert resolve_one(Service(configuration="Custom"), "_wait_for_agent") is True
    assert resolve_one(Service(), "_wait_for_agent") is False
    assert resolve_one(Service({"_wait_for_agent": "true"}), "_wait_for_agent") is True


@pytest.mark.parametrize("blank", ["", "  "])
def test_an_empty_text_is_no_value(blank: str) -> None:
    service = Service({**COMPLETE, "_ttl": blank, "_wait_for_agent": blank})
    assert resolve(service)["_ttl"] == 86400
    assert resolve(service, overrides={"_wait_for_agent": blank})["_wait_for_agent"] is False


def test_unknown_options_are_kept_as_text_and_not_resolved() -> None:
    service = Service({**COMPLETE, "_our_own_option": "300"})
    assert explicit_texts(service) == {**COMPLETE, "_our_own_option": "300"}
    assert effective(service)["_our_own_option"] == "300"
    assert "_our_own_option" not in resolve(service)


def test_values_that_were_not_stored_as_text_are_read_all_the_same() -> None:
    service = Service({**COMPLETE, "_ttl": 60, "_cpd_enable": False})  # type: ignore[dict-item]
    assert resolve(service)["_ttl"] == 60
    assert resolve(service)["_cpd_enable"] is False


def test_a_bad_value_names_option_given_and_allowed() -> None:
    with pytest.raises(OptionError) as caught:
        resolve(Service({**COMPLETE, "_ttl": "a week"}))
    assert (caught.value.option, caught.value.given) == ("_ttl", "a week")
    assert str(caught.value) == (
        "Option _ttl: 'a week' was given, allowed is a whole number from 1 to 316224000, in seconds."
    )


@pytest.mark.parametrize("name", sorted(COMPLETE))
def test_a_missing_mandatory_value_names_the_option(name: str) -> None:
    with pytest.raises(OptionError, match=f"Option {name}: nothing was given, allowed is a "):
        resolve(Service({**COMPLETE, name: ""}))


def test_a_resource_group_is_missed_only_when_the_customer_calls() -> None:
    with pytest.raises(OptionError, match="Option _resource_group: nothing was given"):
        resolve(Service(COMPLETE), overrides={"_call_direction": "USERORIGINATED"})


def test_a_type_or_configuration_that_does_not_exist() -> None:
    with pytest.raises(UnknownType):
        resolve(Service(type="chat"))
    with pytest.raises(LookupError, match="no Common Default Configuration 'Mine'"):
        resolve(Service(configuration="Mine"))


def test_overrides_are_applied_last() -> None:
    values = resolve(Service({**COMPLETE, "_wait_for_agent": "false"}), overrides={"_wait_for_agent": "True"})
    assert values["_wait_for_agent"] is True


REQUEST = {
    "_customer_number": "5115",
    "_call_direction": "USERTERMINATED",
    "_wait_for_agent": " true ",
    "_wait_for_user_confirm": "false",
    "_media_type": "voice",
    "_provide_code": "",
    "_ttl": "60",
    "_target": "VIP@StatServer.GA",
    "usr_reason": "billing question",
}


def test_the_scenario_keys_always_override_and_others_do_not() -> None:
    assert allowed_overrides(Service(), REQUEST) == {
        "_call_direction": "USERTERMINATED",
        "_wait_for_agent": "true",
        "_wait_for_user_confirm": "false",
        "_media_type": "voice",
    }


def test_listed_options_override_too() -> None:
    overrides = allowed_overrides(Service({"_overwritable_options": "_ttl, _urs_virtual_queue"}), REQUEST)
    assert overrides["_ttl"] == "60"
    assert "_target" not in overrides


def test_what_decides_about_requests_cannot_be_overridden_even_if_listed() -> None:
    service = Service({"_overwritable_options": "_overwritable_options,_mandatory_customer_lookup_keys"})
    request = {"_overwritable_options": "_target", "_mandatory_customer_lookup_keys": "none", "_target": "x@y.GA"}
    assert allowed_overrides(service, request) == {}


@pytest.mark.parametrize(
    ("key", "given", "allowed"),
    [
        ("_wait_for_agent", "maybe", "true or false"),
        ("_media_type", "fax", "voice or chat"),
        ("_call_direction", "BOTH", "USERTERMINATED or USERORIGINATED"),
    ],
)
def test_a_bad_override_is_refused(key: str, given: str, allowed: str) -> None:
    with pytest.raises(OptionError) as caught:
        allowed_overrides(Service(), {key: given})
    assert str(caught.value) == f"Option {key}: '{given}' was given, allowed is {allowed}."


def test_a_bad_value_of_a_key_that_does_not_override_is_none_of_our_business() -> None:
    assert allowed_overrides(Service(), {"_ttl": "a week"}) == {}


def test_tokens_are_replaced_by_request_parameters() -> None:
    service = Service({**COMPLETE, "_target": "$group$@StatServer.GA", "_calling_party_display_name": "$a$ for $b$"})
    values = resolve(service, parameters={"group": "Billing", "a": "Acme", "b": "$a$"})
    assert values["_target"] == "Billing@StatServer.GA"
    assert values["_calling_party_display_name"] == "Acme for $a$"


def test_a_token_without_parameter_stays_and_shows_in_the_error() -> None:
    service = Service({**COMPLETE, "_calling_party_display_name": "$a$", "_dial_retry_timeout": "$pause$"})
    with pytest.raises(OptionError, match=r"Option _dial_retry_timeout: '\$pause\$' was given"):
        resolve(service)
    assert resolve(service, parameters={"pause": "5"})["_calling_party_display_name"] == "$a$"


def test_a_token_that_leaves_nothing_lets_the_default_through() -> None:
    service = Service({**COMPLETE, "_dial_retry_timeout": "$pause$"})
    assert resolve(service, parameters={"pause": ""})["_dial_retry_timeout"] == 300


def test_a_request_cannot_lead_a_treatment_out_of_its_folder() -> None:
    service = Service({**COMPLETE, "_treatment_customer_connect": "$language$/hello.wav"})
    greeting = resolve(service, parameters={"language": "de"})["_treatment_customer_connect"]
    assert greeting == Treatment("de/hello.wav")
    with pytest.raises(OptionError, match=r"'\.\./secret/hello.wav' was given"):
        resolve(service, parameters={"language": "../secret"})


def test_a_request_cannot_add_keys_to_json() -> None:
    text = '{"file": "$f$.wav"}'
    attack = 'a", "hints": {"am-beep-detection": "on"}, "file": "b'
    with pytest.raises(OptionError, match="_treatment_customer_connect"):
        resolve(Service({**COMPLETE, "_treatment_customer_connect": text}), parameters={"f": attack})
    assert replace_tokens("[{'target':'$t$'}]", {"t": "x','clear':'y"}) == (
        "[{'target':'x\\u0027,\\u0027clear\\u0027:\\u0027y'}]"
    )


def test_a_lone_dollar_is_no_token() -> None:
    service = Service({**COMPLETE, "_calling_party_display_name": "5$ off, $ 3"})
    assert resolve(service, parameters={" off, ": "x"})["_calling_party_display_name"] == "5$ off, $ 3"


def test_missing_mandatory_keys() -> None:
    service = Service({"_mandatory_customer_lookup_keys": "_customer_number,account,_email"})
    assert missing_mandatory(service, {"_customer_number": "5115", "account": "  "}) == ["account", "_email"]
    assert missing_mandatory(Service(), {"_customer_number": "5115"}) == []
    assert missing_mandatory(Service(), {}) == ["_customer_number"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (COMPLETE, []),
        ({}, ["cannot work yet: _target, _urs_virtual_queue and _route_point are empty"]),
        ({**COMPLETE, "_target": ""}, ["cannot work yet: _target is empty"]),
        ({**COMPLETE, "_target": "$group$@StatServer.GA", "_ttl": "$ttl$"}, []),
        (
            {**COMPLETE, "_cpd_unsure": "perhaps"},
            ["Option _cpd_unsure: 'perhaps' was given, allowed is human or machine."],
        ),
        (
            {**COMPLETE, "_wait_for_user_confirm": "true"},
            ["Option _wait_for_user_confirm: 'true' was given, allowed is false as long as _wait_for_agent is false."],
        ),
        (
            {**COMPLETE, "_desired_connect_time_threshold": "120"},
            [
                "Option _desired_connect_time_threshold: '120' was given, allowed is more than "
                "_request_execution_time_buffer, which is 120 seconds."
            ],
        ),
        (
            {**COMPLETE, "_mandatory_customer_lookup_keys": "_customer_number,account"},
            [
                "Option _customer_lookup_keys: '_customer_number' was given, allowed is a list that contains every "
                "key of _mandatory_customer_lookup_keys; missing: account."
            ],
        ),
        (
            {**COMPLETE, "_overwritable_options": "_ttl,_targte"},
            [
                "Option _overwritable_options: '_targte' was given, allowed is the names of options of this service "
                "that a request may override; those that limit requests may not."
            ],
        ),
    ],
)
def test_problems(options: dict[str, str], expected: list[str]) -> None:
    assert problems(Service(options)) == expected


def test_a_threshold_just_above_the_buffer_is_allowed() -> None:
    assert problems(Service({**COMPLETE, "_desired_connect_time_threshold": "121"})) == []


def test_problems_of_a_type_that_is_gone() -> None:
    assert problems(Service(type="chat")) == [
        "no service type 'chat' is registered; registered are: callback, office-hours, capacity, request-interaction, "
        "request-access, match-interaction, get, hello"
    ]


# What may stand at one level; a negative limit is a value, the default, and lets no other level decide.
LEVEL = st.sampled_from([None, "", "  ", "-1", "-300", "0", "9", " 7 ", "$limit$", "$missing$"])
HARD_DEFAULTS = {
    "_throttle_callbacks_per_service_1": 500,
    "_throttle_ttl_1": 300,
    "_throttle_callbacks_per_service_2": 1000,
    "_throttle_ttl_2": 3600,
    "_throttle_request_parameters_limit": 6,
}


@given(
    name=st.sampled_from(sorted(HARD_DEFAULTS)),
    own=LEVEL,
    preset=LEVEL.filter(lambda text: "$" not in (text or "")),
    of_section=LEVEL.filter(lambda text: "$" not in (text or "")),
    override=LEVEL.filter(lambda text: "$" not in (text or "")),
    parameter=st.sampled_from(["", "3", "-2"]),
)
@settings(deadline=None)
def test_the_first_that_is_not_empty_counts(
    name: str, own: str | None, preset: str | None, of_section: str | None, override: str | None, parameter: str
) -> None:
    def levels() -> Iterator[str]:
        """Highest first."""
        yield override or ""
        yield (own or "").replace("$limit$", parameter)
        yield preset or ""
        yield of_section or ""
        yield str(HARD_DEFAULTS[name])

    text = next(text for text in levels() if text.strip())
    presets = {name: preset} if preset is not None else {}
    configuration = CommonDefaultConfiguration("Mine", presets)
    kind_of_service = dataclasses.replace(CALLBACK, name="mine", configurations=(configuration,))
    service = Service(
        {**COMPLETE, **({name: own} if own is not None else {})},
        type="mine",
        configuration="Mine",
        global_sections={"callback": {name: of_section}} if of_section is not None else {},
    )
    overrides = {name: override} if override is not None else {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(types._registry, "mine", kind_of_service)

        request: dict[str, Any] = {
            "overrides": {"_call_direction": "USERTERMINATED", **overrides},
            "parameters": {"limit": parameter},
        }
        if "$" in text:
            with pytest.raises(OptionError, match=name):
                resolve(service, **request)
            return
        number = int(text) if int(text) >= 0 else HARD_DEFAULTS[name]
        assert resolve(service, **request)[name] == number
        assert resolve_one(service, name, **request) == number
