from __future__ import annotations

from itertools import product

import pytest

from callbacks.flow.scenarios import SCENARIOS
from services.catalogue import (
    CALLBACK_OPTIONS,
    LIST_OPTIONS,
    SECTION_OPTIONS,
    SECTIONS,
    Option,
    OptionError,
    OptionWarning,
    list_option,
    section_option,
)
from services.configurations import CALLBACK_CONFIGURATIONS, CommonDefaultConfiguration
from services.resolution import effective, read_texts
from services.rules import OBSOLETE
from services.types import CALLBACK, CAPACITY, OFFICE_HOURS, ServiceType, UnknownType, register, service_type
from tests.services import vendor
from tests.services.doubles import COMPLETE, Service

EVERY_OPTION = [
    *CALLBACK_OPTIONS,
    *OFFICE_HOURS.options,
    *CAPACITY.options,
    *SECTION_OPTIONS,
    *(option for options in LIST_OPTIONS.values() for option in options),
]

MANDATORY = {
    "_type",
    "_service",
    "_media_type",
    "_wait_for_agent",
    "_user_confirm_timeout",
    "_userterminated_first_connect_party",
    "_agent_first_via_rp",
    "_agent_transfer_confirm_timeout",
    "_ttl",
    "_provide_code",
    "_booking_expiration_timeout",
    "_route_point",
    "_urs_virtual_queue",
    "_target",
    "_urs_queued_ttl",
    "_mandatory_customer_lookup_keys",
}

OF_ALL = {
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
# Direction, wait for the agent, confirm with the user, and what is particular to each.
CONFIGURATIONS: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "User Terminated Immediate": (
        "USERTERMINATED", "false", "false", {"_userterminated_first_connect_party": "CUSTOMER"},
    ),
    "User Terminated Delayed": (
        "USERTERMINATED", "true", "true", {"_userterminated_first_connect_party": "CUSTOMER"},
    ),
    "Agent Preview": (
        "USERTERMINATED", "true", "false", {"_userterminated_first_connect_party": "AGENT", "_agent_preview": "true"},
    ),
    "Agent First": (
        "USERTERMINATED", "true", "false", {"_userterminated_first_connect_party": "AGENT", "_agent_preview": "false"},
    ),
    "User Originated Immediate": ("USERORIGINATED", "false", "false", {"_booking_expiration_timeout": "30"}),
    "User Originated Delayed": ("USERORIGINATED", "true", "true", {"_booking_expiration_timeout": "30"}),
}  # fmt: skip


def findings(options: dict[str, str], type_name: str = "callback", **changes: str) -> list[OptionError | OptionWarning]:
    """What the rules of a type say about a service with these options."""
    configuration = changes.pop("configuration", "Custom" if type_name != "callback" else "User Terminated Immediate")
    kind = service_type(type_name)
    service = Service({**options, **changes}, configuration, type_name)
    texts = effective(service)
    named = {name: option for name in texts if (option := kind.option(name))}
    values, errors = read_texts(named.values(), texts)
    assert errors == []
    return [finding for rule in kind.rules for finding in rule(values, texts)]


def test_every_option_of_the_vendor_stands_in_its_section_with_its_default() -> None:
    ours = vendor.OWN_DEFAULTS | vendor.OWN_OPTIONS
    for section in SECTIONS:
        options = {option.name: option.default for option in CALLBACK_OPTIONS if option.section == section}
        expected = {name: ours.get(name, default) for name, default in vendor.DEFAULTS[section].items()}
        assert {name: options[name] for name in options if name not in vendor.OWN_OPTIONS} == expected
    names = [option.name for option in CALLBACK_OPTIONS]
    assert len(names) == len(set(names)) == sum(map(len, vendor.DEFAULTS.values())) + len(vendor.OWN_OPTIONS)


def test_the_mandatory_options() -> None:
    assert {option.name for option in CALLBACK_OPTIONS if option.mandatory} == MANDATORY


def test_a_resource_group_is_needed_only_when_the_customer_calls() -> None:
    option = CALLBACK.by_name["_resource_group"]
    assert option.is_needed({"_call_direction": "USERORIGINATED"})
    assert not option.is_needed({"_call_direction": "USERTERMINATED"})


