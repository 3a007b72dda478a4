"""Public holidays of countries and their parts, by name. Computed, without a network."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType


@functools.lru_cache(maxsize=1024)
def public_holidays(country: str, year: int) -> Mapping[date, str]:
    """The English names of a year's public holidays by day, for a country (`DE`) or a part of one (`DE-BY`)."""
    import holidays  # a tenth of a second, and most services never ask

    code, _, part = country.partition("-")
    found = holidays.country_holidays(code, subdiv=part or None, years=year, language="en_US")
    return MappingProxyType({day: name for day, name in found.items() if day.year == year})
