"""Common Default Configurations: named presets of option defaults, from which a service is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class CommonDefaultConfiguration:
    """What it presets replaces the defaults of the option table; a service's own values replace both."""

    name: str
    presets: Mapping[str, str]


# Presets of every scenario. The premium rule of numbers is on, so that the country has to be known.
_EVERY = {
    "_media_type": "voice",
    "_type": "ors",
    "_ttl": "86400",
    "_max_transfer_to_agent_attempts": "5",
    "_provide_code": "false",
    "_use_debug_push_certificate": "false",
    "_default_country": "US",
    "_urs_prioritization_strategy": "WaitForTarget",
    "_urs_strategy_update_sub_routine": "SetRouteDelay",
}
_IMMEDIATE = {"_wait_for_agent": "false", "_wait_for_user_confirm": "false"}
_DELAYED = {"_wait_for_agent": "true", "_wait_for_user_confirm": "true"}
# "User Terminated Immediate", Customization, also shows `_prefix_dial_out = 91`, left out here: a prefix that the PBX
# does not expect dials wrong numbers.
_USER_TERMINATED = {
    **_EVERY,
    "_call_direction": "USERTERMINATED",
    "_userterminated_first_connect_party": "CUSTOMER",
}
_AGENT_FIRST = {
    **_EVERY,
    "_call_direction": "USERTERMINATED",
    "_userterminated_first_connect_party": "AGENT",
    "_wait_for_agent": "true",
    "_wait_for_user_confirm": "false",
}
_USER_ORIGINATED = {**_EVERY, "_call_direction": "USERORIGINATED", "_booking_expiration_timeout": "30"}

CUSTOM = CommonDefaultConfiguration("Custom", {})

CALLBACK_CONFIGURATIONS = (
    CommonDefaultConfiguration("User Terminated Immediate", {**_USER_TERMINATED, **_IMMEDIATE}),
    CommonDefaultConfiguration("User Terminated Delayed", {**_USER_TERMINATED, **_DELAYED}),
    CommonDefaultConfiguration("Agent Preview", {**_AGENT_FIRST, "_agent_preview": "true"}),
    CommonDefaultConfiguration("Agent First", {**_AGENT_FIRST, "_agent_preview": "false"}),
    CommonDefaultConfiguration("User Originated Immediate", {**_USER_ORIGINATED, **_IMMEDIATE}),
    CommonDefaultConfiguration("User Originated Delayed", {**_USER_ORIGINATED, **_DELAYED}),
    CUSTOM,
)