def test_what_a_request_may_be_allowed_to_override_is_offered() -> None:
    kind = CALLBACK.by_name["_overwritable_options"].value_kind
    assert kind.widget == "several"
    assert kind.choices is not None
    offered = [text for text, _ in kind.choices()]
    assert {"_ttl", "_redirect", "_target"} <= set(offered)
    assert {"_overwritable_options", "_throttle_ttl_1", "password", "_desired_time"}.isdisjoint(offered)
    assert kind.read(",".join(offered)) == tuple(offered)


def test_what_is_secret() -> None:
    assert [option.name for option in CALLBACK_OPTIONS if option.secret] == ["password"]
    assert [(option.section, option.name) for option in SECTION_OPTIONS if option.secret] == [
        ("server", "password"),
        ("callback", "_services_credentials"),
        ("push", "fcm.apiKey"),
        ("push", "debug.fcm.apiKey"),
    ]


@pytest.mark.parametrize("option", EVERY_OPTION, ids=lambda option: option.name)
def test_every_default_is_allowed_and_every_option_explained(option: Option) -> None:
    option.value(option.default)
    assert option.help[0].isupper() or option.help.startswith(("true:", "httpcb"))
    assert option.help.endswith(".")
    assert option.note == "" or option.note.endswith(".")


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in vendor.CONFIGURED_VALUES.items() for text in texts],
)
def test_every_value_that_the_vendors_tests_configure_is_read(name: str, text: str) -> None:
    CALLBACK.by_name[name].value(text)


@pytest.mark.parametrize(("name", "default"), vendor.NEGATIVE_LIMITS.items())
def test_a_negative_limit_means_the_default_at_every_level(name: str, default: int) -> None:
    option = CALLBACK.by_name[name]
    section = section_option("callback", name)
    assert section is not None
    assert option.value("-1") == section.value("-7") == default
    assert option.value("0") == section.value("0") == 0
    assert option.value("2") == section.value("2") == 2


@pytest.mark.parametrize("type_name", vendor.OTHER_TYPES)
def test_every_value_of_the_other_types_is_read(type_name: str) -> None:
    for name, text in vendor.OTHER_TYPES[type_name].items():
        option = service_type(type_name).option(name)
        assert option is not None
        assert option.name == name
        option.value(text)


def test_every_value_of_sections_and_lists_is_read() -> None:
    for (section, key), text in vendor.SECTION_VALUES.items():
        option = section_option(section, key)
        assert option is not None
        option.value(text)
    for (name, section, key), text in vendor.LIST_VALUES.items():
        option = list_option(name, section, key)
        assert option is not None
        option.value(text)


def test_what_is_not_known_of_sections_and_lists() -> None:
    assert section_option("callback", "our-own") is None
    assert section_option("ours", "username") is None
    assert list_option("GMS_Events", "_cbe_on_service_exit", "colour") is None
    assert list_option("Our_List", "services", "all") is None


def test_every_inherited_option_exists_and_is_the_same() -> None:
    inheriting = [option for option in CALLBACK_OPTIONS if option.inherits]
    assert len(inheriting) == 20
    for option in inheriting:
        assert option.inherits is not None
        of_section = section_option(*option.inherits)
        assert of_section is not None
        assert (of_section.default, of_section.allowed) == (option.default, option.allowed)
        assert of_section.secret is option.secret
    assert CALLBACK.by_name["_max_queued_callbacks_per_service"].inherits == (
        "callback",
        "max_queued_callbacks_per_service",
    )
    assert CALLBACK.by_name["password"].inherits == ("server", "password")


def test_the_configurations_preset_what_the_scenarios_need() -> None:
    expected = {
        name: {
            **OF_ALL,
            "_call_direction": direction,
            "_wait_for_agent": wait,
            "_wait_for_user_confirm": confirm,
            **particular,
        }
        for name, (direction, wait, confirm, particular) in CONFIGURATIONS.items()
    }
    found = {configuration.name: dict(configuration.presets) for configuration in CALLBACK_CONFIGURATIONS}
    assert found == {**expected, "Custom": {}}


@pytest.mark.parametrize("configuration", CALLBACK_CONFIGURATIONS, ids=lambda configuration: configuration.name)
def test_every_preset_is_a_value_of_an_option_that_no_section_could_set(
    configuration: CommonDefaultConfiguration,
) -> None:
    for name, text in configuration.presets.items():
        CALLBACK.by_name[name].value(text)
        assert CALLBACK.by_name[name].inherits is None


