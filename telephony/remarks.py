"""What is to be said of a callback service's options that only telephony understands, beside what each kind says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from services.catalogue import OptionWarning
from services.readiness import Remarks
from telephony import access, targets


def unreached_targets() -> Remarks:
    """Of a list of targets that goes on for longer than a callback waits, which of them are never looked for."""

    def remarks(texts: Mapping[str, str]) -> Iterator[OptionWarning]:
        limit = texts.get("_urs_queued_ttl", "").strip()
        try:
            plan, most = targets.parse(texts.get("_target", "")), int(limit)
        except ValueError:  # said of the texts themselves, or known only at a request
            return
        starts, unreached = 0, []
        for step in plan.steps:
            if starts >= most:
                unreached.append(str(step.target))
            starts += step.timeout or 0
        if unreached:
            yield OptionWarning(
                "_urs_queued_ttl",
                f"_urs_queued_ttl: a callback is given up after {most} s, before its list of targets comes to "
                f"{', '.join(unreached)}, unless others are skipped.",
            )

    return remarks


def numbers_to_call() -> Remarks:
    """Where customers call us: that there are access numbers which they can be given."""

    def remarks(texts: Mapping[str, str]) -> Iterator[OptionWarning]:
        group = texts.get("_resource_group", "").strip()
        if texts.get("_call_direction", "").strip().upper() != "USERORIGINATED" or not group:
            return
        try:
            access.pool(group)
        except access.UnknownGroup as error:
            yield OptionWarning("_resource_group", f"cannot work: _resource_group: {error}", blocks=True)

    return remarks
