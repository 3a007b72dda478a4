"""Common Default Configurations: named presets of option defaults, from which a service is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, eq=False)
class CommonDefaultConfiguration:
    """What it presets replaces the defaults of the option table; a service's own values replace both."""

    name: str
    presets: Mapping[str, str]


# As "User Terminated Immediate", Predefined Values and Additional Required Options, prints them. Its customization
# table also shows `_prefix_dial_out = 91`, left out here: a prefix that the PBX does not expect dials wrong numbers.
_USER_TERMINATED_IMMEDIATE = {
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

CUSTOM = CommonDefaultConfiguration("Custom", {})

CALLBACK_CONFIGURATIONS = (
    CommonDefaultConfiguration("User Terminated Immediate", _USER_TERMINATED_IMMEDIATE),
    CommonDefaultConfiguration(
        "User Terminated Delayed",
        {**_USER_TERMINATED_IMMEDIATE, "_wait_for_agent": "true", "_wait_for_user_confirm": "true"},
    ),
    CUSTOM,
)