def test_types_are_registered_once_and_missing_ones_named() -> None:
    assert [service_type(name) for name in ("callback", "office-hours", "capacity")] == [
        CALLBACK,
        OFFICE_HOURS,
        CAPACITY,
    ]
    with pytest.raises(
        UnknownType, match="no service type 'chat' is registered; registered are: callback, office-hours, capacity"
    ):
        service_type("chat")
    with pytest.raises(ValueError, match="'callback' is registered already"):
        register(ServiceType(name="callback", label="x", url="service/", options=(), configurations=(), sections=()))
    with pytest.raises(LookupError, match="have no Common Default Configuration 'Chat Immediate'"):
        CALLBACK.defaults("Chat Immediate")


def test_every_section_of_a_type_has_options_and_the_other_way_round() -> None:
    for kind in (CALLBACK, OFFICE_HOURS, CAPACITY):
        assert {option.section for option in kind.options} == set(kind.sections)


def test_a_family_has_members_of_any_number() -> None:
    member = OFFICE_HOURS.option("_bh_regular12")
    assert member is not None
    assert (member.name, member.numbered) == ("_bh_regular12", False)
    with pytest.raises(OptionError, match="Option _bh_regular12: 'always' was given"):
        member.value("always")
    assert OFFICE_HOURS.option("_bh_regular") is OFFICE_HOURS.by_name["_bh_regular"]
    for name in ("_bh_regularly", "_bh_regular1a", "_bh_regular²", "_bh", "_timezone1"):
        assert OFFICE_HOURS.option(name) is None
    assert OFFICE_HOURS.option("_include_regular1").help != OFFICE_HOURS.option("_include1").help  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, []),
        ({"_default_country": "DE"}, []),
        (
            {"_wait_for_user_confirm": "true"},
            [
                "Option _wait_for_user_confirm: 'true' was given, allowed is false as long as _wait_for_agent is "
                "false."
            ],
        ),
        (
            {"_desired_connect_time_threshold": "120"},
            [
                "Option _desired_connect_time_threshold: '120' was given, allowed is more than "
                "_request_execution_time_buffer, which is 120 seconds."
            ],
        ),
        (
            {"_mandatory_customer_lookup_keys": "_customer_number,account"},
            [
                "Option _customer_lookup_keys: '_customer_number' was given, allowed is a list that contains every key "
                "of _mandatory_customer_lookup_keys; missing: account."
            ],
        ),
        ({"_overwritable_options": "_ttl,_redirect"}, []),
        (
            {"_overwritable_options": "_ttl,_throttle_ttl_1,_targte"},
            [
                "Option _overwritable_options: '_throttle_ttl_1, _targte' was given, allowed is the names of options "
                "of this service that a request may override; those that limit requests may not."
            ],
        ),
        (
            {"_enable_status_notification": "notify"},
            [
                "_status_notification_target is empty, so that nothing is reported although "
                "_enable_status_notification is notify."
            ],
        ),
        ({"_enable_status_notification": "notify", "_callback_events_list": "GMS_Events"}, []),
        ({"_enable_status_notification": "notify", "_status_notification_target": "https://host/events"}, []),
        (
            {"_status_notification_target": "ftp://host"},
            [
                "Option _status_notification_target: 'ftp://host' was given, allowed is a web address, http:// or "
                "https://, as long as _status_notification_type is httpcb."
            ],
        ),
        ({"_status_notification_type": "orscb", "_status_notification_target": "0A1B2C"}, []),
        (
            {
                "_enable_status_notification": "notify",
                "_status_notification_type": "orscb",
                "_status_notification_target": "0A1B2C",
            },
            [
                "_status_notification_type is orscb, which names a session of the vendor's orchestration server: "
                "nothing is reported. Use httpcb."
            ],
        ),
        (
            {"_enable_disposition_dialog": "true"},
            [
                "_enable_disposition_dialog is true, but _business_hours_service is empty: agents can offer no other "
                "time."
            ],
        ),
        ({"_enable_disposition_dialog": "true", "_business_hours_service": "bh_24x7"}, []),
        ({"_enable_disposition_dialog": "true", "_business_hours_service": "$office$"}, []),
        (
            {"_agent_preview": "true"},
            [
                "_agent_preview is true, but _userterminated_first_connect_party is CUSTOMER: nothing is previewed."
            ],
        ),
        ({"_media_type": "chat"}, ["cannot work: _media_type is chat, only voice can run."]),
        (
            {"_throttle_customer_number_limit": "600", "_urs_server_url": "http://localhost:7311"},
            [
                "_throttle_customer_number_limit is obsolete; use _throttle_request_parameters_limit.",
                "_urs_server_url is obsolete and has no effect.",
            ],
        ),
    ],
)  # fmt: skip
def test_rules(changes: dict[str, str], sentences: list[str]) -> None:
    assert [str(finding) for finding in findings(COMPLETE, **changes)] == sentences


