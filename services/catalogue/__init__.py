"""The options of configured services: name, kind, default and help of each, one module a section.

Names, defaults and sections are those of the Genesys Callback options reference; the options of our own say so in
their help.
"""

from __future__ import annotations

from services.catalogue import (
    capacity,
    chat,
    general,
    management,
    notification,
    office_hours,
    originated,
    queueing,
    reporting,
    scheduled,
    terminated,
    treatments,
)
from services.catalogue.option import Option, OptionError, OptionWarning
from services.catalogue.sections import LIST_OPTIONS, SECTION_OPTIONS, list_option, section_option, section_options

__all__ = [
    "CALLBACK_OPTIONS",
    "CAPACITY_OPTIONS",
    "LIST_OPTIONS",
    "OFFICE_HOURS_OPTIONS",
    "SECTIONS",
    "SECTION_OPTIONS",
    "Option",
    "OptionError",
    "OptionWarning",
    "list_option",
    "section_option",
    "section_options",
]

_MODULES = (
    general,
    queueing,
    terminated,
    treatments,
    scheduled,
    originated,
    management,
    notification,
    chat,
    reporting,
)

SECTIONS = tuple(module.SECTION for module in _MODULES)
CALLBACK_OPTIONS: tuple[Option, ...] = tuple(option for module in _MODULES for option in module.OPTIONS)
OFFICE_HOURS_OPTIONS: tuple[Option, ...] = office_hours.OPTIONS
CAPACITY_OPTIONS: tuple[Option, ...] = capacity.OPTIONS
