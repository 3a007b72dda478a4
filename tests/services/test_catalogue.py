from __future__ import annotations

import pytest

from services.catalogue import CALLBACK_OPTIONS, SECTIONS, Option
from services.configurations import CALLBACK_CONFIGURATIONS, CommonDefaultConfiguration
from services.types import CALLBACK, ServiceType, UnknownType, register, service_type

# As the options reference and the User Terminated Immediate document print them.
DEFAULTS = {
    "_type": "ors",
    "_service": "callback",
    "_media_type": "voice",
    "_call_direction": "USERORIGINATED",
    "_wait_for_agent": "true",
    "_wait_for_user_confirm": "false",
    "_userterminated_first_connect_party": "CUSTOMER",
    "_provide_code": "false",
    "_ttl": "86400",
    "_use_debug_push_certificate": "false",
    "_route_point": "",
    "_resource_group": "",
    "_urs_virtual_queue": "",
    "_target": "",
    "_urs_prioritization_strategy": "WaitForTarget",
    "_urs_strategy_update_sub_routine": "SetRouteDelay",
    "_prefix_dial_out": "",
    "_max_dial_attempts": "3",
    "_dial_retry_timeout": "300",
    "_ixn_createcall_timeout": "32",
    "_calling_party_number": "",
    "_calling_party_display_name": "",
    "_cpd_enable": "true",
    "_cpd_unsure": "human",
    "_call_timeguard_timeout": "15000",
    "_max_transfer_to_agent_attempts": "5",
    "_max_time_to_wait_for_agent_on_the_call": "3600",
    "_agent_reserve_timeout": "30",
    "_wrap_up_time": "10",
    "_urs_queued_ttl": "14400",
    "_retain_session_until_ixn_deleted": "false",
    "_max_time_to_wait_for_ixn_delete": "3600",
    "_treatment_customer_connect": "",
    "_treatment_waiting_for_agent": "",
    "_treatment_find_agent_fail": "",
    "_treatment_call_failure_answering_machine": "",
    "_request_execution_time_buffer": "120",
    "_desired_connect_time_threshold": "180",
    "_customer_lookup_keys": "_customer_number",
    "_mandatory_customer_lookup_keys": "_customer_number",
    "_overwritable_options": "",
}

MANDATORY = {
    "_type",
    "_service",
    "_media_type",
    "_wait_for_agent",
    "_userterminated_first_connect_party",
    "_ttl",
    "_provide_code",
    "_route_point",
    "_urs_virtual_queue",
    "_target",
    "_urs_queued_ttl",
    "_mandatory_customer_lookup_keys",
}

PREDEFINED_VALUES = {
    "_media_type": "voice",
    "_wait_for_agent": "false",
    "_wait_for_user_confirm": "false",
    "_max_transfer_to_agent_attempts": "5",
    "_call_direction": "USERTERMINATED",
    "_userterminated_first_connect_party": "CUSTOMER",
    "_ttl": "86400",
    "_type": "ors",
    "_provide_code": "false",
    "_use_debug_push_certificate": "false",
    "_urs_prioritization_strategy": "WaitForTarget",
    "_urs_strategy_update_sub_routine": "SetRouteDelay",
}


def test_the_options_and_their_defaults() -> None:
    assert {option.name: option.default for option in CALLBACK_OPTIONS} == DEFAULTS
    assert len(CALLBACK_OPTIONS) == len(DEFAULTS)


def test_the_mandatory_options() -> None:
    assert {option.name for option in CALLBACK_OPTIONS if option.mandatory} == MANDATORY


def test_a_resource_group_is_needed_only_when_the_customer_calls() -> None:
    option = CALLBACK.by_name["_resource_group"]
    assert option.is_needed({"_call_direction": "USERORIGINATED"})
    assert not option.is_needed({"_call_direction": "USERTERMINATED"})


@pytest.mark.parametrize("option", CALLBACK_OPTIONS, ids=lambda option: option.name)
def test_every_default_is_allowed_and_every_option_explained(option: Option) -> None:
    option.value(option.default)
    assert option.help.endswith(".")
    assert option.section in SECTIONS


def test_the_configurations_preset_what_the_documents_print() -> None:
    assert {configuration.name: configuration.presets for configuration in CALLBACK_CONFIGURATIONS} == {
        "User Terminated Immediate": PREDEFINED_VALUES,
        "User Terminated Delayed": {**PREDEFINED_VALUES, "_wait_for_agent": "true", "_wait_for_user_confirm": "true"},
        "Custom": {},
    }


@pytest.mark.parametrize("configuration", CALLBACK_CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_every_preset_is_a_value_of_an_option(configuration: CommonDefaultConfiguration) -> None:
    for name, text in configuration.presets.items():
        CALLBACK.by_name[name].value(text)


def test_types_are_registered_once_and_missing_ones_named() -> None:
    assert service_type("callback") is CALLBACK
    with pytest.raises(UnknownType, match="no service type 'chat' is registered; registered are: callback"):
        service_type("chat")
    with pytest.raises(ValueError, match="'callback' is registered already"):
        register(ServiceType(name="callback", label="x", url="service/", options=(), configurations=(), sections=()))
    with pytest.raises(LookupError, match="have no Common Default Configuration 'Chat Immediate'"):
        CALLBACK.defaults("Chat Immediate")
