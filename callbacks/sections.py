"""What the global sections say to this floor beside the options that services inherit from them."""

from __future__ import annotations

import logging

from services.catalogue import SECTION_OPTIONS, OptionError
from services.models import Section

logger = logging.getLogger(__name__)

DISABLE_BULK = "disable-bulk-cancel-and-export-callback"


def value(section: str, key: str) -> object:
    """The typed value of a key as it is now, one statement; its default where it says nothing that can be read."""
    option = next(each for each in SECTION_OPTIONS if (each.section, each.name) == (section, key))
    options = Section.objects.filter(name=section).values_list("options", flat=True).first() or {}
    text = str(options.get(key, "")).strip()
    try:
        return option.value(text or option.default)
    except OptionError as error:
        logger.error("[%s] %s: %s", section, key, error)
        return option.value(option.default)


def keys(section: str, key: str) -> tuple[str, ...]:
    """The request keys that a key lists."""
    listed = value(section, key)
    return listed if isinstance(listed, tuple) else ()


def bulk_is_disabled() -> bool:
    """True where callbacks may be neither cancelled many at a time nor given out as a file."""
    return bool(value("lab", "disable-bulk-cancel-and-export-callback"))
