"""Types of configured service: which options one has, and from which configurations it can be created.

A new type is one registration here or, from a higher floor, in an app's ready().
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.catalogue import (
    CALLBACK_OPTIONS,
    CAPACITY_OPTIONS,
    OFFICE_HOURS_OPTIONS,
    SECTIONS,
    Option,
    interactions,
)
from services.configurations import CALLBACK_CONFIGURATIONS, CUSTOM, CommonDefaultConfiguration
from services.rules import CALLBACK_RULES, CAPACITY_RULES, OFFICE_HOURS_RULES, Rule


class UnknownType(LookupError):
    """No service type of this name is registered."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ServiceType:
    """`url` is what stands before the service's name in its URL, after the API version.

    A numbered family of options stands in `options`, `by_name` and `defaults()` once, by the name without a number,
    which is an option like its members.
    """

    name: str
    label: str
    url: str
    options: tuple[Option, ...]
    configurations: tuple[CommonDefaultConfiguration, ...]
    sections: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    by_name: Mapping[str, Option] = field(init=False)
    _families: tuple[Option, ...] = field(init=False)
    _defaults: Mapping[str, Mapping[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        own = {option.name: option.default for option in self.options}
        object.__setattr__(self, "by_name", {option.name: option for option in self.options})
        object.__setattr__(self, "_families", tuple(option for option in self.options if option.numbered))
        object.__setattr__(self, "_defaults", {c.name: {**own, **c.presets} for c in self.configurations})

    def option(self, name: str) -> Option | None:
        """The option of this name, also one of a numbered family; None when the type knows none."""
        if (option := self.by_name.get(name)) is not None:
            return option
        return next((member for family in self._families if (member := family.member(name)) is not None), None)

    def defaults(self, configuration: str) -> Mapping[str, str]:
        """The text of every option of a service created from this configuration that sets nothing itself.

        Raises LookupError for a configuration that this type does not have.
        """
        try:
            return self._defaults[configuration]
        except KeyError:
            raise LookupError(
                f"services of type {self.name} have no Common Default Configuration {configuration!r}; "
                f"there are: {', '.join(self._defaults)}"
            ) from None


_registry: dict[str, ServiceType] = {}


def register(service_type: ServiceType) -> None:
    if _registry.setdefault(service_type.name, service_type) is not service_type:
        raise ValueError(f"a service type named {service_type.name!r} is registered already")


def service_type(name: str) -> ServiceType:
    """The type registered under this name. Raises UnknownType."""
    try:
        return _registry[name]
    except KeyError:
        raise UnknownType(f"no service type {name!r} is registered; registered are: {', '.join(_registry)}") from None


def service_types() -> list[ServiceType]:
    return list(_registry.values())


CALLBACK = ServiceType(
    name="callback",
    label="callback",
    url="service/callback/",
    options=CALLBACK_OPTIONS,
    configurations=CALLBACK_CONFIGURATIONS,
    sections=SECTIONS,
    rules=CALLBACK_RULES,
)
OFFICE_HOURS = ServiceType(
    name="office-hours",
    label="office hours",
    url="service/",
    options=OFFICE_HOURS_OPTIONS,
    configurations=(CUSTOM,),
    sections=tuple(dict.fromkeys(option.section for option in OFFICE_HOURS_OPTIONS)),
    rules=OFFICE_HOURS_RULES,
)
CAPACITY = ServiceType(
    name="capacity",
    label="capacity",
    url="service/",
    options=CAPACITY_OPTIONS,
    configurations=(CUSTOM,),
    sections=tuple(dict.fromkeys(option.section for option in CAPACITY_OPTIONS)),
    rules=CAPACITY_RULES,
)


def _builtin(name: str, label: str, options: tuple[Option, ...]) -> ServiceType:
    return ServiceType(
        name=name,
        label=label,
        url="service/",
        options=options,
        configurations=(CUSTOM,),
        sections=tuple(dict.fromkeys(option.section for option in options)),
    )


REQUEST_INTERACTION = _builtin("request-interaction", "access numbers on request", interactions.REQUEST_INTERACTION)
REQUEST_ACCESS = _builtin("request-access", "access numbers for what was requested", interactions.REQUEST_ACCESS)
MATCH_INTERACTION = _builtin("match-interaction", "finding who calls", interactions.MATCH_INTERACTION)
GET = _builtin("get", "telling whether the system works", interactions.GET)
HELLO = _builtin("hello", "saying hello", interactions.HELLO)
# Those that answer by themselves, without a callback.
BUILTIN = (OFFICE_HOURS, CAPACITY, REQUEST_INTERACTION, REQUEST_ACCESS, MATCH_INTERACTION, GET, HELLO)
for _type in (CALLBACK, *BUILTIN):
    register(_type)
