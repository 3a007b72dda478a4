"""The options of configured services: name, kind, default and help of each, one module a section.

Names, defaults and sections are those of the Genesys Callback options reference; the options of our own say so in
their help.
"""

from __future__ import annotations

from services.catalogue import capacity, general, office_hours, originated, queueing, scheduled, terminated, treatments
from services.catalogue.option import Option, OptionError, OptionWarning

__all__ = [
    "CALLBACK_OPTIONS",
    "CAPACITY_OPTIONS",
    "OFFICE_HOURS_OPTIONS",
    "SECTIONS",
    "Option",
    "OptionError",
    "OptionWarning",
]

_MODULES = (general, queueing, terminated, treatments, scheduled, originated)

SECTIONS = tuple(module.SECTION for module in _MODULES)
CALLBACK_OPTIONS: tuple[Option, ...] = tuple(option for module in _MODULES for option in module.OPTIONS)
OFFICE_HOURS_OPTIONS: tuple[Option, ...] = office_hours.OPTIONS
CAPACITY_OPTIONS: tuple[Option, ...] = capacity.OPTIONS
