"""Limits that protect: which start requests are refused because there were too many, or because of their number.

`rules` says what is allowed and `number_rules` which numbers are taken (both pure), `counts` counts exactly under any
number of requests at once, `idempotency` answers a repeated request as the first one. docs/limits.md explains them all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from callbacks.limits import counts, rules
from callbacks.limits.rules import LimitReached
from services.models import ConfiguredService
from telephony import numbers

__all__ = ["Admission", "LimitReached", "check"]

NUMBER = "_customer_number"


@dataclass(frozen=True)
class Admission:
    """A request that is within the limits as they were seen; `count` makes it so."""

    limits: rules.Limits
    asked: counts.Asked
    values: tuple[tuple[str, str], ...]
    number: str
    seen: counts.Reading

    def count(self, now: datetime) -> None:
        """Count it, in the caller's transaction: as its last act, since others wait for it meanwhile.

        Raises LimitReached where others were faster.
        """
        if self.asked.is_now or self.asked.number:
            self.judge(counts.count(self.asked, self.limits, self.seen, now))

    def judge(self, there_is: rules.Counts) -> None:
        rules.check_number(self.limits, self.number, there_is)
        if self.asked.is_now:
            rules.check_now(self.limits, self.values, there_is)


def check(
    service: ConfiguredService,
    *,
    resolved: Mapping[str, object],
    parameters: Mapping[str, str],
    headers: Mapping[str, str],
    is_now: bool,
    buffer: timedelta,
    now: datetime,
) -> Admission:
    """Let a start request in, or not; in the transaction that stores it.

    `resolved` are the service's options, `is_now` says that it goes to the queue now, `buffer` is
    `_request_execution_time_buffer`. Raises LimitReached.
    """
    limits = rules.of_service(service, service.name, resolved)
    number = parameters.get(NUMBER, "").strip()
    country = str(resolved["_default_country"] or "")
    forms = numbers.forms(number, country) if number else frozenset()
    values = rules.counted_values(limits, parameters, headers) if is_now else ()
    day = counts.today(now)
    asked = counts.Asked(
        service_id=service.pk,
        is_now=is_now,
        values=tuple(counts.digest(service.pk, f"{day} {key}", _same(key, value, country)) for key, value in values),
        number=counts.digest(service.pk, NUMBER, min(forms)) if forms and limits.of_a_number is not None else "",
        numbers=tuple(forms),
    )
    if not is_now and not asked.number:
        return Admission(limits, asked, values, number, counts.Reading(rules.Counts(0), 0, (), ()))
    admission = Admission(limits, asked, values, number, counts.read(asked, limits, buffer, now))
    admission.judge(admission.seen.counts)
    return admission


def _same(key: str, value: str, country: str) -> str:
    """The value that is counted: a customer's number is the same one however it is written."""
    return min(numbers.forms(value, country), default=value) if key == NUMBER else value
