"""What a service's limits are, and whether one more request is within them (wire contract, section 7). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from services import resolution
from services.resolution import HasOptions

# How many callbacks a customer's number may have before the next one is refused (`_enable_in_queue_checking`).
MOST_OF_A_NUMBER = {"true": 2, "strict": 1}
_DAILY, _FORMER_DAILY = "_throttle_request_parameters_limit", "_throttle_customer_number_limit"


class LimitReached(Exception):
    """One more would be one too many; nothing was stored. Its text is what the client is told."""


@dataclass(frozen=True)
class Window:
    """At most `limit` starts for now in so many seconds; with no seconds it does not count."""

    limit: int
    seconds: int


@dataclass(frozen=True)
class Limits:
    """`keys` are those whose values are counted, each up to `of_a_value` a day; with `headers` they are looked for
    among the request's headers too. `of_a_number`: so many callbacks may a number have already, less one; None: any.
    """

    service: str
    windows: tuple[Window, Window]
    keys: tuple[str, ...]
    of_a_value: int
    headers: bool
    queued: int
    of_a_number: int | None

    @property
    def longest(self) -> int:
        return max(window.seconds for window in self.windows)


@dataclass(frozen=True)
class Counts:
    """What there is before a request. `of_a_number` and `queued` are callbacks, `windows` and `values` starts accepted
    in each window, and today with each of the request's values.
    """

    of_a_number: int
    values: tuple[int, ...] = ()
    windows: tuple[int, ...] = ()
    queued: int = 0


def of_service(service: HasOptions, name: str, resolved: Mapping[str, object]) -> Limits:
    """The limits of the service of this name, whose options amount to `resolved`.

    Each value is resolved on its own: the service's, else that of section [callback], else the hard default; negative
    is the hard default wherever it is set (`services.kinds.limit`).
    """
    return Limits(
        service=name,
        windows=(
            Window(_number(resolved["_throttle_callbacks_per_service_1"]), _number(resolved["_throttle_ttl_1"])),
            Window(_number(resolved["_throttle_callbacks_per_service_2"]), _number(resolved["_throttle_ttl_2"])),
        ),
        keys=cast("tuple[str, ...]", resolved["_throttle_request_parameters"]),
        of_a_value=_of_a_value(service, resolved),
        headers=resolved["_enable_throttle_header_parameters"] is True,
        queued=_number(resolved["_max_queued_callbacks_per_service"]),
        of_a_number=MOST_OF_A_NUMBER.get(str(resolved["_enable_in_queue_checking"])),
    )


def _of_a_value(service: HasOptions, resolved: Mapping[str, object]) -> int:
    """The daily limit. A configuration of before release 8.5.110 has it under its former name, at either level."""
    former = resolved["_throttle_customer_number_limit"]
    if former is not None:
        own, section = resolution.explicit_texts(service), service.global_sections.get("callback", {})
        for level in (own, section):
            if level.get(_DAILY, "").strip():
                break
            if level.get(_FORMER_DAILY, "").strip():
                return _number(former)
    return _number(resolved["_throttle_request_parameters_limit"])


def _number(value: object) -> int:
    return cast("int", value)


def counted_values(
    limits: Limits, parameters: Mapping[str, str], headers: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """The keys that are counted and the request has, with their values; a header wins over a key of the body."""
    found = []
    for key in limits.keys:
        of_header = headers.get(key, "").strip() if limits.headers else ""
        if value := of_header or parameters.get(key, "").strip():
            found.append((key, value))
    return tuple(found)


def check_number(limits: Limits, number: str, counts: Counts) -> None:
    """For requests of any time: how many callbacks the customer's number has in the queue. Raises LimitReached."""
    if limits.of_a_number is not None and counts.of_a_number >= limits.of_a_number:
        already = "a callback" if limits.of_a_number == 1 else f"{limits.of_a_number} callbacks"
        raise LimitReached(
            f"Callback for _customer_number={number} rejected because {already} of this number "
            f"{'is' if limits.of_a_number == 1 else 'are'} already in queue for {limits.service}. "
            "Check option _enable_in_queue_checking"
        )


def check_now(limits: Limits, values: tuple[tuple[str, str], ...], counts: Counts) -> None:
    """For requests that go to the queue now: values of the day, the two windows, the queue. Raises LimitReached."""
    for (key, value), count in zip(values, counts.values, strict=True):
        if count >= limits.of_a_value:
            raise LimitReached(
                f"Callback for {key}={value} rejected because previous callbacks for this parameter were requested for "
                f"more than {limits.of_a_value} times today."
            )
    for window, count in zip(limits.windows, counts.windows, strict=True):
        if window.seconds and count >= window.limit:
            raise LimitReached(
                f"Limit of queued callbacks for {limits.service} is reached for interval {window.seconds}s."
            )
    if counts.queued >= limits.queued:
        raise LimitReached(f"Limit of queued callbacks for {limits.service} is reached.")
