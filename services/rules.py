"""Rules that bind several options of a service together: errors, where they contradict each other, and warnings.

They are not applied again when a request overrides one of the options: a request that says `_wait_for_agent=false` to a
service that waits for both the agent and the confirmation means that nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services.catalogue import CALLBACK_OPTIONS, OptionError, OptionWarning

Values = Mapping[str, object]
# Errors refuse a save, warnings are shown.
Rule = Callable[[Values, Mapping[str, str]], Iterator[OptionError | OptionWarning]]

# Options that the vendor's later releases do not have any more, and the one that took their place.
OBSOLETE = {
    "_throttle_customer_number_limit": "_throttle_request_parameters_limit",
    "_vq": "_urs_virtual_queue",
    "_transfer_to_agent_retry_timeout": "",
    "_urs_server_url": "",
    "_urs_sec_server_url": "",
}
# Where the one that took its place is not set.
STILL_COUNTS = frozenset({"_throttle_customer_number_limit"})

CAPACITY_OF_DAYS = tuple(f"_capacity_{number}" for number in range(1, 8))


def confirm_needs_waiting(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError]:
    """User Terminated Immediate, `_wait_for_user_confirm`: only possible if `_wait_for_agent` is true."""
    if values.get("_wait_for_user_confirm") is True and values.get("_wait_for_agent") is False:
        yield OptionError("_wait_for_user_confirm", "true", "false as long as _wait_for_agent is false")


def threshold_exceeds_buffer(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError]:
    """Options reference, `_desired_connect_time_threshold`: else a scheduled callback would time out as it starts."""
    threshold, buffer = "_desired_connect_time_threshold", "_request_execution_time_buffer"
    late, early = values.get(threshold), values.get(buffer)
    if isinstance(late, int) and isinstance(early, int) and late <= early:
        yield OptionError(threshold, texts[threshold], f"more than {buffer}, which is {texts[buffer]} seconds")


def lookup_keys_contain_mandatory(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError]:
    """Options reference, `_customer_lookup_keys`: a superset of the mandatory ones."""
    keys, mandatory = values.get("_customer_lookup_keys"), values.get("_mandatory_customer_lookup_keys")
    if isinstance(keys, tuple) and isinstance(mandatory, tuple) and (missing := set(mandatory) - set(keys)):
        yield OptionError(
            "_customer_lookup_keys",
            texts["_customer_lookup_keys"],
            f"a list that contains every key of _mandatory_customer_lookup_keys; missing: {', '.join(sorted(missing))}",
        )


def overwritable_are_options(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError]:
    """A misspelt name would quietly keep requests from overriding what they were meant to."""
    names = values.get("_overwritable_options")
    allowed = {option.name for option in CALLBACK_OPTIONS if option.overridable}
    if isinstance(names, tuple) and (wrong := [name for name in names if name not in allowed]):
        yield OptionError(
            "_overwritable_options",
            ", ".join(wrong),
            "the names of options of this service that a request may override; those that limit requests may not",
        )


def reports_have_an_address(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError | OptionWarning]:
    """Options reference, `_status_notification_target`: a web address for httpcb, and needed to report at all."""
    enabled = values.get("_enable_status_notification") in {"subscribe_notify", "notify"}
    target = values.get("_status_notification_target")
    if target == "" and enabled and not values.get("_callback_events_list"):
        yield OptionWarning(
            "_status_notification_target",
            "_status_notification_target is empty, so that nothing is reported although _enable_status_notification is "
            f"{values['_enable_status_notification']}.",
        )
    elif enabled and values.get("_status_notification_type") == "orscb":
        yield OptionWarning(
            "_status_notification_type",
            "_status_notification_type is orscb, which names a session of the vendor's orchestration server: nothing "
            "is reported. Use httpcb.",
        )
    is_web = isinstance(target, str) and target.startswith(("http://", "https://"))
    if target and values.get("_status_notification_type") == "httpcb" and not is_web:
        yield OptionError(
            "_status_notification_target",
            texts["_status_notification_target"],
            "a web address, http:// or https://, as long as _status_notification_type is httpcb",
        )


def number_rules_need_a_country(values: Values, texts: Mapping[str, str]) -> Iterator[OptionWarning]:
    """Options reference, `_default_country`: a number without a country code cannot be judged without a country."""
    for name in ("_disallow_impossible_phone_numbers", "_disallow_premium_phone_numbers"):
        if values.get(name) is True and values.get("_default_country") == "":
            yield OptionWarning(
                "_default_country", f"_default_country is empty, but {name} is true: numbers cannot be judged."
            )


def disposition_needs_office_hours(values: Values, texts: Mapping[str, str]) -> Iterator[OptionWarning]:
    """Options reference, `_enable_disposition_dialog`: an agent can offer another time only within office hours."""
    hours = values.get("_business_hours_service", "not read")
    if values.get("_enable_disposition_dialog") is True and hours is None:
        yield OptionWarning(
            "_enable_disposition_dialog",
            "_enable_disposition_dialog is true, but _business_hours_service is empty: agents can offer no other time.",
        )


def preview_needs_agent_first(values: Values, texts: Mapping[str, str]) -> Iterator[OptionWarning]:
    """Scenarios, *User Terminated Preview*: the agent who decides is the first party."""
    if values.get("_agent_preview") is True and values.get("_userterminated_first_connect_party") == "CUSTOMER":
        yield OptionWarning(
            "_agent_preview",
            "_agent_preview is true, but _userterminated_first_connect_party is CUSTOMER: nothing is previewed.",
        )


def scenario_can_run(values: Values, texts: Mapping[str, str]) -> Iterator[OptionWarning]:
    """What `callbacks.flow.scenarios` has no stages for; a test holds the two against each other."""
    media = values.get("_media_type", "voice")
    if media != "voice":
        yield OptionWarning("_media_type", f"cannot work: _media_type is {media}, only voice can run.", blocks=True)


def obsolete_options(values: Values, texts: Mapping[str, str]) -> Iterator[OptionWarning]:
    for name, successor in OBSOLETE.items():
        if texts[name].strip():
            instead = f"; use {successor}" if successor else ""
            effect = "" if name in STILL_COUNTS else " and has no effect"
            yield OptionWarning(name, f"{name} is obsolete{effect}{instead}.")


def alternatives_need_dates(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError]:
    """Options reference of office-hours, `_effective_dates<n>`: mandatory with `_use_alternative<n>`."""
    for name, value in values.items():
        dates = name.replace("_use_alternative", "_effective_dates")
        if dates != name and value is not None and not texts.get(dates, "").strip():
            yield OptionError(name, texts[name], f"a service only together with {dates}, which is empty")


def capacity_has_a_maximum(values: Values, texts: Mapping[str, str]) -> Iterator[OptionError]:
    """Options reference of capacity, `_max_capacity`: more than it is an error."""
    most = values.get("_max_capacity")
    days = {name: [hours] for name, hours in values.items() if name in CAPACITY_OF_DAYS}
    if isinstance(dated := values.get("_capacity_add"), Mapping):
        days["_capacity_add"] = list(dated.values())
    for name, several in days.items():
        numbers = [places for hours in several if isinstance(hours, Mapping) for places in hours.values()]
        if isinstance(most, int) and max(numbers, default=0) > most:
            yield OptionError(name, texts[name], f"at most {most} in each hour, as _max_capacity says")


def capacity_has_its_days(values: Values, texts: Mapping[str, str]) -> Iterator[OptionWarning]:
    """`_capacity` says which days `_capacity_1` to `_capacity_7` stand for; a number too many stands for none."""
    days = values.get("_capacity")
    for number, name in enumerate(CAPACITY_OF_DAYS, start=1):
        if isinstance(days, tuple) and number > len(days) and values.get(name):
            yield OptionWarning(name, f"{name} has no effect: _capacity lists {len(days)} days.")


CALLBACK_RULES: tuple[Rule, ...] = (
    confirm_needs_waiting,
    threshold_exceeds_buffer,
    lookup_keys_contain_mandatory,
    overwritable_are_options,
    reports_have_an_address,
    number_rules_need_a_country,
    disposition_needs_office_hours,
    preview_needs_agent_first,
    scenario_can_run,
    obsolete_options,
)
OFFICE_HOURS_RULES: tuple[Rule, ...] = (alternatives_need_dates,)
CAPACITY_RULES: tuple[Rule, ...] = (capacity_has_a_maximum, capacity_has_its_days)
