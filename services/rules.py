"""Rules that bind several options of a callback service together. The admin form keeps them.

They are not applied again when a request overrides one of the options: a request that says `_wait_for_agent=false` to a
service that waits for both the agent and the confirmation means that nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from services.catalogue import CALLBACK_OPTIONS, OptionError, OptionWarning

Values = Mapping[str, object]
# Errors refuse a save, warnings are shown.
Rule = Callable[[Values, Mapping[str, str]], Iterator[OptionError | OptionWarning]]


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
            "the names of options of this service, without those that decide what a request may do "
            "(" + ", ".join(option.name for option in CALLBACK_OPTIONS if not option.overridable) + ")",
        )


CALLBACK_RULES: tuple[Rule, ...] = (
    confirm_needs_waiting,
    threshold_exceeds_buffer,
    lookup_keys_contain_mandatory,
    overwritable_are_options,
)