def test_number_rules_need_a_country() -> None:
    """Only a Custom service has none: the other configurations say US."""
    assert [
        str(finding) for finding in findings(COMPLETE, configuration="Custom", _call_direction="USERTERMINATED")
    ] == ["_default_country is empty, but _disallow_premium_phone_numbers is true: numbers cannot be judged."]
    quiet = {"_call_direction": "USERTERMINATED", "_disallow_premium_phone_numbers": "false"}
    assert findings(COMPLETE, configuration="Custom", **quiet) == []


def test_errors_and_warnings() -> None:
    [error] = findings(COMPLETE, _wait_for_user_confirm="true")
    [warning] = findings(COMPLETE, _agent_preview="true")
    [blocking] = findings(COMPLETE, _media_type="chat")
    assert isinstance(error, OptionError)
    assert isinstance(warning, OptionWarning)
    assert not warning.blocks
    assert isinstance(blocking, OptionWarning)
    assert blocking.blocks
    assert (error.option, warning.option, blocking.option) == (
        "_wait_for_user_confirm",
        "_agent_preview",
        "_media_type",
    )


@pytest.mark.parametrize(
    ("direction", "wait", "first"),
    list(product(("USERTERMINATED", "USERORIGINATED"), (True, False), ("CUSTOMER", "AGENT"))),
)
def test_a_scenario_is_blocked_exactly_when_the_flow_has_no_stages_for_it(
    direction: str, wait: bool, first: str
) -> None:
    found = findings(
        COMPLETE,
        _call_direction=direction,
        _wait_for_agent=str(wait).lower(),
        _userterminated_first_connect_party=first,
    )
    blocked = any(isinstance(finding, OptionWarning) and finding.blocks for finding in found)
    assert blocked is ((direction, wait, first) not in SCENARIOS)


def test_obsolete_options_are_options_and_so_are_their_successors() -> None:
    for name, successor in OBSOLETE.items():
        assert name in CALLBACK.by_name
        assert successor == "" or successor in CALLBACK.by_name


def test_an_alternative_needs_the_dates_of_its_number() -> None:
    hours = {"_timezone": "Europe/Berlin", "_use_alternative2": "summer"}
    missing = [
        "Option _use_alternative2: 'summer' was given, allowed is a service only together with _effective_dates2, "
        "which is empty."
    ]
    assert [str(finding) for finding in findings(hours, "office-hours")] == missing
    dates = "2026-06-01 to 2026-08-31"
    assert [str(finding) for finding in findings(hours, "office-hours", _effective_dates1=dates)] == missing
    assert findings(hours, "office-hours", _effective_dates2=dates) == []


def test_no_hour_has_more_than_the_maximum() -> None:
    capacity = {"_timezone": "UTC", "_max_capacity": "10", "_capacity_3": '{"3": {"1000": 10, "1100": 9}}'}
    assert findings(capacity, "capacity", _capacity_add='{"2026-12-24": {"0900": 10}, "12-25": {}}') == []
    assert [str(finding) for finding in findings(capacity, "capacity", _capacity_4='{"4": {"1000": 11}}')] == [
        'Option _capacity_4: \'{"4": {"1000": 11}}\' was given, allowed is at most 10 in each hour, as _max_capacity '
        "says."
    ]
    dated = '{"2026-12-24": {"0900": 5}, "12-25": {"0900": 11}}'
    assert [str(finding) for finding in findings(capacity, "capacity", _capacity_add=dated)] == [
        f"Option _capacity_add: '{dated}' was given, allowed is at most 10 in each hour, as _max_capacity says."
    ]


def test_a_capacity_whose_day_is_not_listed_is_named() -> None:
    capacity = {"_timezone": "UTC", "_capacity_3": '{"3": {"1000": 6}}', "_capacity": "[Mon, Tue, Sat]"}
    assert findings(capacity, "capacity") == []
    assert [str(finding) for finding in findings(capacity, "capacity", _capacity_4='{"4": {"1000": 6}}')] == [
        "_capacity_4 has no effect: _capacity lists 3 days."
    ]
    assert findings(capacity, "capacity", _capacity_4='{"4": {}}') == []
