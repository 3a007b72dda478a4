"""Kinds of value that name something configured elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable

from services.kinds.base import BadValue, Kind

SERVICE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


def service_reference(type_name: str) -> Kind:
    """The name of a configured service of a type; value: str, None when empty."""
    allowed = f"the name of a configured service of type {type_name}"

    def parse(given: str) -> str:
        if not SERVICE_NAME.fullmatch(given):
            raise BadValue(given, allowed)
        return given

    def names() -> list[str]:
        from services.models import ConfiguredService  # models are not loaded yet when option tables are built

        return list(ConfiguredService.objects.filter(type=type_name).values_list("name", flat=True))

    def check(given: str) -> None:
        if given not in (existing := names()):
            raise BadValue(given, f"{allowed}: {', '.join(existing) or 'there is none yet'}")

    def missing() -> Callable[[str], str]:
        existing = frozenset(names())
        return lambda text: "" if text in existing else f"there is no service {text} of type {type_name}"

    return Kind(
        name="service_reference",
        parse=parse,
        allowed=allowed,
        choices=lambda: [(name, name) for name in names()],
        check=check,
        missing=missing,
        widget="select",
    )
